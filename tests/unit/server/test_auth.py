"""Bearer keys: two at a time, read again when their file changes."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from naiad.errors import ConfigError, UnauthorizedError
from naiad.server import auth
from naiad.server.auth import KeyRing


@pytest.fixture(autouse=True)
def _look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_LOOK_EVERY_S", -1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def write(path: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


def ring(path: Path, **keys: Any) -> KeyRing:
    write(path, keys)
    return KeyRing(path)


def is_valid(keys: KeyRing, authorization: bytes | None) -> bool:
    try:
        keys.check(authorization)
    except UnauthorizedError:
        return False
    return True


class TestCheck:
    def test_either_key_opens(self, path: Path) -> None:
        keys = ring(path, primaryKey="one", secondaryKey="two")
        assert is_valid(keys, b"Bearer one")
        assert is_valid(keys, b"Bearer two")

    @pytest.mark.parametrize("header", [b"bearer one", b"BEARER one", b"  Bearer   one  ", b"Bearer one\t"])
    def test_spelling_of_the_scheme_and_space_do_not_matter(self, path: Path, header: bytes) -> None:
        assert is_valid(ring(path, primaryKey="one"), header)

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"one",
            b"Basic one",
            b"Bearer",
            b"Bearer ",
            b"Bearer on",
            b"Bearer onee",
            b"Bearer ONE",
            b"Bearer\tone",
            b"Bearer one one",
            b"Bearer one,two",
            b"Bearer \xff\xfe",
            b"Bearer " + b"a" * 10_000,
        ],
    )
    def test_anything_else_does_not(self, path: Path, header: bytes) -> None:
        assert not is_valid(ring(path, primaryKey="one", secondaryKey="two"), header)

    def test_nothing_does_not_and_says_what_is_wanted(self, path: Path) -> None:
        with pytest.raises(UnauthorizedError) as caught:
            ring(path, primaryKey="one").check(None)
        assert caught.value.message == "a key is required and the request has none"
        assert caught.value.hint == "send the header 'Authorization: Bearer <key>'"

    def test_the_message_does_not_repeat_the_key(self, path: Path) -> None:
        with pytest.raises(UnauthorizedError) as caught:
            ring(path, primaryKey="one").check(b"Bearer secret-of-another-server")
        assert "secret" not in caught.value.message + str(caught.value.hint)

    def test_every_key_is_compared_in_constant_time(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[bytes] = []

        def compare(candidate: bytes, known: bytes) -> bool:
            compared.append(known)
            return candidate == known

        keys = ring(path, primaryKey="one", secondaryKey="two")
        monkeypatch.setattr("naiad.server.auth.hmac.compare_digest", compare)
        for header in (b"Bearer one", b"Bearer two", b"Bearer three"):
            compared.clear()
            is_valid(keys, header)
            assert compared == [b"one", b"two"]

    def test_keys_may_be_any_text(self, path: Path) -> None:
        assert is_valid(ring(path, primaryKey="schlüssel"), "Bearer schlüssel".encode())

    def test_one_key_is_enough(self, path: Path) -> None:
        keys = ring(path, primaryKey="one")
        assert is_valid(keys, b"Bearer one")
        assert not is_valid(keys, b"Bearer ")
        assert is_valid(ring(path, primaryKey="", secondaryKey="two"), b"Bearer two")


BROKEN = [
    "",
    "no JSON",
    "[]",
    "null",
    '"one"',
    "{}",
    '{"primaryKey": ""}',
    '{"primaryKey": null, "secondaryKey": 5}',
    '{"primarykey": "one"}',
    '{"primaryKey": "\\ud800"}',
    "[" * 100_000,
]


class TestFile:
    @pytest.mark.parametrize("content", BROKEN, ids=lambda content: content[:30])
    def test_one_without_keys(self, path: Path, content: str) -> None:
        write(path, content)
        with pytest.raises(ConfigError) as caught:
            KeyRing(path)
        assert str(path) in caught.value.message

    def test_one_that_is_not_there(self, path: Path) -> None:
        with pytest.raises(ConfigError, match="unable to read keys from"):
            KeyRing(path)

    def test_one_that_is_no_text(self, path: Path) -> None:
        path.write_bytes(b'{"primaryKey": "\xff"}')
        with pytest.raises(ConfigError, match="unable to read keys from"):
            KeyRing(path)

    def test_one_that_is_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="unable to read keys from"):
            KeyRing(tmp_path)

    def test_one_that_others_can_read_is_warned_about(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write(path, {"primaryKey": "one"})
        path.chmod(0o644)
        KeyRing(path)
        assert "can be read by others" in caplog.text


class TestRotation:
    def test_new_keys_count_and_old_ones_do_not(self, path: Path) -> None:
        keys = ring(path, primaryKey="one", secondaryKey="two")
        write(path, {"primaryKey": "three", "secondaryKey": "two"})
        assert is_valid(keys, b"Bearer three")
        assert is_valid(keys, b"Bearer two")
        assert not is_valid(keys, b"Bearer one")

    def test_a_file_that_is_written_in_place_counts_too(self, path: Path) -> None:
        keys = ring(path, primaryKey="one")
        path.write_text('{"primaryKey": "four"}', encoding="utf-8")
        assert is_valid(keys, b"Bearer four")

    @pytest.mark.parametrize("content", BROKEN, ids=lambda content: content[:30])
    def test_a_broken_file_leaves_the_old_keys_and_is_logged_once(
        self, path: Path, content: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        keys = ring(path, primaryKey="one")
        write(path, content)
        for _ in range(5):
            assert is_valid(keys, b"Bearer one")
        assert caplog.text.count("keeping the old keys") == 1
        write(path, {"primaryKey": "two"})
        assert is_valid(keys, b"Bearer two")
        assert not is_valid(keys, b"Bearer one")

    def test_a_file_that_is_gone_leaves_the_old_keys(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        keys = ring(path, primaryKey="one")
        path.unlink()
        for _ in range(5):
            assert is_valid(keys, b"Bearer one")
        assert caplog.text.count("keeping the old keys") == 1
        write(path, {"primaryKey": "two"})
        assert is_valid(keys, b"Bearer two")

    def test_the_file_is_not_read_again_without_need(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = ring(path, primaryKey="one")
        monkeypatch.setattr(KeyRing, "_read", None)
        assert is_valid(keys, b"Bearer one")

    def test_the_file_is_not_looked_at_with_every_request(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(auth, "_LOOK_EVERY_S", 3600.0)
        keys = ring(path, primaryKey="one")
        keys.check(b"Bearer one")
        monkeypatch.setattr(os, "stat", None)
        keys.check(b"Bearer one")


class TestTokens:
    SECRET = "s" * 64

    def token(self, *, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> bytes:
        claims = {"aud": "qa1", "exp": int(time.time()) + 60, **changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        return b"Bearer " + jwt.encode(claims, secret, algorithm=algorithm).encode()

    @pytest.fixture
    def keys(self, path: Path) -> KeyRing:
        return ring(path, tokenSecret=self.SECRET, tokenAudience="qa1")

    def test_a_signed_one_opens_again_and_again(self, keys: KeyRing) -> None:
        token = self.token()
        assert is_valid(keys, token)
        assert is_valid(keys, token)

    def test_any_other_does_not(self, keys: KeyRing) -> None:
        for token in (
            self.token(secret="t" * 64),
            self.token(aud="qa2"),
            self.token(aud=None),
            self.token(exp=None),
            self.token(exp=int(time.time()) - 1),
            self.token(algorithm="HS512"),
            b"Bearer " + jwt.encode({"aud": "qa1", "exp": 1 << 40}, "", algorithm="none").encode(),
            b"Bearer " + self.SECRET.encode(),
            b"Bearer \xff.\xfe.\xfd",
            b"Bearer ",
            None,
        ):
            assert not is_valid(keys, token)

    def test_a_known_one_expires(self, keys: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
        token = self.token()
        assert is_valid(keys, token)
        now_s = time.time()
        monkeypatch.setattr(time, "time", lambda: now_s + 61)
        assert not is_valid(keys, token)

    def test_memory_for_known_ones_is_bounded(self, keys: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(auth, "_MAX_KNOWN_TOKENS", 2)
        tokens = [self.token(jti=str(number)) for number in range(5)]
        assert all(is_valid(keys, token) for token in tokens * 2)
        assert len(keys._checker._expiry_s) <= 2  # type: ignore[attr-defined]

    def test_keys_may_take_their_place_while_serving(self, path: Path, keys: KeyRing) -> None:
        token = self.token()
        assert is_valid(keys, token)
        write(path, {"primaryKey": "one"})
        assert not is_valid(keys, token)
        assert is_valid(keys, b"Bearer one")
