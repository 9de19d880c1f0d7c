"""The registry's tables: what the rows of workspace.db look like. `migrations/` brings a database to this shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, stored as UTC without an offset, because SQLite has no time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain class attribute
        str: Text,
        datetime: UtcDateTime,
        dict[str, str]: JSON,
        dict[str, Any]: JSON,
    }


class ModelNameRow(Base):
    """A name that was registered once; it outlives its models, so that a version number is never given twice."""

    __tablename__ = "model_names"

    name: Mapped[str] = mapped_column(primary_key=True)
    last_version: Mapped[int]


class ModelRow(Base):
    __tablename__ = "models"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ForeignKey("model_names.name"), index=True)
    version: Mapped[int]
    framework: Mapped[str]
    framework_version: Mapped[str | None]
    description: Mapped[str | None]
    tags: Mapped[dict[str, str]]
    properties: Mapped[dict[str, str]]
    created_time: Mapped[datetime]
    created_by: Mapped[str]
    entry: Mapped[str]
    digest: Mapped[str] = mapped_column(index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    cpu: Mapped[float | None]
    memory_gb: Mapped[float | None]
    gpu: Mapped[int | None]


class ArtifactEntryRow(Base):
    """One file, or one empty folder, of an artifact; all rows of one digest are the artifact's manifest."""

    __tablename__ = "artifact_entries"

    artifact_digest: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    blob_digest: Mapped[str | None] = mapped_column(index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class ServiceRow(Base):
    __tablename__ = "services"

    name: Mapped[str] = mapped_column(primary_key=True)
    compute_type: Mapped[str]
    description: Mapped[str | None]
    tags: Mapped[dict[str, str]]
    properties: Mapped[dict[str, str]]
    created_time: Mapped[datetime]
    updated_time: Mapped[datetime]
    created_by: Mapped[str]
    auth_enabled: Mapped[bool]
    token_auth_enabled: Mapped[bool]
    port: Mapped[int | None]
    deployment: Mapped[dict[str, Any]]
    inference: Mapped[dict[str, Any] | None]
    generation: Mapped[int]
    error: Mapped[str | None]
    models: Mapped[list[ServiceModelRow]] = relationship(
        order_by="ServiceModelRow.position", cascade="all, delete-orphan", lazy="selectin"
    )


class ServiceModelRow(Base):
    """A service's use of a model; the foreign key is what keeps a model in use from being deleted."""

    __tablename__ = "service_models"

    service_name: Mapped[str] = mapped_column(ForeignKey("services.name", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id", ondelete="RESTRICT"), index=True)


class EnvironmentRow(Base):
    """One version of a registered environment; there is no deleting one, so the last version is the greatest."""

    __tablename__ = "environments"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    definition: Mapped[dict[str, Any]]
    created_time: Mapped[datetime]
    created_by: Mapped[str]
