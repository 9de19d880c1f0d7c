"""The OpenAPI documents of a service (azure-ml.md §4.2, §4.6)."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from naiad.scoring.errors import EntryScriptError
from naiad.scoring.schema.parameter_type import SWAGGER_2
from naiad.scoring.schema.run_schema import RunSchema
from naiad.scoring.score_response import JSON_CONTENT, NOT_FAILED, ScoreResponse, error_response

Document: TypeAlias = dict[str, Any]

_log = logging.getLogger("azmlinfsrv.swagger")

# The version in a request, its other name, and the user's files, the first of which wins.
_VERSIONS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("2", SWAGGER_2, ("swagger.json", "swagger2.json")),
    ("3", "3.0", ("swagger3.json",)),
    ("3.1", "3.1", ("swagger3.1.json",)),
)
_ANYTHING: Final[Document] = {"type": "object", "example": {}}
_ERROR: Final[Document] = {"type": "object", "properties": {"message": {"type": "string"}}}
_BEARER: Final[Document] = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "A key or token of the service, as in: Bearer abc123",
}

_FAILED: Final = "The request was not served; the message says why."
_HEALTHY: Final = "The service is up."
_SCORED: Final = "What the model answers."
_DESCRIBED: Final = "This document."


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What the documents say about the service.

    Attributes:
        name: the title; SERVICE_NAME.
        version: of the service; SERVICE_VERSION.
        path_prefix: before every path; SERVICE_PATH_PREFIX.
    """

    name: str = "ML service"
    version: str = "1.0"
    path_prefix: str = ""


class Swagger:
    """The documents that a script has, as they are sent.

    Args:
        documents: text by version, other names of versions included.
    """

    def __init__(self, documents: dict[str, bytes]) -> None:
        self._documents = documents
        self._supported = ", ".join(version for version, _, _ in _VERSIONS if version in documents)

    @classmethod
    def prepare(cls, app_root: Path, schema: RunSchema | None, service: ServiceInfo) -> Swagger:
        """Read the user's files, and write the other documents.

        Args:
            app_root: where the user's files lie.
            schema: what the decorators say; without them anything goes in and out.
            service: what the documents say about the service.

        Raises:
            EntryScriptError: a user's file is not JSON.
        """
        documents: dict[str, bytes] = {}
        skipped = []
        for version, alias, files in _VERSIONS:
            document = _users_document(app_root, version, files)
            if document is None and (schema is None or alias in schema.versions):
                document = _document(version, schema, service)
            if document is None:
                skipped.append(version)
            else:
                documents[version] = documents[alias] = json.dumps(document).encode()
        swagger = cls(documents)
        swagger._log_versions(skipped)
        return swagger

    def response(self, version: str) -> ScoreResponse:
        """The document of a version, or 404."""
        document = self._documents.get(version)
        if document is not None:
            return ScoreResponse(200, document, [JSON_CONTENT, NOT_FAILED])
        if any(version in (name, alias) for name, alias, _ in _VERSIONS):
            return error_response(
                404,
                f"Swagger version [{version}] is not supported for the scoring script. "
                f"Supported swagger versions: [{self._supported}].",
            )
        return error_response(
            404, f"Swagger version [{version}] is not valid. Supported versions: [{self._supported}]."
        )

    def _log_versions(self, skipped: list[str]) -> None:
        if not self._documents:
            _log.info("No swagger is prepared.")
        elif skipped:
            _log.info(
                "Swaggers are prepared for versions [%s] and skipped for versions [%s].",
                self._supported,
                ", ".join(skipped),
            )
        else:
            _log.info("Swaggers are prepared for the following versions: [%s].", self._supported)


def _users_document(app_root: Path, version: str, names: tuple[str, ...]) -> Any:
    for name in names:
        path = app_root / name
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise EntryScriptError(f"The swagger file {path} cannot be read as JSON: {error}") from error
        if document:
            _log.info("Loaded user's swagger file for version [%s] from %s", version, path)
            return document
    return None


def _document(version: str, schema: RunSchema | None, service: ServiceInfo) -> Document:
    service_input = schema.input_object() if schema else _ANYTHING
    service_output = schema.output_object() if schema else _ANYTHING
    schemas = {"ServiceInput": service_input, "ServiceOutput": service_output, "ErrorResponse": _ERROR}
    info = {
        "title": service.name,
        "description": f"The machine-learning service {service.name}",
        "version": service.version,
    }
    if version == "2":
        return _document_2(info, schemas, service)
    return _document_3("3.1.0" if version == "3.1" else "3.0.3", info, schemas, service)


def _document_2(info: Document, schemas: Document, service: ServiceInfo) -> Document:
    payload = {
        "name": "serviceInputPayload",
        "in": "body",
        "description": "What the model is given.",
        "schema": {"$ref": "#/definitions/ServiceInput"},
    }
    version = {"name": "version", "in": "query", "required": False, "type": "integer", "enum": [2, 3]}

    def answer(description: str, schema: Document, **more: Any) -> Document:
        return {"description": description, "schema": schema, **more}

    failure = answer(_FAILED, {"$ref": "#/definitions/ErrorResponse"})
    health = answer(_HEALTHY, {"type": "string"}, examples={"application/json": "Healthy"})
    scored = answer(_SCORED, {"$ref": "#/definitions/ServiceOutput"})
    document = answer(_DESCRIBED, {"type": "string"})
    return {
        "swagger": "2.0",
        "info": info,
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": _BEARER},
        "paths": _paths(
            service,
            health={"responses": {"200": health, "default": failure}},
            score={
                "security": [{"Bearer": []}],
                "parameters": [payload],
                "responses": {"200": scored, "default": failure},
            },
            swagger={"parameters": [version], "responses": {"200": document, "default": failure}},
        ),
        "definitions": schemas,
    }


def _document_3(openapi: str, info: Document, schemas: Document, service: ServiceInfo) -> Document:
    payload = {
        "description": "What the model is given.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ServiceInput"}}},
    }
    version = {"name": "version", "in": "query", "required": False, "schema": {"type": "integer", "enum": [2, 3]}}

    def answer(description: str, content_type: str, schema: Document) -> Document:
        return {"description": description, "content": {content_type: {"schema": schema}}}

    failure = answer(_FAILED, "application/json", {"$ref": "#/components/schemas/ErrorResponse"})
    health = answer(_HEALTHY, "text/plain", {"type": "string", "example": "Healthy"})
    scored = answer(_SCORED, "application/json", {"$ref": "#/components/schemas/ServiceOutput"})
    document = answer(_DESCRIBED, "text/plain", {"type": "string"})
    return {
        "openapi": openapi,
        "info": info,
        "security": [{"Bearer": []}],
        "paths": _paths(
            service,
            health={"responses": {"200": health, "default": failure}},
            score={
                "security": [{"Bearer": []}],
                "requestBody": payload,
                "responses": {"200": scored, "default": failure},
            },
            swagger={"parameters": [version], "responses": {"200": document, "default": failure}},
        ),
        "components": {"schemas": schemas, "securitySchemes": {"Bearer": _BEARER}},
    }


def _paths(service: ServiceInfo, *, health: Document, score: Document, swagger: Document) -> Document:
    prefix = f"/{service.path_prefix.strip('/')}" if service.path_prefix.strip("/") else ""
    return {
        f"{prefix}/": {"get": {"operationId": "ServiceHealthCheck", "description": "Is the service up?", **health}},
        f"{prefix}/score": {"post": {"operationId": "RunMLService", "description": "Ask the model.", **score}},
        f"{prefix}/swagger.json": {
            "get": {"operationId": "GetSwaggerSpec", "description": "This document.", **swagger}
        },
    }
