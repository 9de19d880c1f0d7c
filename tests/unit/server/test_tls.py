"""What is wrong with files and settings of TLS is told before anything starts."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from naiad.config.settings import read_settings
from naiad.errors import ConfigError, UsageError
from naiad.server.tls import server_tls, tls_of
from tests.support.certificates import Authority, Pair


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


class TestFiles:
    def test_good_ones(self, authority: Authority, pair: Pair) -> None:
        context = server_tls(str(pair.certificate), str(pair.key), client_root=str(authority.root))
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert server_tls(str(pair.certificate), str(pair.key)).verify_mode == ssl.CERT_NONE

    @pytest.mark.parametrize("missing", ["certificate", "private key", "root certificate"])
    def test_absent_ones(self, authority: Authority, pair: Pair, tmp_path: Path, missing: str) -> None:
        paths = {"certificate": pair.certificate, "private key": pair.key, "root certificate": authority.root}
        paths[missing] = tmp_path / "absent.pem"
        with pytest.raises(ConfigError, match=rf"^unable to read the {missing} '.*absent.pem': No such file"):
            server_tls(*map(str, list(paths.values())[:2]), client_root=str(paths["root certificate"]))

    def test_garbled_ones(self, authority: Authority, pair: Pair, tmp_path: Path) -> None:
        garbled = tmp_path / "garbled.pem"
        garbled.write_bytes(b"\xff\x00nonsense")
        other = authority.issue("other")
        for certificate, key in ((garbled, pair.key), (pair.certificate, garbled), (pair.certificate, other.key)):
            with pytest.raises(ConfigError, match="are not a certificate and its private key in PEM: "):
                server_tls(str(certificate), str(key))
        with pytest.raises(ConfigError, match=r"'.*garbled.pem' holds no certificate in PEM: "):
            server_tls(str(pair.certificate), str(pair.key), client_root=str(garbled))

    def test_an_encrypted_key(self, authority: Authority) -> None:
        locked = authority.issue("locked", password=b"secret")
        with pytest.raises(ConfigError, match="the key is encrypted"):
            server_tls(str(locked.certificate), str(locked.key))


class TestSettings:
    @pytest.mark.parametrize("service", ["http", "grpc"])
    def test_what_they_need(self, service: str, authority: Authority, pair: Pair) -> None:
        use, mutual = f"--{service}-use-ssl=1", f"--{service}-use-ssl-mutual=1"
        certificate, key = f"--{service}-server-cert={pair.certificate}", f"--{service}-server-key={pair.key}"
        assert tls_of(read_settings([], {}), service) is None
        assert tls_of(read_settings([certificate, key], {}), service) is None
        context = tls_of(read_settings([use, certificate, key], {}), service)
        assert context is not None
        assert context.verify_mode == ssl.CERT_NONE
        root = f"--{service}-root-cert={authority.root}"
        context = tls_of(read_settings([use, mutual, certificate, key, root], {}), service)
        assert context is not None
        assert context.verify_mode == ssl.CERT_REQUIRED
        for arguments, message in (
            ([use, certificate], f"--{service}-use-ssl needs --{service}-server-cert and --{service}-server-key"),
            ([use, mutual, certificate, key], f"--{service}-use-ssl-mutual needs --{service}-root-cert"),
            ([mutual], f"--{service}-use-ssl-mutual needs --{service}-use-ssl"),
        ):
            with pytest.raises(UsageError, match=f"^{message}$"):
                tls_of(read_settings(arguments, {}), service)
