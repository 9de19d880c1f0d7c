"""What clients and the controller have in common."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.soak.repository import ModelFiles
from benchmarks.soak.tally import Tally
from benchmarks.soak.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Task:
    """One soak.

    Attributes:
        port, grpc_port: of the server.
        models: folders by name.
        timelines: what each model is.
        tally: told of every request.
        stop: set when it is over.
        pause_s: what a client waits from turn to turn, on average.
    """

    port: int
    grpc_port: int
    models: Mapping[str, ModelFiles]
    timelines: Mapping[str, Timeline]
    tally: Tally
    stop: threading.Event
    pause_s: float
