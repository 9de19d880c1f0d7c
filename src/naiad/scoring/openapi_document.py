"""A service's OpenAPI document: the same three paths for every service (azure-ml.md §4.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from naiad.scoring.schema.run_schema import RunSchema

Document: TypeAlias = dict[str, Any]

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


def openapi_document(version: str, schema: RunSchema | None, service: ServiceInfo) -> Document:
    """The document of a version.

    Args:
        version: 2, 3 or 3.1.
        schema: what the decorators of `run()` say; without them anything goes in and out.
        service: what the document says about the service.
    """
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
