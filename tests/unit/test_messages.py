"""tritonclient's messages, and what loading them does not load."""

from __future__ import annotations

import subprocess
import sys

_CHECK = """
import sys
from naiad.messages import model_config_pb2, service_pb2
from naiad.server import grpc_health, grpc_reflection, grpc_service
assert service_pb2.ModelConfigResponse().config.DESCRIPTOR is model_config_pb2.ModelConfig.DESCRIPTOR
loaded = [name for name in sys.modules if name in ("grpc", "tritonclient.grpc")]
assert not loaded, loaded
import tritonclient.grpc
assert tritonclient.grpc.service_pb2 is service_pb2
assert tritonclient.grpc.model_config_pb2 is model_config_pb2
print("done")
"""


def test_messages_and_methods_do_without_grpcio_and_are_the_clients() -> None:
    done = subprocess.run([sys.executable, "-c", _CHECK], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr


def test_where_the_client_is_there_already_its_modules_are_used() -> None:
    program = (
        "import tritonclient.grpc as t; from naiad.messages import service_pb2; assert t.service_pb2 is service_pb2"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
