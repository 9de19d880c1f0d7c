"""An inference request as bytes, as Triton's own client writes it, and the check of one answer to it."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from benchmarks.models import INPUT, OUTPUT, Model

HEADER_LENGTH = "Inference-Header-Content-Length"
TIMEOUT_S = 30.0


class WrongAnswerError(RuntimeError):
    """A server answered something other than the model's output."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """The body and the headers of one POST.

    Attributes:
        path: where it goes, `/v2/models/NAME/infer`.
        headers: beside those that every client sends.
        body: JSON, with tensors behind it when they are binary.
    """

    path: str
    headers: dict[str, str]
    body: bytes

    def check(self, http_url: str, expected: npt.NDArray[np.float32]) -> None:
        """Send it once and compare the answer with `expected` ([batch, *output_dims]).

        Raises:
            WrongAnswerError: when the status is not 200 or the output differs.
        """
        connection = http.client.HTTPConnection(urlsplit(http_url).netloc, timeout=TIMEOUT_S)
        try:
            connection.request("POST", self.path, self.body, self.headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise WrongAnswerError(f"{http_url}{self.path} answered {response.status}: {content[:500]!r}")
        header_length = response.getheader(HEADER_LENGTH)
        result = InferenceServerClient.parse_response_body(
            content, header_length=None if header_length is None else int(header_length)
        )
        actual = result.as_numpy(OUTPUT)
        if actual is None or actual.shape != expected.shape or not np.allclose(actual, expected, rtol=1e-4, atol=1e-5):
            raise WrongAnswerError(f"{http_url}{self.path} answered {actual}, and onnxruntime gives {expected}")


def record(model: Model, *, batch_size: int, binary: bool) -> RecordedRequest:
    """The request for a batch of the model's input.

    Args:
        model: which model to ask.
        batch_size: rows of the input.
        binary: whether tensors travel behind the JSON, both ways, or inside it.
    """
    values = model.input(batch_size)
    tensor: Any = InferInput(INPUT, list(values.shape), "FP32")
    tensor.set_data_from_numpy(values, binary_data=binary)
    output = InferRequestedOutput(OUTPUT, binary_data=binary)
    body, header_length = InferenceServerClient.generate_request_body([tensor], outputs=[output])
    kind = "application/octet-stream" if binary else "application/json"
    headers = {"Content-Type": kind}
    if header_length is not None:
        headers[HEADER_LENGTH] = str(header_length)
    return RecordedRequest(f"/v2/models/{model.name}/infer", headers, body)
