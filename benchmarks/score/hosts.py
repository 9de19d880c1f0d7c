"""The two hosts over the same entry script, as users start them."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, ClassVar, Final

import psutil

from benchmarks import environment, wrk
from benchmarks.load import Load
from benchmarks.recorded_request import RecordedRequest, WrongAnswerError
from benchmarks.server import LOOPBACK, Server

SCRIPT: Final = Path(__file__).with_name("sum.py")
BODY: Final = b'{"data": [1, 2, 3, 4, 5, 6, 7, 8]}'
ANSWER: Final = {"sum": 36}
REQUEST: Final = RecordedRequest("/score", {"Content-Type": "application/json"}, BODY)


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """Throughput of `/score`.

    Attributes:
        name: how the JSON names it.
        clients: connections that each send the request again when it is answered.
        budget: the least ratio of naiad's rate to the peer's.
        title: what the table calls it.
    """

    name: str
    clients: int
    budget: float
    title: str


class Host(Server):
    """An entry-script host.

    Args:
        workers: how many processes run the script.

    Attributes:
        script: what it serves.
        request: what it is asked.
    """

    ready_path: ClassVar[str] = "/"
    script: ClassVar[Path] = SCRIPT
    request: ClassVar[RecordedRequest] = REQUEST

    def __init__(self, *, workers: int = 1) -> None:
        super().__init__(SCRIPT.parent)
        self._workers = workers

    def environment(self) -> Mapping[str, str]:
        """As here, with the workers."""
        return {**super().environment(), "WORKER_COUNT": str(self._workers)}

    def proportional_bytes(self) -> int:
        """Memory of all processes together; what several share counts once."""
        first = psutil.Process(self.process.pid)
        return sum(process.memory_full_info().pss for process in (first, *first.children(recursive=True)))

    def score(self) -> Any:
        """The answer to one request."""
        with closing(http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=30)) as connection:
            connection.request("POST", self.request.path, self.request.body, self.request.headers)
            return json.loads(connection.getresponse().read())

    def check(self, row: ScoreRow) -> None:
        """Make sure that the answer is right."""
        if (answer := self.score()) != ANSWER:
            raise WrongAnswerError(f"{self.http_url}/score answered {answer}, not {ANSWER}")

    def load(self, row: ScoreRow, seconds: int) -> Load:
        """One run of wrk."""
        return wrk.run(self.http_url, self.request, clients=row.clients, seconds=seconds)


class NaiadHost(Host):
    """`python -m naiad.scoring`."""

    name: ClassVar[str] = "naiad"

    def command(self, folder: Path) -> list[str]:
        """The command line."""
        flags = ["--entry_script", str(self.script), "--port", str(self.http_port)]
        return [sys.executable, "-m", "naiad.scoring", *flags]

    def ask_version(self) -> str:
        """Of the package."""
        import naiad

        return naiad.__version__


class AzureHost(Host):
    """`azmlinfsrv`.

    Args:
        python: of its environment.
        workers: how many processes run the script.
    """

    name: ClassVar[str] = "azmlinfsrv"

    def __init__(self, python: Path, *, workers: int = 1) -> None:
        super().__init__(workers=workers)
        self._python = python

    def command(self, folder: Path) -> list[str]:
        """The command line."""
        flags = ["--entry_script", str(self.script), "--port", str(self.http_port)]
        return [str(self._python), "-m", "azureml_inference_server_http", *flags]

    def ask_version(self) -> str:
        """Of the package in its environment."""
        packages = next(environment.AZUREML_ENVIRONMENT.glob("lib/python*/site-packages"))
        return next(iter(distributions(name="azureml-inference-server-http", path=[str(packages)]))).version
