"""Loads, unloads and reloads while everybody asks."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from random import Random

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from benchmarks.soak.connection import Answer, Connection, LostError
from benchmarks.soak.repository import COMING, RELOADED, config_text, scaling_model
from benchmarks.soak.tally import Outcome
from benchmarks.soak.task import Task

_KIND = "control"
_PAUSE_S = 0.2


class Controller(threading.Thread):
    """Changes models one after the other, and says what they are then.

    Args:
        task: the soak.

    Attributes:
        done: how often each kind of change was made.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(name=_KIND, daemon=True)
        self._port = task.port
        self._models = task.models
        self._timelines = task.timelines
        self._tally = task.tally
        self._stop_event = task.stop
        self._random = Random(_KIND)
        self._written = {name: task.timelines[name].state for name in task.models}
        """The factor in each model's file."""
        self.done: dict[str, int] = {}

    def run(self) -> None:
        """Change something now and then until it is over."""
        with Connection(self._port) as connection:
            self._connection = connection
            while not self._stop_event.wait(self._random.random() * _PAUSE_S):
                try:
                    self._change()
                except LostError as error:
                    self._tally.complain(_KIND, Outcome.LOST, str(error))
                    return

    def _change(self) -> None:
        name = self._random.choice((*RELOADED, *COMING))
        changes: list[Callable[[str], None]]
        if self._timelines[name].state is None:
            changes = [self.load_again]
        else:
            changes = [
                *(self.load_again, self.load_changed, self.load_changed, self.load_with_config),
                *(self.load_with_file, self.fail_to_load),
            ]
            if name in COMING:
                changes += [self.unload, self.unload, self.unload]
        change = self._random.choice(changes)
        change(name)
        self.done[change.__name__] = self.done.get(change.__name__, 0) + 1

    # Changes.

    def load_again(self, name: str) -> None:
        """The repository's files as they are."""
        self._load(name, self._written[name])

    def load_changed(self, name: str) -> None:
        """Another file."""
        self._write(name)
        self._load(name, self._written[name])

    def load_with_config(self, name: str) -> None:
        """The repository's file with another configuration."""
        config = self._config(name)
        config.max_batch_size = self._random.choice((8, 16, 64))
        config.instance_group.add(
            count=self._random.choice((1, 2, 3)), kind=model_config_pb2.ModelInstanceGroup.KIND_CPU
        )
        config.dynamic_batching.max_queue_delay_microseconds = self._random.choice((0, 100))
        self._load(name, self._written[name], config=_json(config))

    def load_with_file(self, name: str) -> None:
        """A file that the request brings along."""
        factor = self._other_factor(name)
        content = base64.b64encode(scaling_model(factor, self._models[name].columns)).decode()
        self._load(name, factor, **{"config": _json(self._config(name)), "file:1/model.onnx": content})

    def fail_to_load(self, name: str) -> None:
        """A file that is no model: what serves goes on serving."""
        self._models[name].write(b"no model")
        answer = self._ask(f"models/{name}/load", {})
        if answer.status != 400 or "load failed for model" not in answer.json["error"]:
            self._complain(f"a broken '{name}' loads", answer)
        self._write(name)

    def unload(self, name: str) -> None:
        """Away with it."""
        timeline = self._timelines[name]
        timeline.begin(None)
        answer = self._ask(f"models/{name}/unload", {})
        if answer.status != 200:
            self._complain(f"'{name}' does not unload", answer)
        timeline.settle()

    # Their parts.

    def _load(self, name: str, factor: int | None, **parameters: str) -> None:
        timeline = self._timelines[name]
        timeline.begin(factor)
        answer = self._ask(f"models/{name}/load", {"parameters": parameters})
        if answer.status == 200:
            timeline.settle()
        else:
            timeline.take_back()
            self._complain(f"'{name}' does not load", answer)

    def _write(self, name: str) -> None:
        self._written[name] = factor = self._other_factor(name)
        self._models[name].write(scaling_model(factor, self._models[name].columns))

    def _other_factor(self, name: str) -> int:
        return self._random.choice([factor for factor in range(2, 1000) if factor != self._timelines[name].state])

    def _config(self, name: str) -> model_config_pb2.ModelConfig:
        config = model_config_pb2.ModelConfig()
        text_format.Parse(config_text(self._models[name].columns), config)
        return config

    def _ask(self, path: str, document: object) -> Answer:
        body = json.dumps(document).encode()
        head = f"POST /v2/repository/{path} HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(body)}\r\n\r\n"
        self._connection.send(head.encode() + body)
        answer = self._connection.read()
        self._tally.count(_KIND, Outcome.ANSWERED)
        return answer

    def _complain(self, what: str, answer: Answer) -> None:
        self._tally.complain(_KIND, Outcome.WRONG, f"{what}: {answer.status} {answer.body[:500]!r}")


def _json(config: model_config_pb2.ModelConfig) -> str:
    return json_format.MessageToJson(config, preserving_proto_field_name=True)
