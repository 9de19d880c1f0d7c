"""Registered environments: immutable definitions under a name and a version that only grows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from naiad.errors import InvalidArgumentError, NotFoundError
from naiad.workspace.curated import CURATED
from naiad.workspace.database import Database
from naiad.workspace.environment import Environment
from naiad.workspace.labels import current_user
from naiad.workspace.tables import EnvironmentRow

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
_RESERVED: Final = ("azureml", "microsoft")


class EnvironmentRegistry:
    """The environments of a workspace, the curated ones among them.

    Args:
        database: where their rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, environment: Environment) -> Environment:
        """Record an environment as the next version of its name.

        Args:
            environment: its version is not looked at.

        Returns:
            The environment with its version; the latest one as it is when it has the same definition.

        Raises:
            InvalidArgumentError: for a bad name, or one that is reserved for curated environments.
        """
        if environment.definition == _definition(CURATED.get(environment.name)):
            return CURATED[environment.name]
        check_environment_name(environment.name)
        with self._database.write() as session:
            latest = _find(session, environment.name, None)
            if latest is not None and _environment(latest).definition == environment.definition:
                return _environment(latest)
            row = EnvironmentRow(
                name=environment.name,
                version=1 if latest is None else latest.version + 1,
                definition=environment.definition.to_dict(),
                created_time=datetime.now(UTC),
                created_by=current_user(),
            )
            session.add(row)
            return _environment(row)

    def get(self, name: str, version: str | None = None) -> Environment:
        """One version of an environment, the latest when none is named.

        Raises:
            NotFoundError: when it is not registered.
        """
        if name in CURATED and version in (None, CURATED[name].version):
            return CURATED[name]
        with self._database.read() as session:
            row = _find(session, name, version)
            if row is None:
                which = f"'{name}'" if version is None else f"'{name}' with version {version}"
                raise NotFoundError(f"environment {which} is not registered", hint=_known(session, name))
            return _environment(row)

    def list(self) -> list[Environment]:
        """The latest version of every environment, by name."""
        newest = select(EnvironmentRow.name, func.max(EnvironmentRow.version)).group_by(EnvironmentRow.name).subquery()
        query = select(EnvironmentRow).join(
            newest, (EnvironmentRow.name == newest.c[0]) & (EnvironmentRow.version == newest.c[1])
        )
        with self._database.read() as session:
            registered = [_environment(row) for row in session.scalars(query)]
        return sorted([*CURATED.values(), *registered], key=lambda environment: environment.name)


def check_environment_name(name: str) -> None:
    """Raise an InvalidArgumentError unless the text may name an environment of the user's own (azure-ml.md §1.36)."""
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            "an environment's name must consist of letters, numbers, dashes, periods and underscores, start with a "
            f"letter or number, and be between 1 and 255 characters long, not '{name}'"
        )
    if name.lower().startswith(_RESERVED):
        raise InvalidArgumentError(
            f"environment name '{name}' is reserved: names that start with AzureML or Microsoft are for curated "
            "environments, which cannot be changed",
            hint='clone it under a name of your own: Environment.get(ws, "AzureML-Triton").clone("My-Triton")',
        )


def _definition(environment: Environment | None) -> Environment | None:
    return None if environment is None else environment.definition


def _find(session: Session, name: str, version: str | None) -> EnvironmentRow | None:
    query = select(EnvironmentRow).where(EnvironmentRow.name == name).order_by(EnvironmentRow.version.desc()).limit(1)
    if version is not None:
        if not (version.isascii() and version.isdecimal() and len(version) < 10):
            return None
        query = query.where(EnvironmentRow.version == int(version))
    return session.scalar(query)


def _known(session: Session, name: str) -> str:
    versions = sorted(session.scalars(select(EnvironmentRow.version).where(EnvironmentRow.name == name)))
    if versions:
        return f"registered versions of '{name}': {', '.join(map(str, versions))}"
    names = {*CURATED, *session.scalars(select(EnvironmentRow.name).distinct().limit(10))}
    return f"environments of this workspace: {', '.join(sorted(names))}"


def _environment(row: EnvironmentRow) -> Environment:
    return Environment.from_dict({**row.definition, "version": str(row.version)})
