"""Deployed services: what was asked for. Whether a service runs is the business of its target."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, Unpack

from sqlalchemy import select
from sqlalchemy.orm import Session

from naiad.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from naiad.workspace.database import Database
from naiad.workspace.keys import ServiceKeys, new_key
from naiad.workspace.labels import check_labels, current_user, has_labels
from naiad.workspace.model_rows import find_model
from naiad.workspace.models import parse_id
from naiad.workspace.tables import ServiceModelRow, ServiceRow
from naiad.workspace.tokens import TOKEN_FILE, AccessToken, TokenSigner

_KEYS_FILE: Final = "keys.json"
_WORKSPACE_SECRET: Final = "token.key"  # noqa: S105 - a file's name
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it was deployed.

    Attributes:
        model_ids: ids `name:version` of the models that it serves.
        compute_type: where it runs: `Local`.
        auth_enabled: whether requests need a key.
        token_auth_enabled: whether they need an access token instead.
        port: the port that was asked for; None to have one chosen.
        deployment: the deployment configuration as it was given.
        inference: the entry script and its environment; None without one.
        generation: counts what has served under this name.
        error: why the last deployment failed, when it did.
        created_time: aware, UTC; set by `ServiceRegistry.create`, like the three attributes after it.
    """

    name: str
    model_ids: tuple[str, ...]
    compute_type: str = "Local"
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    auth_enabled: bool = False
    token_auth_enabled: bool = False
    port: int | None = None
    deployment: Mapping[str, Any] = field(default_factory=dict)
    inference: Mapping[str, Any] | None = None
    generation: int = 1
    error: str | None = None
    created_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    created_by: str = ""


class ServiceChanges(TypedDict, total=False):
    """What may change about a service; a key that is left out leaves the value as it is."""

    model_ids: tuple[str, ...]
    description: str | None
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    auth_enabled: bool
    token_auth_enabled: bool
    port: int | None
    deployment: Mapping[str, Any]
    inference: Mapping[str, Any] | None
    generation: int
    error: str | None


class ServiceRegistry:
    """The services of a workspace.

    Args:
        database: where their rows are.
        folder: where each has a folder of its own.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def create(self, service: Service, *, overwrite: bool) -> Service:
        """Record a service, with its folder and, the first time, two new keys.

        Args:
            service: model ids may leave the version out and then mean the latest.
            overwrite: replace a service of the same name; its keys and its created_time stay.

        Returns:
            The service as recorded, with complete model ids, times and user.

        Raises:
            InvalidArgumentError: for a bad name, tag or property.
            NotFoundError: when a model is not registered.
            AlreadyExistsError: when the name is taken and `overwrite` is not set.
        """
        check_service_name(service.name)
        check_labels("tag", service.tags)
        check_labels("property", service.properties)
        now = datetime.now(UTC)
        with self._database.write() as session:
            row = session.get(ServiceRow, service.name)
            if row is not None and not overwrite:
                raise AlreadyExistsError(
                    f"Service {service.name} with the same name already exists, please use a different service name "
                    "or delete the existing service.",
                    hint="or replace it: --overwrite, overwrite=True",
                )
            if row is None:
                row = ServiceRow(name=service.name, created_time=now, created_by=current_user())
                session.add(row)
            row.compute_type = service.compute_type
            row.updated_time = now
            _assign(
                session,
                row,
                {
                    "model_ids": service.model_ids,
                    "description": service.description,
                    "tags": service.tags,
                    "properties": service.properties,
                    "auth_enabled": service.auth_enabled,
                    "token_auth_enabled": service.token_auth_enabled,
                    "port": service.port,
                    "deployment": service.deployment,
                    "inference": service.inference,
                    "generation": service.generation,
                    "error": service.error,
                },
            )
            self._make_folder(service.name)
            session.flush()
            return _service(row)

    def get(self, name: str) -> Service:
        """One service.

        Raises:
            NotFoundError: when there is none of that name.
        """
        with self._database.read() as session:
            return _service(_find(session, name))

    def list(
        self,
        *,
        compute_type: str | None = None,
        model_name: str | None = None,
        model_id: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        properties: Mapping[str, str | None] | None = None,
    ) -> list[Service]:
        """The services that have all of what is asked for, by name.

        Args:
            compute_type: in any case.
            model_name: that a served model has, whatever its version.
            tags: tag → value, or None for any value.
            properties: the same for properties.
        """
        with self._database.read() as session:
            services = [_service(row) for row in session.scalars(select(ServiceRow).order_by(ServiceRow.name))]
        return [
            service
            for service in services
            if (compute_type is None or service.compute_type.casefold() == compute_type.casefold())
            and (model_name is None or any(parse_id(used)[0] == model_name for used in service.model_ids))
            and (model_id is None or model_id in service.model_ids)
            and has_labels(service.tags, tags)
            and has_labels(service.properties, properties)
        ]

    def update(self, name: str, **changes: Unpack[ServiceChanges]) -> Service:
        """Change what is recorded about a service.

        Raises:
            NotFoundError: when there is no such service, or a model is not registered.
            InvalidArgumentError: for a bad tag or property.
        """
        check_labels("tag", changes.get("tags"))
        check_labels("property", changes.get("properties"))
        with self._database.write() as session:
            row = _find(session, name)
            row.updated_time = datetime.now(UTC)
            _assign(session, row, changes)
            session.flush()
            return _service(row)

    def delete(self, name: str) -> Service:
        """Forget a service and remove its folder, keys and logs included.

        Raises:
            NotFoundError: when there is no such service.
        """
        with self._database.write() as session:
            row = _find(session, name)
            service = _service(row)
            session.delete(row)
        shutil.rmtree(self._folder / service.name, ignore_errors=True)
        return service

    def directory(self, name: str) -> Path:
        """The service's own folder, readable for its owner only; it is there while the service is recorded.

        Raises:
            InvalidArgumentError: when the text cannot name a service.
        """
        check_service_name(name)
        return self._folder / name

    def access_file(self, service: Service) -> Path | None:
        """The file against which the service's server is to check requests; None when it is open to all.

        Args:
            service: recorded, or about to be; its folder is there.
        """
        if service.auth_enabled:
            return self.directory(service.name) / _KEYS_FILE
        if not service.token_auth_enabled:
            return None
        file = self.directory(service.name) / TOKEN_FILE
        self._signer(service.name).write(file)
        return file

    def issue_token(self, name: str) -> AccessToken:
        """A new access token for the service.

        Raises:
            NotFoundError: when there is no such service.
            InvalidArgumentError: when it does not take tokens.
        """
        if not self.get(name).token_auth_enabled:
            raise InvalidArgumentError(
                f"service '{name}' takes no access tokens",
                hint="switch them on: naiad service update --token-auth-enabled true, or token_auth_enabled=True",
            )
        return self._signer(name).issue()

    def keys(self, name: str) -> ServiceKeys:
        """The service's keys.

        Raises:
            NotFoundError: when there is no such service.
            InternalError: when its key file is gone or damaged.
        """
        return ServiceKeys.read(self.keys_file(name))

    def keys_file(self, name: str) -> Path:
        """The file that holds the keys and that the service's server watches.

        Raises:
            NotFoundError: when there is no such service.
        """
        return self.directory(self.get(name).name) / _KEYS_FILE

    def set_keys(self, name: str, keys: ServiceKeys) -> None:
        """Replace both keys; the running server follows at once.

        Raises:
            NotFoundError: when there is no such service.
        """
        keys.write(self.keys_file(name))

    def regenerate_key(
        self, name: str, which: Literal["primary", "secondary"], *, value: str | None = None
    ) -> ServiceKeys:
        """Replace one key, by a given value or a new random one.

        Raises:
            NotFoundError: when there is no such service.
            InvalidArgumentError: when the value cannot be a key.
        """
        key = new_key() if value is None else value
        # The write lock serialises two rotations, so that neither undoes the other.
        with self._database.write() as session:
            file = self.directory(_find(session, name).name) / _KEYS_FILE
            keys = ServiceKeys.read(file)
            keys = replace(keys, primary=key) if which == "primary" else replace(keys, secondary=key)
            keys.write(file)
        return keys

    def _signer(self, name: str) -> TokenSigner:
        return TokenSigner.of_service(name, workspace_secret=self._folder.parent / _WORKSPACE_SECRET)

    def _make_folder(self, name: str) -> None:
        folder = self._folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / _KEYS_FILE).exists():
            ServiceKeys.generate().write(folder / _KEYS_FILE)


def check_service_name(name: str) -> None:
    """Raise an InvalidArgumentError unless the text may name a service (azure-ml.md §2.4)."""
    if not 3 <= len(name) <= 32 or not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            "Error, provided service name is invalid. It must only consist of lowercase letters, numbers, or dashes, "
            "start with a letter, end with a letter or number, and be between 3 and 32 characters long.",
            hint=f"the name given was '{name}'",
        )


def _find(session: Session, name: str) -> ServiceRow:
    row = session.get(ServiceRow, name)
    if row is None:
        names = sorted(session.scalars(select(ServiceRow.name).limit(10)))
        raise NotFoundError(
            f"service '{name}' does not exist",
            hint=f"existing services: {', '.join(names)}" if names else "no service is deployed in this workspace yet",
        )
    return row


def _assign(session: Session, row: ServiceRow, changes: ServiceChanges) -> None:
    for attribute, value in changes.items():
        if attribute == "model_ids":
            continue
        setattr(row, attribute, dict(value) if isinstance(value, Mapping) else value)
    if "model_ids" in changes:
        found = [find_model(session, *parse_id(model_id)) for model_id in changes["model_ids"]]
        row.models.clear()
        session.flush()
        row.models.extend(ServiceModelRow(position=place, model_id=model.id) for place, model in enumerate(found))


def _service(row: ServiceRow) -> Service:
    return Service(
        name=row.name,
        model_ids=tuple(use.model_id for use in row.models),
        compute_type=row.compute_type,
        description=row.description,
        tags=row.tags,
        properties=row.properties,
        auth_enabled=row.auth_enabled,
        token_auth_enabled=row.token_auth_enabled,
        port=row.port,
        deployment=row.deployment,
        inference=row.inference,
        generation=row.generation,
        error=row.error,
        created_time=row.created_time,
        updated_time=row.updated_time,
        created_by=row.created_by,
    )
