"""Which way up a page is: a picture in, a label out. The service's inference server runs the model."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import tritonhttpclient
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from page_pixels import pixels
from PIL import Image, UnidentifiedImageError

MODEL = "page_orientation"

client: tritonhttpclient.InferenceServerClient
described: dict[str, Any]


def init() -> None:
    """Called once in each worker."""
    global client, described
    client = tritonhttpclient.InferenceServerClient(url="localhost:8000")
    described = client.get_model_metadata(MODEL)


@rawhttp
def run(request: AMLRequest) -> Any:
    """Called for each request; its body is a picture."""
    try:
        picture = Image.open(io.BytesIO(request.get_data())).convert("RGB")
    except UnidentifiedImageError:
        return AMLResponse({"error": "the body is not a picture"}, 400)
    (input,), (output,) = described["inputs"], described["outputs"]
    data = pixels(picture)[np.newaxis]
    tensor = tritonhttpclient.InferInput(input["name"], data.shape, input["datatype"]).set_data_from_numpy(data)
    wanted = tritonhttpclient.InferRequestedOutput(output["name"], class_count=1)
    best = client.infer(MODEL, [tensor], request_id="0", outputs=[wanted]).as_numpy(output["name"]).flat[0]
    score, _, label = best.decode().split(":")
    return {"turned by": int(label), "score": float(score)}
