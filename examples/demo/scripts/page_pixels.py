"""What the page model sees of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHORT_SIDE = 256
CROP = 224
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def pixels(picture: Image.Image) -> NDArray[np.float32]:
    """The middle of a picture: FP32[3,224,224]."""
    scale = SHORT_SIDE / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    left, top = (size[0] - CROP) // 2, (size[1] - CROP) // 2
    middle = picture.resize(size, Image.Resampling.LANCZOS).crop((left, top, left + CROP, top + CROP))
    return ((np.asarray(middle) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1).astype(np.float32)
