"""The same requests to both hosts over the same scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conformance.azureml.comparison import compare, compare_documents, compare_lines
from tests.conformance.azureml.corpus import raw, schema, service, undecorated
from tests.conformance.azureml.hosts import Host, Program, running
from tests.conformance.azureml.ledger import Ledger
from tests.conformance.azureml.milestones import accesses, milestones
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(300)

SCRIPTS = (*undecorated.SCRIPTS, *raw.SCRIPTS, *schema.SCRIPTS, *service.SCRIPTS)
CASES = [(script.name, name) for script in SCRIPTS for name in script.requests]
_BY_NAME = {script.name: script for script in SCRIPTS}
NAMES = [*map("/".join, CASES), *(f"{name}/log" for name in _BY_NAME)]


@pytest.fixture(scope="module")
def hosts(programs: list[Program], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Host]]]:
    """Both hosts for every script, the real one first."""
    folder = tmp_path_factory.mktemp("scripts")
    with ExitStack() as stack:
        started = {
            script.name: stack.enter_context(running(programs, script, folder / script.name.replace(" ", "_")))
            for script in SCRIPTS
        }
        for pair in started.values():
            for host in pair:
                host.wait_until_ready()
        yield started


@pytest.mark.parametrize(("script", "request_name"), CASES, ids="/".join)
def test_answers_agree(script: str, request_name: str, hosts: dict[str, list[Host]], azureml_ledger: Ledger) -> None:
    """Status, headers and body are the same, but for what is known to differ."""
    data = _BY_NAME[script].requests[request_name]
    one, other = (host.ask(data) for host in hosts[script])
    are_documents = one.status == other.status == 200 and data.startswith(b"GET /swagger.json")
    differences = compare_documents(one, other) if are_documents else compare(one, other)
    assert not azureml_ledger.record(f"{script}/{request_name}", differences)


@pytest.mark.parametrize("script", _BY_NAME)
def test_logs_agree(script: str, hosts: dict[str, list[Host]], azureml_ledger: Ledger) -> None:
    """The same milestones on the way, and a line for each request."""
    one, other = hosts[script]
    wait_for(lambda: len(accesses(other.log)) >= len(accesses(one.log)), "every request is in the log")
    differences = [
        *compare_lines("milestones", *(milestones(host.log) for host in (one, other))),
        *compare_lines("accesses", *(accesses(host.log) for host in (one, other))),
    ]
    assert not azureml_ledger.record(f"{script}/log", differences)
