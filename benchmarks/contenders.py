"""What can be put under load: a server, or onnxruntime alone."""

from __future__ import annotations

import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime

from benchmarks import h2load, wrk
from benchmarks.load import Load
from benchmarks.models import INPUT, MAX_BATCH_SIZE, OUTPUT, Model
from benchmarks.recorded_call import record_call
from benchmarks.recorded_request import record
from benchmarks.rows import LoadRow
from benchmarks.server import Server


class Contender(Protocol):
    """Something that a row can load."""

    name: str
    version: str

    def check(self, row: LoadRow) -> None:
        """Make sure that one request of the row gets the right answer."""

    def load(self, row: LoadRow, seconds: int) -> Load:
        """Load it as the row says for `seconds`."""


class ServerContender:
    """A running server, loaded by wrk over HTTP and by h2load over gRPC."""

    def __init__(self, server: Server) -> None:
        self.name = server.name
        self.version = server.version
        self._server = server
        self._answer_bytes: dict[str, int] = {}

    def check(self, row: LoadRow) -> None:
        """Compare one answer with onnxruntime's (raises `WrongAnswerError`)."""
        graph = graph_of(self._server.repository, row.model)
        (expected,) = open_session(graph).run([OUTPUT], {INPUT: row.model.input(row.batch_size)})
        if row.transport == "gRPC":
            call = record_call(row.model, batch_size=row.batch_size)
            self._answer_bytes[row.name] = call.check(self._server.grpc_url, expected)
        else:
            request = record(row.model, batch_size=row.batch_size, binary=row.binary)
            request.check(self._server.http_url, expected)

    def load(self, row: LoadRow, seconds: int) -> Load:
        """One run of the load generator, behind a check of the row."""
        if row.transport == "gRPC":
            call = record_call(row.model, batch_size=row.batch_size)
            return h2load.run(
                self._server.grpc_url,
                call,
                clients=row.clients,
                streams=row.streams,
                answer_bytes=self._answer_bytes[row.name],
                seconds=seconds,
            )
        request = record(row.model, batch_size=row.batch_size, binary=row.binary)
        return wrk.run(self._server.http_url, request, clients=row.clients, seconds=seconds)


class BareOnnxruntime:
    """onnxruntime in a loop at the largest batch: the rate that no server in front of it exceeds."""

    name = "onnxruntime"
    version = version("onnxruntime")

    def __init__(self, repository: Path) -> None:
        self._repository = repository

    def check(self, row: LoadRow) -> None:
        """It is what the others are compared with."""

    def load(self, row: LoadRow, seconds: int) -> Load:
        """Run batches for `seconds`; the rate is rows, the percentiles are of batches."""
        session = open_session(graph_of(self._repository, row.model))
        feed = {INPUT: row.model.input(MAX_BATCH_SIZE)}
        ends = [time.perf_counter()]
        while ends[-1] < ends[0] + seconds:
            session.run([OUTPUT], feed)
            ends.append(time.perf_counter())
        p50, p99 = np.percentile(np.diff(ends), (50, 99)) * 1e6
        return Load(rate=(len(ends) - 1) * MAX_BATCH_SIZE / (ends[-1] - ends[0]), p50_us=p50, p99_us=p99)


def graph_of(repository: Path, model: Model) -> Path:
    """Where `save_repository` put the model's graph."""
    return repository / model.name / "1" / "model.onnx"


def open_session(graph: Path) -> onnxruntime.InferenceSession:
    """A session with as many threads as this process has cores, as both servers open it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
