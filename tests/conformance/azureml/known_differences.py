"""Where naiad and azureml-inference-server-http 1.5.1 are known to differ, and why.

A row that no difference matches any more fails the run; a difference that no row matches does too.
"""

from __future__ import annotations

from tests.conformance.azureml.ledger import KnownDifference


def _rows(
    reason: str, *cases: str, part: str = "*", azureml: str = "*", naiad: str = "*"
) -> tuple[KnownDifference, ...]:
    """One row for each pattern of cases, all for the same reason."""
    return tuple(KnownDifference(pattern, part, reason, azureml, naiad) for pattern in cases)


_BAD_INPUT = "What a schema does not take is the request's fault: 400 with a sentence, not a generic 500."

_REQUESTS = (
    *_rows(
        "An undecorated run() gets the body whatever its type is; of forms the real host gives it nothing.",
        "echo/a form",
        "echo/a form of parts",
        part="body",
        azureml='""',
    ),
    *_rows(_BAD_INPUT, "numpy/*", "pandas/*", "nested/*", "standard/*", part="status", azureml="500", naiad="400"),
    *_rows(
        _BAD_INPUT,
        "numpy/*",
        "pandas/*",
        "nested/*",
        "standard/*",
        part="body",
        azureml='{"message": "An unexpected error occurred in scoring script. *',
        naiad='{"message": "The \'*\' parameter cannot be read: *',
    ),
    *_rows(
        _BAD_INPUT,
        "numpy/*",
        "pandas/*",
        "nested/*",
        "standard/*",
        part="header/x-ms-run-function-failed",
        azureml="[[]'True']",
        naiad="[[]'False']",
    ),
    *_rows(
        "A body that JSON's parser breaks on is the request's fault, too.",
        "numpy/no UTF-8",
        "numpy/deep nesting",
        part="body",
        azureml="*unexpected internal error*",
        naiad="*could not be decoded as JSON: *",
    ),
    *_rows("A path is compared as it is sent.", "echo/an escaped path"),
    *_rows("A script gets the request itself, not Flask's stand-in.", "raw/the class", part="body"),
)

_ANSWERS = (
    *_rows(
        "Only the timer's time-out is one; a TimeoutError of the script's own is an error like others.",
        "results/a TimeoutError",
        part="body",
        naiad="*unexpected error occurred in scoring script*",
    ),
    *_rows(
        "An answer has one content type, the script's.",
        "results/a response of two types",
        "results/a response of JSON of a type",
        part="header/content-type",
    ),
    *_rows(
        "A body that cannot be sent is an internal error in the words for that.",
        "results/a response of numbers",
        part="body",
        naiad="*An unexpected internal error occurred.*",
    ),
    *_rows(
        "As above; the real host's server library answers, without the contract's headers.",
        "results/a response of a number",
    ),
    *_rows(
        "Every answer names a content type; this one's is no news.",
        "results/a response 304",
        part="header/content-type",
        azureml="(absent)",
    ),
    *_rows("A response is one whether Flask or werkzeug made it.", "results/werkzeug's response*"),
)

_IDS = (
    *_rows(
        "Every answer has ids, also where the request's are refused.",
        "echo/an id of 101 characters",
        "echo/a client id of 101 characters*",
        "echo/an old id of 101 characters",
        "echo/an empty id",
        part="header/x-*request-id",
        azureml="(absent)",
    ),
)

_ROUTES = (
    *_rows(
        "Without an Origin there is nothing to allow.",
        "origins/none",
        part="header/*",
        naiad="(absent)",
    ),
)

_SWAGGER = (
    *_rows(
        "A version is left out when any parameter cannot be described in it; the real host asks the outermost only.",
        "standard/swagger",
        "standard/swagger 2*",
        azureml="*",
    ),
    *_rows("As for its documents.", "standard/log", part="milestones", naiad="*skipped for versions [[]2*"),
)

_SETTINGS = (
    *_rows(
        "A script may change its current folder: AZUREML_MODEL_DIR is absolute.",
        "environment/score",
        part="body",
        azureml="*models/here*",
        naiad="*/environment/models/here*",
    ),
)

_LOGS = (
    *_rows("There is no Flask.", "raw/log", "raw with headers/log", part="milestones", azureml="*flask request*"),
    *_rows("What is answered is in the log, also where ids are refused.", "echo/log", part="accesses"),
    *_rows("As its answer.", "results/log", part="accesses", azureml="[[]'POST /score N/A']"),
)

_BOOT = (
    *_rows(
        "A file that is not there is told in a sentence.",
        "boot/a missing script",
        part="milestones",
        naiad="*No entry script at *",
    ),
    *_rows(
        "naiad's sentence says what was expected.",
        "boot/a sample of None",
        part="milestones",
        naiad="*expected*",
    ),
    *_rows(
        "The mistake is a TypeError, and not any Exception.",
        "boot/a type that is none",
        part="milestones",
        azureml="[[]]",
        naiad="*TypeError: param_type must be a parameter type *",
    ),
)

_TYPES = (
    *_rows("An example of a boolean is one, and no text.", "types/swagger/bool", azureml='*"True"*'),
    *_rows(
        "An example of a time is one that the type itself can read.",
        "types/swagger/datetime64",
        azureml="*2020-01-01 00:00:00,000000*",
        naiad="*2020-01-01T00:00:00.000000*",
    ),
    *_rows("numpy counts a time in the sample's unit.", "types/conversion/datetime64/[[]5]", azureml="refused"),
    *_rows(
        "What is in a row and has no name is no part of it.",
        "types/conversion/rows/[[][[]1, *, 2, 3]]",
        naiad="refused",
    ),
    *_rows("The real types cannot read these at all.", "types/conversion/bytearray/*", azureml="refused"),
    *_rows("The real types cannot read these at all.", 'types/conversion/date/"2020-01-02"', azureml="refused"),
    *_rows("A time is written in ISO 8601.", 'types/conversion/datetime/"2 Jan 2020"', naiad="refused"),
    *_rows("UTC, by another name.", "types/conversion/datetime/*+00:00*", azureml="*tz*()*", naiad="*timezone.utc*"),
)

KNOWN_DIFFERENCES = (*_REQUESTS, *_ANSWERS, *_IDS, *_ROUTES, *_SWAGGER, *_SETTINGS, *_LOGS, *_BOOT, *_TYPES)
