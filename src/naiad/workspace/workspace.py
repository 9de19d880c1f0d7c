"""A workspace: the registry of models, environments and services that commands work in."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError
from naiad.workspace.artifacts import ArtifactStore
from naiad.workspace.database import Database
from naiad.workspace.environments import EnvironmentRegistry
from naiad.workspace.models import ModelRegistry
from naiad.workspace.services import ServiceRegistry
from naiad.workspace.tree import ModelLimits

logger = logging.getLogger(__name__)

FOLDER_NAME: Final = ".naiad"
VARIABLE: Final = "NAIAD_WORKSPACE"


class Workspace:
    """Models, environments and services in one folder.

        <root>/workspace.db                     what is registered and deployed
        <root>/artifacts/                       the content of models, once each
        <root>/models/<name>/<version>/         models laid out for reading
        <root>/services/<name>/                 a service's keys, logs and state

    Args:
        root: the folder, made when it is not there.
        database_url: SQLAlchemy URL of the registry; a file in the root when left out.
        artifact_root: where content is kept; a folder in the root when left out.
        limits: how big a model may be; from the environment when left out.

    Raises:
        ConfigError: when the folder or the database cannot be used.
        UnavailableError: when another process holds the database for too long.
    """

    def __init__(
        self,
        root: Path,
        *,
        database_url: str | None = None,
        artifact_root: Path | None = None,
        limits: ModelLimits | None = None,
    ) -> None:
        self.root: Final = Path(os.path.abspath(root))
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the workspace folder {self.root} cannot be made: {error.strerror}",
                hint=f"name another with the environment variable {VARIABLE}",
            ) from error
        database = Database(database_url or f"sqlite:///{self.root / 'workspace.db'}")
        database.migrate()
        self.models: Final = ModelRegistry(
            database,
            store=ArtifactStore(artifact_root or self.root / "artifacts"),
            folder=self.root / "models",
            limits=limits or ModelLimits.from_environment(os.environ),
            excluded=self.root,
        )
        self.environments: Final = EnvironmentRegistry(database)
        self.services: Final = ServiceRegistry(database, self.root / "services")

    @classmethod
    def open(cls, path: Path | None = None) -> Workspace:
        """Open the workspace that a command means, making it when it is not there.

        Args:
            path: its root; else the environment variable NAIAD_WORKSPACE, else the nearest `.naiad/` from the working
                directory up, else the user's data directory.

        Raises:
            ConfigError: when the folder or the database cannot be used.
            UnavailableError: when another process holds the database for too long.
        """
        return cls(path or find_root(Path.cwd()))

    @property
    def name(self) -> str:
        """What the workspace is called: its project's folder, or `default` for the user's own."""
        return self.root.parent.name if self.root.name == FOLDER_NAME else "default"


def find_root(start: Path) -> Path:
    """The root of the workspace that belongs to a folder; see `Workspace.open`."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    start = start.resolve()
    for folder in (start, *start.parents):
        candidate = folder / FOLDER_NAME
        if candidate.is_dir():
            # In a shared folder such as /tmp, anybody could put one in everybody's way.
            if candidate.stat().st_uid == os.getuid():
                return candidate
            logger.warning(
                "%s belongs to another user and is passed over; name it with %s to use it", candidate, VARIABLE
            )
    from platformdirs import user_data_path

    return user_data_path("naiad")
