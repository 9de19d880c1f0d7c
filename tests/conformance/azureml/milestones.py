"""What a host says in its log on the way, without dates, processes and names of loggers."""

from __future__ import annotations

import re
from typing import Final

_PREFIX: Final = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ [A-Z] \[\d+\] (\S+) - (?:Encountered Exception:? )?")
_IN_FRONT: Final = re.compile(r"^(error: |azureml_inference_server_http\.[\w.]+: )")
_ACCESS: Final = re.compile(r"^([A-Z]+ \S+) \d{3} [\d.]+ms (?:\d+|(N/A))$")
_READY: Final = "Worker with pid "
_MILESTONES: Final = (
    r"Found user script at .*",
    r"Found driver script at .*",
    r"run\(\) .*",
    r"Invoking user's init function",
    r"Users's init has completed successfully",
    r"Swaggers are prepared for .*",
    r"No swagger is prepared\.",
    r"Loaded user's swagger file for version .*",
    r"Scoring timeout is set to .*",
    rf"{_READY}(?=\d+)",
    r"User's init function failed",
    r"Failed to import user script",
    r"User script at .* does not have a \w+\(\) function defined\.",
    r"No entry script at .*",
    r"Model Directory Contents:",
    r"Enabling CORS for the following origins: .*",
    r"=+Configuration Error=+",
    r"\w+(Error|Exception|Exit)\b.*",
    r"No such file or directory\.",
    r"Either provide an entry_script .*",
)
_MILESTONE: Final = re.compile("|".join(_MILESTONES))


def milestones(log: str) -> list[str]:
    """The sentences until the host is ready or gives up, in order, each once; what the script printed, too."""
    found: dict[str, None] = {}
    for line in log.splitlines():
        prefix = _PREFIX.match(line)
        message = line[prefix.end() :] if prefix else _IN_FRONT.sub("", line)
        if prefix and prefix[1] == "azmlinfsrv.print":
            found[f"print: {message}"] = None
        elif milestone := _MILESTONE.match(message):
            found[milestone[0]] = None
            if milestone[0] == _READY:
                break
    return list(found)


def accesses(log: str) -> list[str]:
    """The lines about requests, and whether their answers were streamed; statuses and lengths are compared before."""
    messages = [line[prefix.end() :] for line in log.splitlines() if (prefix := _PREFIX.match(line))]
    return [f"{access[1]} {access[2] or ''}" for message in messages if (access := _ACCESS.match(message))]
