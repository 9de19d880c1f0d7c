"""Ask the demo's service which way up a page is: `python pages.py TEXT_FILE`.

The text is drawn as a page (kept as `page.png`), turned in all four ways, and sent as one batch of four.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from classifier import Classifier
from PIL import Image, ImageDraw, ImageFont
from scripts.page_pixels import pixels

ANGLES = (0, 90, 180, 270)


def main() -> None:
    """Print what the model says of each turn; exit with status 1 when it is wrong about one."""
    page = draw(Path(sys.argv[1]).read_text())
    page.save("page.png")
    classify = Classifier("page_orientation", binary_data=False)
    print(classify.signature)
    batch = np.stack([pixels(page.rotate(-angle, expand=True)) for angle in ANGLES])
    wrong = 0
    for angle, (label,) in zip(ANGLES, classify(batch), strict=True):
        right = label.name == str(angle)
        wrong += not right
        print(f"  turned by {angle:3}°: {label.name:>3}° {label.score:7.1%}   {'right' if right else 'WRONG'}")
    if wrong:
        sys.exit(f"error: the model is wrong about {wrong} of {len(ANGLES)} pages")


def draw(text: str) -> Image.Image:
    """A page with the first lines of a text."""
    page = Image.new("RGB", (640, 480), "white")
    lines = "\n".join(text.splitlines()[:16])
    ImageDraw.Draw(page).multiline_text((20, 20), lines, fill="black", font=ImageFont.load_default(size=20), spacing=8)
    return page


if __name__ == "__main__":
    main()
