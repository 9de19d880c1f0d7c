from __future__ import annotations

import sys
from pathlib import Path

import pytest

from naiad.errors import InvalidArgumentError
from naiad.repository.local import LocalRepository
from naiad.repository.location import FetchSettings, open_repository, parse_location, without_credentials


@pytest.fixture
def settings(tmp_path: Path) -> FetchSettings:
    return FetchSettings(cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("text", "url", "options"),
    [
        ("s3://bucket/path/to/models", "s3://bucket/path/to/models", {}),
        ("s3://bucket", "s3://bucket", {}),
        ("s3://https://host:9000/bucket/path", "s3://bucket/path", {"endpoint_url": "https://host:9000"}),
        ("s3://http://10.0.0.1:9000/bucket", "s3://bucket", {"endpoint_url": "http://10.0.0.1:9000"}),
        ("s3://https://host.example/bucket/path", "s3://bucket/path", {"endpoint_url": "https://host.example"}),
        ("s3://localhost:9000/bucket/path", "s3://bucket/path", {"endpoint_url": "http://localhost:9000"}),
        ("gs://bucket/path", "gs://bucket/path", {}),
        ("gcs://bucket/path", "gcs://bucket/path", {}),
        ("as://account/container/path", "abfs://container/path", {"account_name": "account"}),
        ("abfs://container@account.dfs.core.windows.net/p", "abfs://container@account.dfs.core.windows.net/p", {}),
        ("memory://path", "memory://path", {}),
        ("zip://models::file:///srv/models.zip", "zip://models::file:///srv/models.zip", {}),
    ],
)
def test_spellings(text: str, url: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_KEY", raising=False)
    location = parse_location(text)
    assert (location.name, location.url, location.options) == (text, url, options)
    assert location.protocol == url.partition("://")[0]


def test_azures_key_is_taken_from_tritons_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "s3cret")
    location = parse_location("as://account/container/path")
    assert location.options == {"account_name": "account", "account_key": "s3cret"}
    assert "s3cret" not in repr(location)


@pytest.mark.parametrize("text", ["as://account", "as://account/", "as:///container"])
def test_azure_without_a_part(text: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_location(text)
    assert caught.value.message == f"model repository '{text}' lacks a container"
    assert caught.value.hint == "as://<account>/<container>/<path>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://user:s3cret@host/models", "ftp://***@host/models"),
        ("zip://x::ftp://user:s3cret@host/models.zip", "zip://x::ftp://***@host/models.zip"),
        ("abfs://container@account/path", "abfs://container@account/path"),
        ("s3://https://host:9000/bucket", "s3://https://host:9000/bucket"),
    ],
)
def test_credentials_are_not_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert parse_location(text).name == shown


@pytest.mark.parametrize("prefix", ["", "file://", "local://"])
def test_folders_of_this_machine_are_used_where_they_are(tmp_path: Path, prefix: str, settings: FetchSettings) -> None:
    repository = open_repository(f"{prefix}{tmp_path}", settings)
    assert isinstance(repository, LocalRepository)
    assert repository.path == tmp_path.resolve()
    assert not settings.cache.exists()


def test_a_folder_below_the_home(tmp_path: Path, settings: FetchSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    repository = open_repository("~/models", settings)
    assert isinstance(repository, LocalRepository)
    assert repository.path == (tmp_path / "models").resolve()


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("s3://b/p", "s3fs", "s3"),
        ("gs://b/p", "gcsfs", "gcs"),
        ("gcs://b/p", "gcsfs", "gcs"),
        ("as://a/c/p", "adlfs", "azure"),
    ],
)
def test_a_missing_driver(
    url: str, driver: str, extra: str, settings: FetchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(InvalidArgumentError) as caught:
        open_repository(url, settings)
    assert caught.value.message == f"model repository '{url}' needs a driver that is not installed"
    assert caught.value.hint == f"pip install 'naiad[{extra}]'"


def test_an_unknown_protocol(settings: FetchSettings) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^model repository 'xyz://a' cannot be: Protocol not known: xyz"):
        open_repository("xyz://a", settings)
