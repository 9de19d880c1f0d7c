"""TLS and mutual TLS on the ports of HTTP and gRPC, with the clients that people use."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import requests
import tritonclient.grpc as triton

from tests.support.certificates import Authority, Pair
from tests.support.http_client import infer_body
from tests.support.onnx_models import TINY_CONFIG, identity, ports_config, tiny, write_model
from tests.support.server import Server, fails_to_start, running

TIMEOUT_S = 10.0
INFER = "/v2/models/tiny/infer"
ROW = infer_body("x", [1, 16], "FP32", [0.0] * 16)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server_pair(authority: Authority) -> Pair:
    return authority.issue("server")


@pytest.fixture(scope="module")
def client_pair(authority: Authority) -> Pair:
    return authority.issue("client")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    write_model(path, "fp32", identity(("FP32", ["n"])), ports_config([("FP32", [-1])]))
    return path


def flags(service: str, pair: Pair, root: Path | None = None) -> list[str]:
    given = [f"--{service}-use-ssl=true", f"--{service}-server-cert={pair.certificate}"]
    given.append(f"--{service}-server-key={pair.key}")
    if root is not None:
        given += [f"--{service}-use-ssl-mutual=true", f"--{service}-root-cert={root}"]
    return given


@pytest.fixture(scope="module")
def secured(models: Path, server_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """TLS on both ports."""
    both = [*flags("http", server_pair), *flags("grpc", server_pair)]
    with running(models, *both, directory=tmp_path_factory.mktemp("secured")) as started:
        yield started


@pytest.fixture(scope="module")
def mutual(
    models: Path, server_pair: Pair, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """TLS on both ports, for clients with a certificate."""
    both = [*flags("http", server_pair, authority.root), *flags("grpc", server_pair, authority.root)]
    with running(models, *both, directory=tmp_path_factory.mktemp("mutual")) as started:
        yield started


def channel(port: int, root: Path, pair: Pair | None = None) -> grpc.Channel:
    key, chain = (pair.key.read_bytes(), pair.certificate.read_bytes()) if pair else (None, None)
    return grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(root.read_bytes(), key, chain))


def https(authority: Authority) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # whose authorities would be others
    session.verify = str(authority.root)
    return session


def is_live(opened: grpc.Channel) -> bool:
    with opened:
        method = opened.unary_unary("/inference.GRPCInferenceService/ServerLive")
        return bool(method(b"", timeout=TIMEOUT_S) == b"\x08\x01")


def handshake(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    try:
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


class TestServerSide:
    def test_requests(self, secured: Server, authority: Authority) -> None:
        url = f"https://localhost:{secured.http_port}"
        with https(authority) as session:
            assert session.get(f"{url}/v2/health/ready", timeout=TIMEOUT_S).status_code == 200
            assert session.post(url + INFER, data=ROW, timeout=TIMEOUT_S).status_code == 200

    def test_a_large_tensor_both_ways(self, secured: Server, authority: Authority) -> None:
        values = np.arange(2_000_000, dtype=np.float32)
        with https(authority) as session:
            answer = session.post(
                f"https://localhost:{secured.http_port}/v2/models/fp32/infer",
                data=values.tobytes(),
                headers={"Inference-Header-Content-Length": "0"},
                timeout=TIMEOUT_S,
            )
        size = int(answer.headers["Inference-Header-Content-Length"])
        np.testing.assert_array_equal(np.frombuffer(answer.content[size:], np.float32), values)

    @pytest.mark.parametrize("port", ["http", "grpc"])
    def test_grpc_on_either_port(self, secured: Server, authority: Authority, port: str) -> None:
        assert is_live(channel(secured.grpc_port if port == "grpc" else secured.http_port, authority.root))

    def test_tritonclient(self, secured: Server, authority: Authority) -> None:
        url = f"localhost:{secured.grpc_port}"
        with triton.InferenceServerClient(url, ssl=True, root_certificates=str(authority.root)) as client:
            values = np.arange(1_000_000, dtype=np.float32)
            given = triton.InferInput("i0", [1_000_000], "FP32")
            given.set_data_from_numpy(values)
            result: Any = client.infer("fp32", [given])
            np.testing.assert_array_equal(result.as_numpy("o0"), values)

    @pytest.mark.parametrize(
        ("offered", "chosen"),
        [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["spdy/3"], None), ([], None)],
    )
    def test_what_is_spoken_is_agreed_on(
        self, secured: Server, authority: Authority, offered: list[str], chosen: str | None
    ) -> None:
        context = ssl.create_default_context(cafile=str(authority.root))
        if offered:
            context.set_alpn_protocols(offered)
        with handshake(secured.http_port, context) as connection:
            assert connection.selected_alpn_protocol() == chosen

    @pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
    @pytest.mark.parametrize(("flag", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
    def test_curl(self, secured: Server, authority: Authority, flag: str, version: str) -> None:
        url = f"https://localhost:{secured.http_port}/v2/health/live"
        done = subprocess.run(
            ["curl", "-s", flag, "--cacert", str(authority.root), "-w", " %{http_version}", url],
            capture_output=True,
            check=True,
            timeout=TIMEOUT_S,
        )
        assert done.stdout.decode() == f'{{"live":true}} {version}'

    @pytest.mark.filterwarnings("ignore:.*TLSVersion:DeprecationWarning")
    def test_an_old_version(self, secured: Server, authority: Authority) -> None:
        context = ssl.create_default_context(cafile=str(authority.root))
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.raises(ssl.SSLError):
            handshake(secured.http_port, context)

    @pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(100), b""])
    def test_a_client_that_speaks_none(self, secured: Server, authority: Authority, data: bytes) -> None:
        for port in (secured.http_port, secured.grpc_port):
            with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                assert b"HTTP" not in connection.recv(1000)
        assert is_live(channel(secured.grpc_port, authority.root))
        assert "Traceback" not in secured.log


class TestMutual:
    def test_a_client_with_a_certificate(self, mutual: Server, authority: Authority, client_pair: Pair) -> None:
        assert is_live(channel(mutual.grpc_port, authority.root, client_pair))
        assert is_live(channel(mutual.http_port, authority.root, client_pair))
        with https(authority) as session:
            session.cert = (str(client_pair.certificate), str(client_pair.key))
            url = f"https://localhost:{mutual.http_port}/v2/health/ready"
            assert session.get(url, timeout=TIMEOUT_S).status_code == 200

    def test_one_without(self, mutual: Server, authority: Authority) -> None:
        with pytest.raises(grpc.RpcError):
            is_live(channel(mutual.grpc_port, authority.root))
        with https(authority) as session, pytest.raises(requests.exceptions.ConnectionError):
            session.get(f"https://localhost:{mutual.http_port}/v2/health/ready", timeout=TIMEOUT_S)
        assert "Traceback" not in mutual.log

    def test_one_with_a_certificate_of_somebody_elses(
        self, mutual: Server, authority: Authority, tmp_path: Path
    ) -> None:
        stranger = Authority(tmp_path, "stranger").issue("client")
        with pytest.raises(grpc.RpcError):
            is_live(channel(mutual.grpc_port, authority.root, stranger))


class TestStarting:
    def test_a_file_that_is_absent(self, models: Path, server_pair: Pair, tmp_path: Path) -> None:
        absent = Pair(tmp_path / "absent.pem", server_pair.key)
        status, output = fails_to_start(models, *flags("grpc", absent), directory=tmp_path)
        assert status == 1
        assert output == f"error: unable to read the certificate '{absent.certificate}': No such file or directory\n"

    def test_one_port_speaks_one_way(self, models: Path, server_pair: Pair, tmp_path: Path) -> None:
        ports = ["--http-port=65000", "--grpc-port=65000"]
        status, output = fails_to_start(models, *ports, *flags("grpc", server_pair), directory=tmp_path)
        assert status == 2
        assert "one port for HTTP and gRPC needs --http-use-ssl and --grpc-use-ssl to be the same" in output
