"""A model instance's thread."""

from __future__ import annotations

import asyncio
import weakref

import numpy as np

from naiad.engine.execution import Batch, Executor
from naiad.engine.instance import InstanceThread
from tests.support.engine import GatedRuntime, infer_request, spec

DEADLINE_S = 10.0


async def test_an_idle_thread_holds_nothing_of_its_last_batch() -> None:
    tensors = [spec("x", "INT64", (1,))]
    executor = Executor(tensors, tensors, batched=True, execute=GatedRuntime())
    done: asyncio.Queue[None] = asyncio.Queue()
    instance = InstanceThread("m_0", executor, asyncio.get_running_loop(), lambda *_: done.put_nowait(None))
    array = np.zeros((1, 1), np.int64)
    content = weakref.ref(array)
    batch = Batch([infer_request(array, shapes=[(1, 1)])])
    del array
    instance.submit(batch)
    del batch
    async with asyncio.timeout(DEADLINE_S):
        await done.get()
        while content() is not None:
            await asyncio.sleep(0)
    instance.stop()
