"""A client of one classifying model of the demo's service, in the terms of the how-to that naiad follows."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from service import ADDRESS, HEADERS

# The how-to's name of `tritonclient.http`. It says that the name is old, and insists: recording is what keeps it quiet.
with warnings.catch_warnings(record=True):
    import tritonhttpclient


class Label(NamedTuple):
    """One answer: what it is, and how sure the model is (0 to 1)."""

    name: str
    score: float


class Classifier:
    """Asks a model for the most likely labels of what it is given.

    Args:
        model_name: a model with one input and one output that has labels.
        binary_data: send and receive tensors as bytes rather than as JSON.
    """

    def __init__(self, model_name: str, *, binary_data: bool = True) -> None:
        self._client = tritonhttpclient.InferenceServerClient(url=ADDRESS)
        self._model_name = model_name
        self._binary_data = binary_data
        metadata = self._client.get_model_metadata(model_name, headers=HEADERS)
        (self._input,) = metadata["inputs"]
        (self._output,) = metadata["outputs"]

    @property
    def signature(self) -> str:
        """The model's input and output, as the server tells them."""
        tensors = [f"{tensor['name']} {tensor['datatype']}{tensor['shape']}" for tensor in (self._input, self._output)]
        return f"{self._model_name}: {' → '.join(tensors)}"

    def __call__(self, batch: NDArray[Any], *, class_count: int = 1) -> list[list[Label]]:
        """The labels of each item of a batch, the most likely first.

        Args:
            batch: what the model takes, with the batch as its first dimension.
            class_count: how many labels of each item.
        """
        input = tritonhttpclient.InferInput(self._input["name"], batch.shape, self._input["datatype"])
        input.set_data_from_numpy(batch, binary_data=self._binary_data)
        output = tritonhttpclient.InferRequestedOutput(
            self._output["name"], binary_data=self._binary_data, class_count=class_count
        )
        result = self._client.infer(
            self._model_name, [input], request_id="0", outputs=[output], headers=HEADERS
        ).as_numpy(self._output["name"])
        return [[_label(text) for text in row] for row in np.atleast_2d(result)]


def _label(text: bytes | str) -> Label:
    """Read `score:index:name`."""
    score, _, name = (text.decode() if isinstance(text, bytes) else text).split(":", 2)
    return Label(name, float(score))
