"""What type a file has: its bytes in, a label out. The script runs the model itself."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from file_features import BLOCK_BYTES, features

session: onnxruntime.InferenceSession
labels: list[str]


def init() -> None:
    """Called once in each worker."""
    global session, labels
    folder = os.path.join(os.environ["AZUREML_MODEL_DIR"], "file_type")
    session = onnxruntime.InferenceSession(os.path.join(folder, "1", "model.onnx"))
    with open(os.path.join(folder, "labels.txt"), encoding="utf-8") as file:
        labels = file.read().splitlines()


@rawhttp
def run(request: AMLRequest) -> Any:
    """Called for each request; its body is a file."""
    body = request.get_data()
    (scores,) = session.run(None, {"bytes": features(body[:BLOCK_BYTES], body[-BLOCK_BYTES:])[np.newaxis]})
    best = int(scores[0].argmax())
    return {"type": labels[best], "score": float(scores[0][best])}
