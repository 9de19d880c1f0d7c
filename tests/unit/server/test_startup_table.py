from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from naiad.engine.model_entry import ModelState, VersionStatus
from naiad.server.startup_table import model_table


def test_rows() -> None:
    table = model_table(
        [
            ("bidaf", "1", VersionStatus(ModelState.READY)),
            ("bidaf", "12", VersionStatus(ModelState.UNAVAILABLE, "Internal: no\n such\tfile")),
            ("never asked for", "", None),
            ("x", "", VersionStatus(ModelState.UNAVAILABLE, "unreadable")),
        ]
    )
    assert table.splitlines() == [
        "+-------+---------+-------------------------------------+",
        "| Model | Version | Status                              |",
        "+-------+---------+-------------------------------------+",
        "| bidaf | 1       | READY                               |",
        "| bidaf | 12      | UNAVAILABLE: Internal: no such file |",
        "| x     | -       | UNAVAILABLE: unreadable             |",
        "+-------+---------+-------------------------------------+",
    ]


def test_no_models() -> None:
    assert model_table([]).splitlines() == [
        "+-------+---------+--------+",
        "| Model | Version | Status |",
        "+-------+---------+--------+",
    ]


@given(st.lists(st.tuples(st.text(), st.text())))
def test_one_line_for_each_model(rows: list[tuple[str, str]]) -> None:
    table = model_table([(name, "1", VersionStatus(ModelState.UNAVAILABLE, reason)) for name, reason in rows])
    lines = table.split("\n")
    assert table.splitlines() == lines
    assert len(lines) == 3 + len(rows) + bool(rows)
    assert len({len(line) for line in lines}) == 1
