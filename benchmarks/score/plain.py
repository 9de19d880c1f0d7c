"""Architecture A: the script runs the model itself."""

import json
import os

import numpy as np
import onnxruntime

session: onnxruntime.InferenceSession


def init() -> None:
    """One thread: the workers share the processors."""
    global session
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.path.join(os.environ["AZUREML_MODEL_DIR"], "mlp/1/model.onnx"), options)


def run(data: str) -> list[float]:
    """The model's answer to one row."""
    (y,) = session.run(None, {"x": np.array([json.loads(data)["data"]], np.float32)})
    return [float(value) for value in y[0]]
