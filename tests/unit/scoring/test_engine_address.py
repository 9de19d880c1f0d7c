"""`localhost:8000` in a script is the service's engine, for Triton's clients and nobody else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from naiad.scoring.engine_address import EngineAddress

ENGINE = "127.0.0.1:41234"


@pytest.mark.parametrize(
    ("url", "real"),
    [
        ("localhost:8000", ENGINE),
        ("LOCALHOST:8000", ENGINE),
        ("127.0.0.1:8000", ENGINE),
        ("0.0.0.0:8000", ENGINE),
        ("[::1]:8000", ENGINE),
        ("localhost:8000/base", f"{ENGINE}/base"),
        ("localhost:80001", "localhost:80001"),
        ("localhost:8001", "localhost:8001"),
        ("elsewhere:8000", "elsewhere:8000"),
        ("notlocalhost:8000", "notlocalhost:8000"),
        ("elsewhere/localhost:8000", "elsewhere/localhost:8000"),
        ("", ""),
    ],
)
def test_only_the_address_of_the_container_is_mapped(url: str, real: str) -> None:
    assert EngineAddress(8000, ENGINE).of(url) == real


def test_the_mapping_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    address = EngineAddress(8000, ENGINE)
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"):
        address.of("localhost:8000")
        address.of("localhost:8000")
    assert [record.message for record in caplog.records] == [
        f"localhost:8000 is this service's engine, which listens on {ENGINE}"
    ]


CLIENTS = """
import json, sys, warnings
warnings.simplefilter("ignore")
from naiad.scoring import engine_address
{before}
engine_address.install({environment})
import asyncio
import tritonclient.http, tritonhttpclient, tritonclient.grpc, tritongrpcclient
import tritonclient.http.aio, tritonclient.grpc.aio
warnings.simplefilter("ignore")
async def main():
    seen = {{}}
    for module, url in ((tritonclient.http, "localhost:8000"), (tritonhttpclient, "localhost:8000")):
        client = module.InferenceServerClient(url=url)
        seen[module.__name__] = client._parsed_url.port
    client = tritonclient.http.aio.InferenceServerClient("localhost:8000")
    seen["http.aio"] = client._url
    await client.close()
    return seen
import unittest.mock
opened = []
with unittest.mock.patch("grpc.insecure_channel", lambda url, **_: opened.append(url) or unittest.mock.MagicMock()):
    tritonclient.grpc.InferenceServerClient("localhost:8001")
    tritongrpcclient.InferenceServerClient(url="localhost:8001")
    tritonclient.grpc.InferenceServerClient("localhost:8000")
with unittest.mock.patch("grpc.aio.insecure_channel", lambda url, **_: opened.append(url) or unittest.mock.MagicMock()):
    tritonclient.grpc.aio.InferenceServerClient("localhost:8001")
print(json.dumps([asyncio.run(main()), opened]))
"""


def directed(environment: dict[str, str], before: str = "") -> tuple[dict[str, object], list[str]]:
    code = CLIENTS.format(environment=environment, before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seen, opened = json.loads(done.stdout.splitlines()[-1])
    return seen, opened


def test_every_client_of_tritons_is_directed() -> None:
    environment = {"NAIAD_ENGINE_URL": ENGINE, "NAIAD_ENGINE_GRPC_URL": "127.0.0.1:45678"}
    seen, opened = directed(environment)
    assert seen == {"tritonclient.http": 41234, "tritonhttpclient": 41234, "http.aio": f"http://{ENGINE}"}
    assert opened == ["127.0.0.1:45678", "127.0.0.1:45678", "localhost:8000", "127.0.0.1:45678"]


def test_clients_that_are_imported_already_are_directed_and_others_stay_without_an_engine() -> None:
    seen, opened = directed({"NAIAD_ENGINE_URL": ENGINE}, before="import tritonclient.http")
    assert seen["tritonclient.http"] == 41234
    assert opened == ["localhost:8001", "localhost:8001", "localhost:8000", "localhost:8001"]
