"""Registered models: immutable files under a name and a version that only grows."""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

from sqlalchemy import select

from naiad.errors import AlreadyExistsError, ConflictError, InvalidArgumentError
from naiad.workspace.artifacts import Artifact, ArtifactEntry, ArtifactStore, Progress
from naiad.workspace.database import Database
from naiad.workspace.labels import changed_tags, check_labels, current_user, extended_properties, has_labels
from naiad.workspace.model_rows import find_model, insert_model, next_version, pop_unused_blobs, read_artifact
from naiad.workspace.tables import ModelRow, ServiceModelRow
from naiad.workspace.tree import ModelLimits, scan
from naiad.workspace.triton_layout import find_layout

logger = logging.getLogger(__name__)

FRAMEWORKS: Final = ("Custom", "TensorFlow", "ScikitLearn", "Onnx", "TfKeras", "PyTorch", "Multi")
"""Azure ML's names (azure-ml.md §2.3); `Multi` marks a Triton model repository."""

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a registered model.

    Attributes:
        id: `name:version`.
        framework: one of `FRAMEWORKS`.
        created_time: aware, UTC.
        entry: basename of the file or folder that was registered.
        digest: `sha256:` of names and contents.
        size_bytes: of all files together.
        cpu: cores that a service of this model should have; a hint.
        memory_gb: memory that it should have; a hint.
        gpu: GPUs that it should have; a hint.
    """

    name: str
    version: int
    framework: str
    framework_version: str | None
    description: str | None
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    created_time: datetime
    created_by: str
    entry: str
    digest: str
    size_bytes: int
    cpu: float | None = None
    memory_gb: float | None = None
    gpu: int | None = None

    @property
    def id(self) -> str:
        return f"{self.name}:{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """The document that commands print, with Azure ML's keys (azure-ml.md §3.1) and `sizeBytes`, `digest`."""
        hints = {"cpu": self.cpu, "memoryInGB": self.memory_gb, "gpu": self.gpu}
        return {
            "createdBy": self.created_by,
            "createdTime": self.created_time.isoformat(),
            "description": self.description,
            "digest": self.digest,
            "experimentName": None,
            "framework": self.framework,
            "frameworkVersion": self.framework_version,
            "id": self.id,
            "name": self.name,
            "properties": dict(self.properties),
            "resourceConfiguration": hints if any(value is not None for value in hints.values()) else None,
            "runId": None,
            "sizeBytes": self.size_bytes,
            "tags": dict(self.tags),
            "version": self.version,
        }


class ModelChanges(TypedDict, total=False):
    """What may change about a registered model; a key that is left out leaves the value as it is."""

    description: str | None
    tags: Mapping[str, str]
    cpu: float | None
    memory_gb: float | None
    gpu: int | None


class ModelRegistry:
    """The models of a workspace.

    Args:
        database: where their rows are.
        store: where their files are.
        folder: where they are laid out for reading, `<folder>/<name>/<version>/<entry>`.
        limits: how big one may be.
        excluded: a folder that is never part of a model: the workspace's own.
    """

    def __init__(
        self, database: Database, *, store: ArtifactStore, folder: Path, limits: ModelLimits, excluded: Path | None
    ) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._limits = limits
        self._excluded = excluded

    def register(
        self,
        path: str | os.PathLike[str],
        *,
        name: str,
        framework: str | None = None,
        framework_version: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        cpu: float | None = None,
        memory_gb: float | None = None,
        gpu: int | None = None,
        progress: Progress | None = None,
    ) -> Model:
        """Store a file or folder as the next version of a model.

        The version is one more than the last ever given to the name, also when that was deleted since. A folder keeps
        its basename as the top of what is stored. With framework `Multi` it must hold a Triton model repository
        (see `triton_layout`).

        Args:
            path: file or folder.
            name: of the model; azure-ml.md §2.3 has the rule.
            framework: one of `FRAMEWORKS`, in any case; `Custom` when left out.
            progress: called with (bytes stored, bytes in all).

        Raises:
            NotFoundError: when nothing is at the path.
            InvalidArgumentError: for a bad name, framework, tag, hint or file.
            ConfigError: for framework `Multi` and a tree without a model repository.
            ContentTooLargeError: when a limit is passed.
        """
        check_name(name)
        if framework is None and framework_version is not None:
            raise InvalidArgumentError("Model framework version cannot be provided without a valid framework")
        framework = _framework(framework or "Custom")
        check_labels("tag", tags)
        check_labels("property", properties)
        _check_hints(cpu=cpu, memory_gb=memory_gb, gpu=gpu)
        tree = scan(path, limits=self._limits, excluded=self._excluded)
        if framework == "Multi":
            layout = find_layout([entry.path for entry in tree.entries], entry=tree.entry, model=name)
            for warning in layout.warnings:
                logger.warning(warning)
        artifact = self._store.add(tree, progress=progress)
        with self._database.write() as session:
            # A deletion may just have removed a blob that `add` found and left alone.
            if not self._store.holds(artifact):
                artifact = self._store.add(tree)
            model = Model(
                name=name,
                version=next_version(session, name),
                framework=framework,
                framework_version=framework_version,
                description=description,
                tags=dict(tags or {}),
                properties=dict(properties or {}),
                created_time=datetime.now(UTC),
                created_by=current_user(),
                entry=tree.entry,
                digest=artifact.digest,
                size_bytes=artifact.size_bytes,
                cpu=cpu,
                memory_gb=memory_gb,
                gpu=gpu,
            )
            insert_model(session, {column: getattr(model, column) for column in _COLUMNS}, artifact)
        # Left there, perhaps, by a registry that was thrown away without its folder.
        self._drop_folder(model)
        return model

    def get(self, name: str, version: int | None = None) -> Model:
        """One version of a model, the latest when none is named.

        Raises:
            NotFoundError: when it is not registered.
        """
        with self._database.read() as session:
            return _model(find_model(session, name, version))

    def get_by_id(self, model_id: str) -> Model:
        """The model of an id: `name:version`, or `name` for its latest version.

        Raises:
            NotFoundError: when it is not registered.
            InvalidArgumentError: when the version is not a number.
        """
        return self.get(*parse_id(model_id))

    def list(
        self,
        name: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        *,
        properties: Mapping[str, str | None] | None = None,
        framework: str | None = None,
        latest: bool = False,
    ) -> list[Model]:
        """The models that have all of what is asked for, by name and version.

        Args:
            tags: tag → value, or None for any value.
            properties: the same for properties.
            latest: only the newest version of each name (of those that match).
        """
        query = select(ModelRow).order_by(ModelRow.name, ModelRow.version)
        if name is not None:
            query = query.where(ModelRow.name == name)
        if framework is not None:
            query = query.where(ModelRow.framework == _framework(framework))
        with self._database.read() as session:
            rows = session.scalars(query)
            models = [
                _model(row) for row in rows if has_labels(row.tags, tags) and has_labels(row.properties, properties)
            ]
        return list({model.name: model for model in models}.values()) if latest else models

    def update(
        self,
        model_id: str,
        *,
        add_tags: Mapping[str, str] | None = None,
        remove_tags: Collection[str] = (),
        add_properties: Mapping[str, str] | None = None,
        **changes: Unpack[ModelChanges],
    ) -> Model:
        """Change what is said about a model; its files never change.

        Args:
            model_id: of the model.
            add_tags: tags to set, beside those that are there.
            remove_tags: keys of tags to remove.
            add_properties: properties to add; one that is there cannot change.
            changes: new values.

        Raises:
            NotFoundError: when it is not registered.
            InvalidArgumentError: for a bad tag, property or hint.
        """
        check_labels("tag", changes.get("tags"))
        _check_hints(cpu=changes.get("cpu"), memory_gb=changes.get("memory_gb"), gpu=changes.get("gpu"))
        with self._database.write() as session:
            row = find_model(session, *parse_id(model_id))
            for attribute, value in changes.items():
                setattr(row, attribute, dict(value) if isinstance(value, Mapping) else value)
            row.tags = changed_tags(row.tags, add=add_tags, remove=remove_tags)
            row.properties = extended_properties(row.properties, add=add_properties)
            return _model(row)

    def delete(self, model_id: str) -> Model:
        """Remove a version and the files that no other model has.

        Raises:
            NotFoundError: when it is not registered.
            ConflictError: while services use it; the message names them.
        """
        with self._database.write() as session:
            row = find_model(session, *parse_id(model_id))
            model = _model(row)
            uses = select(ServiceModelRow.service_name).where(ServiceModelRow.model_id == row.id).distinct()
            users = sorted(session.scalars(uses))
            if users:
                raise ConflictError(
                    f"model '{model.id}' is used by {_services(users)} and cannot be deleted",
                    hint=f"delete it first: naiad service delete -n {users[0]}",
                )
            session.delete(row)
        self._drop_folder(model)
        # In a transaction of its own: had a crash undone the deletion, the blobs would have to be there still.
        with self._database.write() as session:
            self._store.remove(pop_unused_blobs(session))
        return model

    def path(self, model_id: str) -> Path:
        """The model's file or folder, laid out read-only under the workspace.

        With framework `Multi`, a configuration file that was drawn inside a version folder also stands where Triton
        looks for it.

        Raises:
            NotFoundError: when it is not registered.
        """
        model, artifact = self._load(model_id)
        place = self._folder / model.name / str(model.version)
        if not place.is_dir():
            self._lay_out(model, artifact, place)
        return place / model.entry

    def triton_repository(self, model_id: str) -> Path:
        """The folder inside the laid-out model that is a Triton model repository.

        Raises:
            NotFoundError: when the model is not registered.
            ConfigError: when it holds no model repository; the message shows the tree.
        """
        model, artifact = self._load(model_id)
        layout = find_layout([entry.path for entry in artifact.entries], entry=model.entry, model=model.id)
        return self.path(model.id).parent / layout.repository

    def download(self, model_id: str, target_dir: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Copy the registered file or folder into a folder, which is made when it is not there.

        Returns:
            The copy: `<target_dir>/<entry>`.

        Raises:
            NotFoundError: when the model is not registered.
            AlreadyExistsError: when something is there and `overwrite` is not set. Overwriting replaces the model's
                files and leaves others.
            InternalError: when a stored file is damaged.
            InvalidArgumentError: when the folder cannot be written.
        """
        model, artifact = self._load(model_id)
        folder = Path(os.path.abspath(target_dir))
        target = folder / model.entry
        if os.path.lexists(target) and not overwrite:
            raise AlreadyExistsError(
                f"{target} already exists and downloading model '{model.id}' would write over it",
                hint="download into another folder, or allow it (--overwrite, exist_ok=True)",
            )
        temporary = folder / f".{model.entry}.{secrets.token_hex(8)}"
        try:
            temporary.mkdir(parents=True)
            self._store.copy(artifact, temporary)
            for entry in artifact.entries:
                # One by one: what else is in a folder of that name is not ours to remove.
                (folder / entry.path).parent.mkdir(parents=True, exist_ok=True)
                if entry.digest is None:
                    (folder / entry.path).mkdir(exist_ok=True)
                else:
                    (temporary / entry.path).replace(folder / entry.path)
        except OSError as error:
            raise InvalidArgumentError(
                f"{error.filename2 or error.filename or folder} cannot be written: {error.strerror}"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return target

    def _load(self, model_id: str) -> tuple[Model, Artifact]:
        with self._database.read() as session:
            model = _model(find_model(session, *parse_id(model_id)))
            return model, read_artifact(session, model.digest)

    def _lay_out(self, model: Model, artifact: Artifact, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
        try:
            self._store.link(_with_configs(model, artifact), temporary)
            temporary.rename(place)
        except OSError:
            # Another process was first, and laid out the same files.
            if not place.is_dir():
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _drop_folder(self, model: Model) -> None:
        place = self._folder / model.name / str(model.version)
        gone = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
        try:
            place.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone)


def check_name(name: str) -> None:
    """Raise an InvalidArgumentError unless the text may name a model (azure-ml.md §2.3)."""
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            "Error, provided model name is invalid. It must only consist of letters, numbers, dashes, periods, or "
            "underscores, start with a letter or number, and be between 1 and 255 characters long.",
            hint=f"the name given was '{name}'",
        )


def parse_id(model_id: str) -> tuple[str, int | None]:
    """Split `name:version`, or `name`, into its parts.

    Raises:
        InvalidArgumentError: when the version is not a whole number.
    """
    name, colon, version = model_id.rpartition(":")
    if not colon:
        return model_id, None
    if not (version.isascii() and version.isdecimal()):
        raise InvalidArgumentError(
            f"model id '{model_id}' is malformed: expected name:version with a whole number, or a name alone"
        )
    return name, int(version)


def _framework(framework: str) -> str:
    for known in FRAMEWORKS:
        if known.casefold() == framework.casefold():
            return known
    raise InvalidArgumentError(f"model framework '{framework}' is not known: expected one of {', '.join(FRAMEWORKS)}")


def _check_hints(**hints: float | None) -> None:
    for name, value in hints.items():
        if value is not None and not (value > 0 or (value == 0 and name == "gpu")):
            raise InvalidArgumentError(f"{name} must be greater than zero, not {value:g}")


_COLUMNS: Final = tuple(Model.__dataclass_fields__)


def _model(row: ModelRow) -> Model:
    return Model(**{column: getattr(row, column) for column in _COLUMNS})


def _with_configs(model: Model, artifact: Artifact) -> Artifact:
    if model.framework != "Multi":
        return artifact
    layout = find_layout([entry.path for entry in artifact.entries], entry=model.entry, model=model.id)
    added = [
        ArtifactEntry(layout.misplaced_configs[entry.path], entry.digest, entry.size_bytes)
        for entry in artifact.entries
        if entry.path in layout.misplaced_configs
    ]
    return Artifact((*artifact.entries, *added))


def _services(names: Sequence[str]) -> str:
    return f"service '{names[0]}'" if len(names) == 1 else f"services {', '.join(repr(name) for name in names)}"
