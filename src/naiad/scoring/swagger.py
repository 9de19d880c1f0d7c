"""The OpenAPI documents of a service (azure-ml.md §4.2, §4.6)."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final

from naiad.scoring.errors import EntryScriptError
from naiad.scoring.openapi_document import ServiceInfo, openapi_document
from naiad.scoring.schema.parameter_type import SWAGGER_2
from naiad.scoring.schema.run_schema import RunSchema
from naiad.scoring.score_response import JSON_CONTENT, NOT_FAILED, ScoreResponse, error_response

_log = logging.getLogger("azmlinfsrv.swagger")

# The version in a request, its other name, and the user's files, the first of which wins.
_VERSIONS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("2", SWAGGER_2, ("swagger.json", "swagger2.json")),
    ("3", "3.0", ("swagger3.json",)),
    ("3.1", "3.1", ("swagger3.1.json",)),
)


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
                document = openapi_document(version, schema, service)
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
