from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from naiad.cli.common import command, noun_app, open_workspace, parse_label_filter, parse_labels
from naiad.errors import UsageError

from .conftest import Naiad


def test_labels() -> None:
    assert parse_labels(["a=1", "b==2", "c="], option="--tag") == {"a": "1", "b": "=2", "c": ""}
    assert parse_labels(None, option="--tag") == {}
    for malformed in ("a", "=1", ""):
        with pytest.raises(UsageError, match="--tag must be key=value, not"):
            parse_labels([malformed], option="--tag")


def test_label_filters() -> None:
    assert parse_label_filter(["a=1", "b", "c="]) == {"a": "1", "b": None, "c": ""}
    assert parse_label_filter(None) == {}


def call(app: typer.Typer, *arguments: str) -> int | None:
    status = typer.main.get_command(app).main(list(arguments), prog_name="thing", standalone_mode=False)
    return status if isinstance(status, int) else None


@pytest.fixture
def app() -> typer.Typer:
    app = noun_app("Things")

    @command(app, "show", table="{only: a}")
    def show(
        a: Annotated[int, typer.Option("-a")], names: Annotated[list[str] | None, typer.Option("-b")] = None
    ) -> Any:
        """Show a thing."""
        return {"a": a, "names": names}

    @command(app, "silent")
    def silent() -> None:
        """Say nothing."""

    assert show(3) == {"a": 3, "names": None}
    return app


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["show", "-a", "1", "-b", "x", "-b", "y"], json.dumps({"a": 1, "names": ["x", "y"]}, indent=2)),
        (["show", "-a", "1", "--output=tsv"], "1\t"),
        (["-o", "tsv", "show", "-a", "1"], "1\t"),
        (["-o", "yaml", "show", "-a", "1", "-o", "tsv", "--query", "a"], "1"),
        (["--query", "a", "show", "-a", "1"], "1"),
        (["show", "-a", "1", "-o", "table"], "Only\n----\n1"),
        (["show", "-a", "1", "-o", "table", "--query", "{mine: a}"], "Mine\n----\n1"),
        (["show", "-a", "1", "-w", "ws", "-g", "group", "--subscription-id", "id", "--query", "a"], "1"),
        (["silent"], None),
    ],
)
def test_shared_options(
    naiad: Naiad, app: typer.Typer, capsys: pytest.CaptureFixture[str], arguments: list[str], out: str | None
) -> None:
    call(app, *arguments)
    assert capsys.readouterr().out == ("" if out is None else f"{out}\n")


def test_a_bad_query_is_refused_before_anything_is_done(naiad: Naiad) -> None:
    done = []
    app = noun_app("Things")
    command(app, "act")(lambda: done.append(1))
    with pytest.raises(UsageError, match="no JMESPath expression"):
        call(app, "act", "--query", "[")
    assert done == []


def test_options_do_not_outlive_their_command(
    naiad: Naiad, app: typer.Typer, capsys: pytest.CaptureFixture[str]
) -> None:
    call(app, "show", "-a", "1", "-o", "tsv")
    call(app, "show", "-a", "1")
    assert capsys.readouterr().out.startswith("1\t\n{")


def test_path_is_where_the_workspace_is_looked_for(
    naiad: Naiad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NAIAD_WORKSPACE")
    (tmp_path / "project" / ".naiad").mkdir(parents=True)
    (tmp_path / "project" / "src").mkdir()
    app = noun_app("Things")
    command(app, "root")(lambda: str(open_workspace().root))
    call(app, "root", "--path", str(tmp_path / "project" / "src"))
    assert json.loads(capsys.readouterr().out) == str(tmp_path / "project" / ".naiad")
    with pytest.raises(UsageError, match="--path must name a folder"):
        call(app, "root", "--path", str(tmp_path / "nothing"))
