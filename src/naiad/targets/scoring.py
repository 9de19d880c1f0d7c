"""Calling a deployed service, with its key, the way its own clients would."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from naiad.errors import (
    InternalError,
    InvalidArgumentError,
    NaiadError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)
from naiad.targets.status import status
from naiad.workspace.tokens import read_bearer
from naiad.workspace.workspace import Workspace

_ERRORS: Final[dict[int, type[NaiadError]]] = {
    400: InvalidArgumentError,
    401: UnauthorizedError,
    404: NotFoundError,
    429: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def run(workspace: Workspace, name: str, data: bytes, *, model: str | None = None, timeout_s: float = 600) -> bytes:
    """Send one request to a service.

    Args:
        workspace: where the service is.
        name: the service's.
        data: the body: what the entry script expects, or a v2 inference request in JSON (triton.md §1.4).
        model: `name` or `name:version` of a model in the service's repository; None when it has only one, or an
            entry script.
        timeout_s: how long the answer may take.

    Returns:
        The body of the answer.

    Raises:
        NotFoundError: when there is no such service or model.
        InvalidArgumentError: when a model must be named, or the service refuses the request.
        UnavailableError: when the service does not run or does not answer.
        NaiadError: for any other refusal; the message is the service's own.
    """
    service = workspace.services.get(name)
    now = status(workspace, name)
    if now.scoring_uri is None or now.port is None or now.pid is None:
        reason = f": {now.error}" if now.error else ""
        raise UnavailableError(
            f"Service {name} is {now.state}{reason}", hint=f"the log: naiad service get-logs -n {name}"
        )
    if service.inference is None:
        path = infer_path(workspace.models.triton_repository(service.model_ids[0]), model)
    elif model is None:
        path = ""
    else:
        raise InvalidArgumentError(f"Service {name} has an entry script, which chooses the model: none can be named")
    headers = {"Content-Type": "application/json"}
    access_file = workspace.services.access_file(service)
    if access_file is not None:
        headers["Authorization"] = f"Bearer {read_bearer(access_file)}"
    status_code, body = _post(now.scoring_uri, path, data, headers=headers, timeout_s=timeout_s)
    if status_code != 200:
        message = _message(body) or f"status {status_code} without a reason"
        raise _ERRORS.get(status_code, InternalError)(
            f"Service {name} refused the request: {message}",
            hint=f"the log: naiad service get-logs -n {name}" if status_code in (500, 502) else None,
        )
    return body


def model_names(repository: Path) -> list[str]:
    """The names of the models in a model repository."""
    return sorted(entry.name for entry in repository.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def infer_path(repository: Path, model: str | None) -> str:
    """The path of the inference route of a model (triton.md §1.1).

    Args:
        repository: the service's model repository.
        model: `name` or `name:version`; None for the only one.

    Raises:
        InvalidArgumentError: when the repository has several models and none is named.
        NotFoundError: when it does not have the named one.
    """
    names = model_names(repository)
    if model is None:
        if len(names) != 1:
            raise InvalidArgumentError(
                f"The service has {len(names)} models; name one", hint=f"--model with one of: {', '.join(names)}"
            )
        (model,) = names
    model_name, _, version = model.partition(":")
    if model_name not in names:
        raise NotFoundError(f"The service has no model {model_name!r}", hint=f"it has: {', '.join(names)}")
    if version and not (version.isascii() and version.isdecimal()):
        raise InvalidArgumentError(f"A model version is a whole number, not {version!r}")
    versions = f"/versions/{version}" if version else ""
    return f"/v2/models/{quote(model_name, safe='')}{versions}/infer"


def _post(uri: str, path: str, data: bytes, *, headers: dict[str, str], timeout_s: float) -> tuple[int, bytes]:
    base = urlsplit(uri)
    connection = http.client.HTTPConnection(base.hostname or "localhost", base.port, timeout=timeout_s)
    try:
        connection.request("POST", base.path + path, body=data, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"{uri} did not answer: {str(error) or type(error).__name__}") from None
    finally:
        connection.close()


def _message(body: bytes) -> str:
    """The sentence in an error answer: Triton's `{"error": …}`, Azure ML's `{"message": …}`, else the body as it is."""
    try:
        document = json.loads(body)
    except ValueError:
        return body.decode(errors="replace").strip()
    told = [document[key] for key in ("error", "message") if key in document] if isinstance(document, dict) else []
    return str(told[0]) if told else json.dumps(document)
