"""Put load on the demo's service for a few seconds a row: `python load.py SECONDS`.

Clients in this process, each with one request in flight, send one item at a time to one model; the server's own
statistics tell how many of them it ran together.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from service import ADDRESS, HEADERS
from tritonclient.http import aio

MODELS = ("file_type", "page_orientation")
CLIENTS = (1, 16)


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of the table is made of: seconds of each request, and what the server counted meanwhile."""

    elapsed_s: float
    latencies_s: list[float]
    inferences: int
    executions: int

    def __str__(self) -> str:
        p50_s, p99_s = np.percentile(self.latencies_s, (50, 99))
        rate = len(self.latencies_s) / self.elapsed_s
        return f"{rate:10.0f} {p50_s * 1e3:8.1f} {p99_s * 1e3:8.1f} {self.inferences / self.executions:11.1f}"


async def main(seconds: float) -> None:
    """Print the table."""
    print(f"{'model':18} {'clients':>7} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'mean batch':>11}")
    async with aio.InferenceServerClient(url=ADDRESS, conn_limit=max(CLIENTS)) as client:
        for model in MODELS:
            item = await random_item(client, model)
            await measure(client, model, item, clients=max(CLIENTS), seconds=seconds / 10)
            for clients in CLIENTS:
                row = await measure(client, model, item, clients=clients, seconds=seconds)
                print(f"{model:18} {clients:7} {row}", flush=True)


async def random_item(client: aio.InferenceServerClient, model: str) -> list[Any]:
    """One item of noise for a model, whatever it takes."""
    (tensor,) = (await client.get_model_metadata(model, headers=HEADERS))["inputs"]
    shape = [1, *tensor["shape"][1:]]
    dtype = {"INT32": np.int32, "FP32": np.float32}[tensor["datatype"]]
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    return [aio.InferInput(tensor["name"], shape, tensor["datatype"]).set_data_from_numpy(noise)]


async def measure(
    client: aio.InferenceServerClient, model: str, item: list[Any], *, clients: int, seconds: float
) -> Row:
    """Send for some seconds from so many clients."""
    latencies_s: list[float] = []
    before = await counters(client, model)
    start_s = time.perf_counter()

    async def send() -> None:
        while (sent_s := time.perf_counter()) - start_s < seconds:
            await client.infer(model, item, headers=HEADERS)
            latencies_s.append(time.perf_counter() - sent_s)

    await asyncio.gather(*(send() for _ in range(clients)))
    elapsed_s = time.perf_counter() - start_s
    after = await counters(client, model)
    return Row(elapsed_s, latencies_s, after[0] - before[0], after[1] - before[1])


async def counters(client: aio.InferenceServerClient, model: str) -> tuple[int, int]:
    """How many inferences the server has done, in how many batches."""
    (statistics,) = (await client.get_inference_statistics(model, headers=HEADERS))["model_stats"]
    return statistics["inference_count"], statistics["execution_count"]


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
