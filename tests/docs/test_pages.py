"""Every block of the README and the guides runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import BlockError, runnable_blocks
from tests.docs.page_runner import PageRunner

PROJECT = Path(__file__).resolve().parents[2]
RUN_PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs" / "guides").glob("*.md"))]
PAGES = [*RUN_PAGES, PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs" / "reference").glob("*.md"))]


@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.name)
def test_page_runs(page: Path, tmp_path: Path) -> None:
    blocks = runnable_blocks(page)
    assert blocks
    with PageRunner(tmp_path) as runner:
        for block in blocks:
            runner.run(block)
        assert runner.services() == [], "the page leaves services behind"


def test_contributing_has_no_unknown_block() -> None:
    assert runnable_blocks(PROJECT / "CONTRIBUTING.md") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```\nls\n```\n", "the language '' is neither"),
        ("```sh\nls\n```\n", "the language 'sh' is neither"),
        ("```bash later\nls\n```\n", "the mark 'later' is unknown for bash"),
        ("```python server\n1\n```\n", "the mark 'server' is unknown for python"),
        ("```text not-run\n1\n```\n", "the language 'text' is neither"),
        ("```bash\nls\n", "the block does not end"),
    ],
)
def test_a_block_that_nobody_knows_is_an_error(text: str, complaint: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(BlockError, match=rf"page\.md:1: {complaint}"):
        runnable_blocks(page)


def run_text(text: str, folder: Path) -> str:
    page = folder / "page.md"
    page.write_text(text)
    with PageRunner(folder) as runner:
        for block in runnable_blocks(page):
            runner.run(block)
        return runner.output


def test_state_goes_from_block_to_block(tmp_path: Path) -> None:
    output = run_text(
        "```bash\nmkdir inner && cd inner\nword=hello\n```\n"
        "```python\nimport os\nword = os.environ['word'] + ' ' + os.path.basename(os.getcwd())\n```\n"
        "```bash not-run\nfalse\n```\n```text\nfalse\n```\n"
        "```python\nprint(word)\n```\n"
        "```bash\necho $word again, 8000\n```\n",
        tmp_path,
    )
    assert "hello inner\nhello again, " in output
    assert "8000" not in output


def test_a_file_that_a_block_writes_keeps_its_ports(tmp_path: Path) -> None:
    output = run_text("```bash\ncat > file <<'END'\nport 8000\nEND\ncat file; echo and 8000\n```\n", tmp_path)
    assert "port 8000\nand " in output
    assert "and 8000" not in output


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```bash\necho told\nfalse\n```\n", "status 1"),
        ("```bash\necho told\nfalse | true\n```\n", "status 1"),
        ("```bash\necho told; echo $missing\n```\n", "status"),
        ("```python\nprint('told')\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```python\nprint('told', flush=True)\nimport os\nos._exit(3)\n```\n", "the interpreter ended with status 3"),
        ("```bash server\necho told\nfalse\n```\n", "the server ended with status 1"),
    ],
)
def test_a_block_that_fails_is_told(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=rf"page\.md:1 failed: [\s\S]*{reason}[\s\S]*told"):
        run_text(text, tmp_path)
