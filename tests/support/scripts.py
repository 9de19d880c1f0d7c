"""Entry scripts for services under test."""

from __future__ import annotations

PLAIN = '''
import json
import os
import sys
import time

CALLS = []
LEAKED = []


def init():
    global version
    version = "first"


def run(data):
    """Does what it is told, and says who did it."""
    asked = json.loads(data)
    CALLS.append(asked)
    what = asked.get("do")
    if what == "raise":
        raise ValueError("as it was told")
    if what == "hang":
        time.sleep(asked.get("s", 3600))
    if what == "exit":
        sys.exit(7)
    if what == "die":
        os._exit(9)
    if what == "leak":
        LEAKED.append(b"x" * (asked["mb"] << 20))
    if what == "open":
        with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], asked["path"]), asked["mode"]) as file:
            return file.read() if asked["mode"] == "r" else file.write("spoilt")
    if what == "walk":
        found = []
        for folder, _, files in os.walk(os.environ["AZUREML_MODEL_DIR"]):
            found += [os.path.relpath(os.path.join(folder, name), os.environ["AZUREML_MODEL_DIR"]) for name in files]
        return sorted(found)
    if what == "variable":
        return os.environ.get(asked["name"])
    return {"pid": os.getpid(), "version": version, "calls": len(CALLS)}
'''
"""Architecture A: does what a request tells it."""

TRITON = """
import json
import os

import numpy as np
import tritonclient.grpc
import tritonhttpclient

import helper


def init():
    global client, calls
    client = tritonhttpclient.InferenceServerClient(url="localhost:8000")
    calls = tritonclient.grpc.InferenceServerClient(url="localhost:8001")
    assert client.is_model_ready("double")


def run(data):
    values = np.asarray(json.loads(data)["data"], dtype=np.float32)
    module = tritonclient.grpc if json.loads(data).get("grpc") else tritonhttpclient
    tensor = module.InferInput("x", values.shape, "FP32")
    tensor.set_data_from_numpy(values)
    result = (calls if module is tritonclient.grpc else client).infer("double", [tensor], request_id="0")
    server = client.get_server_metadata()["name"]
    return {"y": helper.listed(result.as_numpy("y")), "pid": os.getpid(), "server": server}
"""
"""Architecture C: asks the model `double` of the engine."""

HELPER = "def listed(array):\n    return array.tolist()\n"
"""The module `helper` beside `TRITON`."""
