"""Log settings by request: what is taken, what is refused in Triton's words, and that they apply."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import InternalError, NaiadError, UnavailableError, UnsupportedError
from naiad.server.http_views import HttpViews
from naiad.server.log import LogFormat, LogSettings, ServerLog
from naiad.server.logging_views import LoggingViews, changed_settings
from naiad.server.response import Response
from naiad.server.views import Views

DEFAULTS = LogSettings()
NOT_BOOLEAN = "attempt to access JSON non-boolean as boolean"
NOT_UNSIGNED = "attempt to access JSON non-unsigned-integer as unsigned-integer"

JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ServerLog]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # else setting up a log would close the test runner's
    try:
        yield ServerLog(LogSettings(file=str(tmp_path / "server.log")))
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers = handlers
        root.setLevel(level)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, DEFAULTS),
        ({"zz": 0, "info": False}, DEFAULTS),
        ([], DEFAULTS),
        ("log_info", DEFAULTS),
        ({"log_info": False}, replace(DEFAULTS, info=False)),
        ({"log_warning": False, "log_error": False}, replace(DEFAULTS, warning=False, error=False)),
        ({"log_verbose_level": 3}, replace(DEFAULTS, verbose_level=3)),
        ({"log_format": "ISO8601"}, replace(DEFAULTS, format=LogFormat.ISO8601)),
        (
            dict.fromkeys(
                ("log_file", "log_info", "log_warning", "log_error", "log_verbose_level", "log_format"), None
            ),
            DEFAULTS,
        ),
    ],
)
def test_what_is_given_changes_and_the_rest_stays(document: Any, expected: LogSettings) -> None:
    assert changed_settings(DEFAULTS, document) == expected


@pytest.mark.parametrize(
    ("document", "kind", "sentence"),
    [
        ({"log_file": ""}, UnsupportedError, "log file location can not be updated through network protocol"),
        ({"log_file": 1}, UnsupportedError, "log file location can not be updated through network protocol"),
        ({"log_info": 1}, InternalError, NOT_BOOLEAN),
        ({"log_warning": "true"}, InternalError, NOT_BOOLEAN),
        ({"log_error": []}, InternalError, NOT_BOOLEAN),
        ({"log_verbose_level": -1}, InternalError, NOT_UNSIGNED),
        ({"log_verbose_level": 1.5}, InternalError, NOT_UNSIGNED),
        ({"log_verbose_level": True}, InternalError, NOT_UNSIGNED),
        ({"log_verbose_level": 1 << 64}, InternalError, NOT_UNSIGNED),
        ({"log_format": "iso8601"}, UnavailableError, "invalid argument for --log_format, got: iso8601"),
        ({"log_format": ""}, UnavailableError, "invalid argument for --log_format, got: "),
        ({"log_format": 1}, InternalError, "attempt to access JSON non-string as string"),
    ],
)
def test_what_is_refused(document: Any, kind: type[NaiadError], sentence: str) -> None:
    with pytest.raises(NaiadError) as caught:
        changed_settings(DEFAULTS, document)
    assert (type(caught.value), caught.value.message) == (kind, sentence)


@given(
    st.dictionaries(
        st.sampled_from(["log_info", "log_error", "log_verbose_level", "log_format", "log_file", "x"]), JSON_VALUES
    )
)
def test_any_document_is_taken_or_refused(document: dict[str, Any]) -> None:
    try:
        settings = changed_settings(DEFAULTS, document)
    except NaiadError:
        return
    assert settings.file == DEFAULTS.file
    assert isinstance(settings.info, bool)
    assert isinstance(settings.verbose_level, int)


def http(views: LoggingViews) -> HttpViews:
    return HttpViews(cast(Views, SimpleNamespace(logging=views)))


def shown(response: Response) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(response.body)
    return document


class TestViews:
    def test_show_and_change_what_applies(self, log: ServerLog) -> None:
        changes: list[LogSettings] = []
        views = LoggingViews(log, changed=lambda: changes.append(log.settings))
        before = shown(http(views).log_settings("", "", b""))
        assert before == {
            "log_file": log.settings.file,
            "log_info": True,
            "log_warning": True,
            "log_error": True,
            "log_verbose_level": 0,
            "log_format": "default",
        }
        after = shown(http(views).update_log("", "", b'{"log_info":false,"log_format":"ISO8601"}'))
        assert after == {**before, "log_info": False, "log_format": "ISO8601"}
        assert list(after) == list(before)
        assert changes == [log.settings]

    def test_change_nothing_when_anything_is_wrong(self, log: ServerLog) -> None:
        views = LoggingViews(log, changed=lambda: pytest.fail("nothing has changed"))
        before = log.settings
        for body in (b'{"log_info":false,"log_format":"bad"}', b'{"log_info":false,"log_file":"x"}', b"", b"{"):
            with pytest.raises(NaiadError):
                http(views).update_log("", "", body)
        assert log.settings == before

    def test_the_log_follows(self, log: ServerLog) -> None:
        views = LoggingViews(log, changed=lambda: None)
        logger = logging.getLogger("naiad.test")

        def write_all() -> list[str]:
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
                logger.log(level, "line")
            lines = Path(log.settings.file).read_text(encoding="utf-8").splitlines()
            Path(log.settings.file).write_text("", encoding="utf-8")
            return lines

        assert "".join(line[0] for line in write_all()) == "IWE"
        http(views).update_log("", "", b'{"log_verbose_level":1,"log_warning":false}')
        assert "".join(line[0] for line in write_all()) == "VIE"
        http(views).update_log("", "", b'{"log_verbose_level":0,"log_info":false,"log_error":false,"log_warning":true}')
        assert "".join(line[0] for line in write_all()) == "W"
        http(views).update_log("", "", b'{"log_format":"ISO8601"}')
        assert [line.split()[1] for line in write_all()] == ["W"]
