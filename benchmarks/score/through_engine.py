"""Architecture C: the script asks the engine, which batches the requests of all workers."""

import json

import numpy as np
from tritonclient.grpc import aio

client: aio.InferenceServerClient


async def init() -> None:
    """One connection."""
    global client
    client = aio.InferenceServerClient("localhost:8001")


async def run(data: str) -> list[float]:
    """The model's answer to one row."""
    row = np.array([json.loads(data)["data"]], np.float32)
    x = aio.InferInput("x", list(row.shape), "FP32").set_data_from_numpy(row)
    y = (await client.infer("mlp", [x])).as_numpy("y")
    return [float(value) for value in y[0]]
