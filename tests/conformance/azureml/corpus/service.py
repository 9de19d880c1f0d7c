"""What the environment and the folder around a script change."""

from __future__ import annotations

from tests.conformance.azureml.script import Script, get, post
from tests.support.http_client import request_bytes

_ECHO = """
def init():
    pass

def run(data):
    return data
"""

_SLEEP = """
import time

def init():
    pass

def run(data):
    deadline = time.monotonic() + float(data)
    try:
        while time.monotonic() < deadline:
            time.sleep(0.001)
    finally:
        print("leaving")
    return "in time"
"""

_DRIVER = """
import user_script as driver_module

def init():
    driver_module.init("by the driver")

def run(*arguments):
    return "the driver ran"
"""

_USER = """
STATE = []

def init(how):
    STATE.append(how)

def run(data):
    return [data, *STATE]
"""

_ENVIRONMENT = """
import os
import helper
import inside

def init():
    pass

def run(data):
    root = os.environ["AML_APP_ROOT"]
    return [helper.NAME, inside.NAME, os.environ["AZUREML_MODEL_DIR"], os.path.relpath(__file__, root), __name__]
"""

_PREFLIGHT = ("Origin: http://a.example", "Access-Control-Request-Method: POST")

SCRIPTS = (
    Script(
        "named",
        _ECHO,
        variables={"SERVICE_NAME": "my service", "SERVICE_VERSION": "7", "SERVICE_PATH_PREFIX": "/api/v1/service/x/"},
        files={
            "swagger3.json": '{"openapi": "3.0.0", "mine": true}',
            "swagger.json": '{"swagger": "2.0", "mine": true}',
            "swagger2.json": '{"swagger": "2.0", "mine": false}',
        },
        requests={
            "swagger 2": get("version=2", path="/swagger.json"),
            "swagger 3": get("version=3", path="/swagger.json"),
            "swagger 3.1": get("version=3.1", path="/swagger.json"),
            "score": post("x"),
            "with the prefix": request_bytes("POST", "/api/v1/service/x/score", b"x"),
        },
    ),
    Script(
        "driver",
        _DRIVER,
        files={"user_script.py": _USER},
        requests={"score": post("x"), "swagger": get(path="/swagger.json")},
    ),
    Script(
        "environment",
        _ENVIRONMENT,
        files={"helper.py": "NAME = 'beside'", "source/inside.py": "NAME = 'in the source directory'"},
        variables={"AZUREML_SOURCE_DIRECTORY": "source", "SERVER_VERSION_LOG_RESPONSE_ENABLED": "false"},
        flags=("--entry_script", "score.py", "--model_dir", "models/here"),
        requests={"score": post("x"), "health": get(path="/")},
    ),
    Script(
        "configured",
        _ECHO,
        files={"settings.json": '{"AZUREML_ENTRY_SCRIPT": "score.py", "SERVICE_NAME": "from the file"}'},
        variables={"SERVICE_VERSION": "from the environment"},
        flags=("--config_file", "settings.json"),
        requests={"score": post("x"), "swagger": get(path="/swagger.json")},
    ),
    Script(
        "in time",
        _SLEEP,
        variables={"SCORING_TIMEOUT_MS": "400"},
        requests={"short": post("0"), "long": post("5"), "short again": post("0.01")},
    ),
    Script(
        "origins",
        _ECHO,
        flags=("--entry_script", "score.py", "--access_control_allow_origins", "http://a.example, http://b.example"),
        requests={
            "one of them": post("x", "Origin: http://a.example"),
            "the other": post("x", "Origin: http://b.example"),
            "in capitals": post("x", "Origin: HTTP://A.EXAMPLE"),
            "another": post("x", "Origin: http://c.example"),
            "none": post("x"),
            "a preflight": request_bytes("OPTIONS", "/score", headers=_PREFLIGHT),
            "a preflight for headers": request_bytes(
                "OPTIONS", "/score", headers=(*_PREFLIGHT, "Access-Control-Request-Headers: x-a, Content-Type")
            ),
            "a preflight from elsewhere": request_bytes(
                "OPTIONS", "/score", headers=("Origin: http://c.example", "Access-Control-Request-Method: POST")
            ),
            "OPTIONS that is no preflight": request_bytes("OPTIONS", "/score", headers=("Origin: http://a.example",)),
            "health": get("", "Origin: http://a.example", path="/"),
            "swagger": get("version=9", "Origin: http://a.example", path="/swagger.json"),
            "an unknown path": get("", "Origin: http://a.example", path="/nothing"),
            "a body that is no text": post(b"\xff", "Origin: http://a.example"),
        },
    ),
    Script(
        "every origin",
        _ECHO,
        variables={"AML_CORS_ORIGINS": "*"},
        requests={
            "one": post("x", "Origin: http://a.example"),
            "none": post("x"),
            "a preflight": request_bytes("OPTIONS", "/score", headers=_PREFLIGHT),
        },
    ),
)
