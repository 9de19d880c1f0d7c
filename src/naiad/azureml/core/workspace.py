"""`azureml.core.Workspace`: a view of naiad's local workspace."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from naiad.azureml.exceptions import UserErrorException, WorkspaceException, translated
from naiad.azureml.printing import accept_unused
from naiad.workspace.workspace import Workspace as LocalWorkspace
from naiad.workspace.workspace import find_root

if TYPE_CHECKING:
    from naiad.azureml.core.environment import Environment
    from naiad.azureml.core.model import Model
    from naiad.azureml.core.webservice import Webservice

_FOLDERS: Final = (".azureml", "aml_config", "")
_FILES: Final = ("config.json", "project.json")


class Workspace:
    """Models, environments and services on this machine.

    Which workspace it is, is decided by the folder (see `naiad.workspace.workspace.Workspace.open`); subscription,
    resource group and name are labels.

    Args:
        subscription_id: label.
        resource_group: label.
        workspace_name: label; the workspace's own name when left out.
        auth: accepted and not used.

    Raises:
        WorkspaceException: when the workspace cannot be opened.
    """

    def __init__(
        self,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: Any = None,
        *,
        _start: Path | None = None,
    ) -> None:
        accept_unused("Workspace()", auth=auth)
        with translated(WorkspaceException):
            self._local = LocalWorkspace(find_root(_start or Path.cwd()))
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.name = workspace_name or self._local.name

    @classmethod
    def from_config(
        cls, path: str | os.PathLike[str] | None = None, auth: Any = None, _logger: Any = None, _file_name: Any = None
    ) -> Workspace:
        """The workspace of a project (azure-ml.md §2.2).

        Args:
            path: a configuration file, or a folder from which to search upwards for `.azureml/config.json`,
                `aml_config/config.json` or `config.json`; the working directory when left out, and then no file is
                needed.
            auth: accepted and not used.

        Raises:
            UserErrorException: when a path is given and there is no configuration file, or it cannot be read.
            WorkspaceException: when the workspace cannot be opened.
        """
        accept_unused("Workspace.from_config()", auth=auth, _logger=_logger)
        start = Path(os.path.abspath(path or "."))
        file = start if start.is_file() else _search(start, (_file_name,) if _file_name else _FILES)
        if file is None:
            if path is not None:
                raise UserErrorException(
                    f"The workspace configuration file config.json, could not be found in {path} or its parent "
                    "directories. Please check whether the workspace configuration file exists, or provide the full "
                    "path to the configuration file as an argument. Workspace.from_config() without an argument needs "
                    "no file."
                )
            return cls()
        labels = _labels(file)
        return cls(
            labels.get("subscription_id"),
            labels.get("resource_group"),
            labels.get("workspace_name"),
            auth=auth,
            _start=start.parent if start.is_file() else start,
        )

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> None:
        """Write the file that `from_config` finds: `<path>/.azureml/<file_name>`, in the working directory."""
        folder = Path(path or ".") / ".azureml"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / (file_name or "config.json")).write_text(json.dumps(self.get_details(), indent=4) + "\n")

    def get_details(self) -> dict[str, str | None]:
        """The labels."""
        return {
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.name,
        }

    @property
    def models(self) -> dict[str, Model]:
        """The latest version of every model, by name."""
        from naiad.azureml.core.model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    @property
    def environments(self) -> dict[str, Environment]:
        """The latest version of every environment, by name, the curated ones among them."""
        from naiad.azureml.core.environment import Environment

        return Environment.list(self)

    @property
    def webservices(self) -> dict[str, Webservice]:
        """Every service, by name."""
        from naiad.azureml.core.webservice import Webservice

        return {service.name: service for service in Webservice.list(self)}

    def __repr__(self) -> str:
        return (
            f"Workspace.create(name='{self.name}', subscription_id='{self.subscription_id}', "
            f"resource_group='{self.resource_group}')"
        )


def local_workspace(workspace: Workspace) -> LocalWorkspace:
    """The workspace behind a view.

    Raises:
        UserErrorException: when the caller passed something else.
    """
    if not isinstance(workspace, Workspace):
        raise UserErrorException(f"workspace must be a naiad.azureml.core.Workspace, not {type(workspace).__name__}")
    return workspace._local


def _search(start: Path, names: tuple[str, ...]) -> Path | None:
    for folder in (start, *start.parents):
        for sub in _FOLDERS:
            for name in names:
                file = folder / sub / name
                # Many a project has a config.json of another kind beside its code.
                if file.is_file() and (sub or "workspace_name" in _read(file)):
                    return file
    return None


def _labels(file: Path) -> dict[str, Any]:
    labels = _read(file)
    if "workspace_name" not in labels:
        raise UserErrorException(
            f"The workspace configuration file {file} must be JSON with the keys subscription_id, resource_group and "
            "workspace_name"
        )
    return labels


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
