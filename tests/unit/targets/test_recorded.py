from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from naiad.errors import NotFoundError
from naiad.targets.launch import LAUNCH_NAME, Launch
from naiad.targets.process_lock import changing
from naiad.targets.recorded import recorded_service, recorded_services
from naiad.targets.service_state import ServiceState, write_state
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace


def served(workspace: Workspace, generation: int, **record: Any) -> None:
    """A service whose supervisor let a generation take over that nobody recorded."""
    directory = workspace.services.directory("qa1")
    write_state(directory, ServiceState("running", generation=generation, latest=generation))
    Launch("qa1", (), generation=generation, record=record).write(directory / LAUNCH_NAME)


@pytest.fixture
def service(workspace: Workspace) -> Service:
    return workspace.services.create(Service("qa1", ("plain:1",), tags={"a": "1"}), overwrite=False)


def test_what_serves_is_recorded_when_somebody_looks(workspace: Workspace, service: Service) -> None:
    served(workspace, 2, model_ids=["repository:1"], auth_enabled=True)
    found = recorded_service(workspace, "qa1")
    assert (found.model_ids, found.auth_enabled, found.generation) == (("repository:1",), True, 2)
    assert found.tags == {"a": "1"}
    assert workspace.services.get("qa1") == found
    assert recorded_services(workspace, model_name="repository") == [found]


def test_a_record_is_as_it_is_without_an_update(workspace: Workspace, service: Service) -> None:
    assert recorded_service(workspace, "qa1") == service
    served(workspace, 1, model_ids=["repository:1"])
    assert recorded_service(workspace, "qa1") == service
    with pytest.raises(NotFoundError):
        recorded_service(workspace, "absent")


def test_whoever_changes_the_service_records_it(workspace: Workspace, service: Service) -> None:
    served(workspace, 2, model_ids=["repository:1"])
    with changing(workspace.services.directory("qa1")):
        assert recorded_service(workspace, "qa1") == service
    assert recorded_service(workspace, "qa1").model_ids == ("repository:1",)


def test_a_model_that_was_deleted_meanwhile_is_left_out(workspace: Workspace, service: Service) -> None:
    served(workspace, 2, model_ids=["repository:1", "pair:1"])
    workspace.models.delete("pair:1")
    assert recorded_service(workspace, "qa1").model_ids == ("repository:1",)


def test_a_damaged_launch_changes_nothing(workspace: Workspace, service: Service) -> None:
    served(workspace, 2)
    (workspace.services.directory("qa1") / LAUNCH_NAME).write_text("{")
    assert recorded_service(workspace, "qa1") == replace(service)
