"""The entry-script host's processes: start, failure, time-outs, reload, drain, crashes, several workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.support.http_client import Answer, ask, request_bytes
from tests.support.scoring import Host, end, fails_to_start, running, spawn, write_script
from tests.support.waiting import wait_for

SCRIPT = """
    import json, os, sys, time

    def init():
        pass

    def run(data):
        wanted = json.loads(data)
        do = wanted.get("do")
        if do == "sleep":
            time.sleep(wanted["s"])
        elif do == "hang":
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    pass
        elif do == "exit":
            sys.exit(0)
        elif do == "die":
            os._exit(5)
        return {"pid": os.getpid(), "version": VERSION}

    VERSION = 1
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write_script(tmp_path / "app", SCRIPT)


def workers(host: Host) -> list[int]:
    return [child.pid for child in psutil.Process(host.process.pid).children()]


def later(call: Callable[[], Answer]) -> Future[Answer]:
    """Make a request in a thread."""
    future: Future[Answer] = Future()
    threading.Thread(target=lambda: future.set_result(call()), daemon=True).start()
    return future


# Starting, and not.


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def init():\n    raise ValueError('boom')\ndef run(data): return data\n", "ValueError: boom"),
        ("import nothing_like_this\n", "No module named 'nothing_like_this'"),
        ("def init(): pass\n", "does not have a run() function defined."),
        ("import os\ndef init(): os._exit(7)\ndef run(data): return data\n", "exited with code 7"),
    ],
    ids=["init", "import", "no run", "death"],
)
def test_a_script_that_cannot_be_served_ends_the_host_at_once_and_once(tmp_path: Path, code: str, error: str) -> None:
    script = write_script(tmp_path, code)
    status, log = fails_to_start(script, "--worker-count", "3", directory=tmp_path / "run")
    assert status == 3
    last = log[log.rindex("\nerror: ") :]
    assert error in last
    assert log.count("Booting worker") == 1
    if "boom" in error:
        assert "line 2, in init" in log
        assert log.count("Traceback") == 1
    assert not (tmp_path / "run" / "ready.json").exists()


def test_an_init_may_take_longer_than_a_worker_may_hang(tmp_path: Path) -> None:
    script = write_script(tmp_path, "import time\ndef init():\n    time.sleep(2.2)\ndef run(data): return data\n")
    with running(script, directory=tmp_path, environment={"WORKER_TIMEOUT": "1"}) as host:
        assert host.score(1).status == 200


@pytest.mark.parametrize(
    ("flags", "environment", "status", "error"),
    [
        (("--auth-keys", "nowhere.json"), {}, 3, "unable to read keys from 'nowhere.json'"),
        (("--fd", "0"), {}, 1, "file descriptor 0 is no socket"),
        ((), {"AZUREML_DEBUG_PORT": "5678"}, 3, "AZUREML_DEBUG_PORT is set, and debugpy is not installed"),
        ((), {"NAIAD_SCORE_READY_FILE": "no/where"}, 1, "unable to write the ready file 'no/where'"),
        ((), {"NAIAD_SCORE_PORT": "-1"}, 3, "(environment variable: NAIAD_SCORE_PORT)"),
    ],
)
def test_settings_that_cannot_be(
    tmp_path: Path, script: Path, flags: tuple[str, ...], environment: dict[str, str], status: int, error: str
) -> None:
    ended, log = fails_to_start(script, *flags, directory=tmp_path, environment=environment)
    assert ended == status
    assert error in log[log.rindex("error: ") :]
    assert "Traceback" not in log


def test_a_config_error_has_its_banner(tmp_path: Path, script: Path) -> None:
    _, log = fails_to_start(script, directory=tmp_path, environment={"WORKER_COUNT": "0"})
    assert "===============Configuration Error=================\nWORKER_COUNT must be" in log


def test_a_port_that_is_taken(tmp_path: Path, script: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, log = fails_to_start(script, "--port", str(port), directory=tmp_path)
    assert (status, f"error: Socket '127.0.0.1:{port}' already in use" in log) == (1, True)


def test_variables_alone_and_a_config_file(tmp_path: Path, script: Path) -> None:
    (script.parent / "config.json").write_text(
        json.dumps({"SERVICE_NAME": "filed", "SERVICE_VERSION": "2.0", "FLAVOUR": 1, "WORKER_PRELOAD": True})
    )
    environment = {"AML_APP_ROOT": str(script.parent), "AZUREML_ENTRY_SCRIPT": "score.py", "SERVICE_VERSION": "3.0"}
    with running(None, directory=tmp_path, environment=environment) as host:
        info = host.ask("GET", "/swagger.json").json["info"]
        assert (info["title"], info["version"]) == ("filed", "3.0")
        assert "Extra keys = ['FLAVOUR']" in host.log
        assert host.score({}).json["pid"] in workers(host)


def test_logging_json_is_followed(tmp_path: Path, script: Path) -> None:
    host_modules = "azureml_inference_server_http.log_config"
    (script.parent / "logging.json").write_text(
        json.dumps(
            {
                "version": 1,
                "formatters": {"own": {"class": f"{host_modules}.AMLLogFormatter", "format": "own: %(message)s"}},
                "filters": {"probes": {"()": f"{host_modules}.RootAccessFilter"}},
                "handlers": {"own": {"class": "logging.StreamHandler", "formatter": "own", "filters": ["probes"]}},
                "loggers": {"azmlinfsrv": {"level": "INFO", "handlers": ["own"]}},
            }
        )
    )
    with running(script, directory=tmp_path) as host:
        host.score({})
        host.wait_for_log("own: POST /score 200")


def test_a_logging_json_that_cannot_be(tmp_path: Path, script: Path) -> None:
    (script.parent / "logging.json").write_text('{"version": 1, "handlers": {"own": {"class": "no.such"}}}')
    status, log = fails_to_start(script, directory=tmp_path)
    assert status == 3
    assert "error: unable to log as " in log
    assert "Traceback" not in log


# Keys, queues, the router's codes.


def test_keys_queue_and_router_codes(tmp_path: Path, script: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"primaryKey": "first", "secondaryKey": "second"}))
    keys.chmod(0o600)
    flags = ("--auth-keys", str(keys), "--max-queue-wait-ms=100", "--max-queued-requests=2", "--router-codes")
    cors = ("--access-control-allow-origins=*", "--scoring-timeout-ms=700")
    with running(script, *flags, *cors, directory=tmp_path / "run") as host:
        key = ("Authorization: Bearer second",)
        assert host.ask("GET", "/").status == 200
        refused = host.score({})
        assert (refused.status, list(refused.json), refused.headers["www-authenticate"]) == (401, ["message"], "Bearer")
        assert host.score({}, ("Authorization: Bearer third",)).status == 401
        assert host.score({}, key).status == 200
        preflight = ("Origin: https://a.example", "Access-Control-Request-Method: POST")
        assert host.ask("OPTIONS", "/score", headers=preflight).status == 200

        slow = later(lambda: host.score({"do": "sleep", "s": 60}, key))
        wait_for(lambda: host.score({}, key).status == 503, "a request that waits is refused")
        waited = host.score({}, key)
        assert waited.json == {"message": "The service is busy: the request waited 100 ms for its turn."}
        assert waited.headers["retry-after"] == "1"
        with ThreadPoolExecutor(6) as pool:
            statuses = sorted(answer.status for answer in pool.map(lambda _: host.score({}, key), range(6)))
        assert set(statuses) <= {200, 429, 503}
        timed_out = slow.result(30)
        assert (timed_out.status, timed_out.json) == (504, {"message": "Scoring timeout after 700 ms"})

        with ThreadPoolExecutor(8) as pool:
            slow = later(lambda: host.score({"do": "sleep", "s": 0.6}, key))
            wait_for(lambda: host.score({}, key).status == 503, "the slow one runs")
            answers = list(pool.map(lambda _: host.score({}, key), range(8)))
        assert 429 in {answer.status for answer in answers}
        assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status != 200)
        assert slow.result(30).status == 200


# The way out.


def test_a_stop_answers_what_was_accepted(tmp_path: Path, script: Path) -> None:
    with running(script, directory=tmp_path) as host, host.connect() as idle, host.connect() as queued:
        slow = later(lambda: host.score({"do": "sleep", "s": 0.5}))
        wait_for(lambda: psutil.Process(workers(host)[0]).num_threads() >= 2, "the worker is up")
        queued.send(request_bytes("POST", "/score", b'{"do": "sleep", "s": 0.1}'))
        assert host.ask("GET", "/").status == 200
        host.signal(signal.SIGTERM)
        assert slow.result(20).status == 200
        answer = queued.read_answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert idle.is_closed()
        assert host.wait() == 0


def test_a_stop_ends_what_does_not_end_within_the_graceful_timeout(tmp_path: Path, script: Path) -> None:
    with running(script, "--graceful-timeout=2", directory=tmp_path) as host:
        hanging = later(lambda: host.score({"do": "hang"}))
        wait_for(lambda: host.ask("GET", "/").status == 200, "the host answers")
        began = time.monotonic()
        host.signal(signal.SIGTERM)
        answer = hanging.result(20)
        assert (answer.status, answer.json) == (500, {"message": "The service is stopping."})
        host.wait()
        assert time.monotonic() - began < 12


# Workers that die, hang or end themselves.


def test_a_worker_that_hangs_is_replaced_and_its_clients_are_told(tmp_path: Path, script: Path) -> None:
    with running(script, directory=tmp_path, environment={"WORKER_TIMEOUT": "1"}) as host:
        old = workers(host)
        hanging = later(lambda: host.score({"do": "hang"}))
        waiting = later(lambda: host.score({}))
        answer = hanging.result(20)
        assert answer.status == 500
        assert answer.json == {"message": "The script did not come back in 1 s."}
        assert waiting.result(20).status in (200, 503), "it may have come first"
        host.wait_for_log("ready for serving traffic", count=2)
        assert host.score({}).json["pid"] not in old
        assert "time.sleep(60)" in host.log, "the log shows where it hangs"


def test_a_stop_waits_for_a_run_whose_client_is_gone(tmp_path: Path, script: Path) -> None:
    with running(script, directory=tmp_path) as host:
        with host.connect() as connection:
            connection.send(request_bytes("POST", "/score", b'{"do": "sleep", "s": 1}'))
            assert host.ask("GET", "/").status == 200
        assert host.ask("GET", "/").status == 200
        host.signal(signal.SIGTERM)
        assert host.wait() == 0
        assert "Traceback" not in host.log


@pytest.mark.parametrize("do", ["exit", "die"])
def test_a_script_that_ends_its_process_is_started_again(tmp_path: Path, script: Path, do: str) -> None:
    with running(script, directory=tmp_path) as host, host.connect() as other:
        assert other.ask(request_bytes("GET", "/")).status == 200
        ended = host.score({"do": do})
        assert ended.status == (500 if do == "exit" else 0)
        assert other.ask(request_bytes("POST", "/score", b"{}")).status in (0, 503)
        host.wait_for_log("ready for serving traffic", count=2)
        assert host.score({}).status == 200
        assert host.process.poll() is None


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path, script: Path) -> None:
    with running(script, "--worker_count", "2", directory=tmp_path) as host:
        first, second = workers(host)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: {second} < set(workers(host)) and first not in workers(host), "another worker")
        host.wait_for_log("ready for serving traffic", count=3)
        assert host.score({}).status == 200
        assert "was killed by SIGKILL. Perhaps out of memory?" in host.log


def test_the_workers_go_with_a_master_that_is_killed(tmp_path: Path, script: Path) -> None:
    with running(script, "--worker_count", "2", directory=tmp_path) as host:
        orphans = workers(host)
        host.signal(signal.SIGKILL)
        host.wait()
        wait_for(lambda: not any(psutil.pid_exists(pid) for pid in orphans), "the workers are gone")


# Reload and update.


def test_more_and_fewer_workers(tmp_path: Path, script: Path) -> None:
    with running(script, directory=tmp_path) as host:
        first = workers(host)
        host.signal(signal.SIGUSR2)
        host.signal(signal.SIGTTIN)
        host.wait_for_log("ready for serving traffic", count=2)
        host.signal(signal.SIGTTOU)
        wait_for(lambda: len(workers(host)) == 1, "one worker is left")
        assert workers(host) != first, "the older one goes"
        assert host.score({}).status == 200
        assert "SIGUSR2 is ignored" in host.log


def test_a_reload_serves_the_new_script_and_drops_nothing(tmp_path: Path, script: Path) -> None:
    with running(script, "--worker_count", "2", directory=tmp_path) as host, host.connect() as connection:
        statuses = []
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                statuses.append(host.score({}).status)

        loader = threading.Thread(target=load)
        loader.start()
        assert connection.ask(request_bytes("POST", "/score", b"{}")).json["version"] == 1
        script.write_text(script.read_text().replace("VERSION = 1", "VERSION = 2"))
        host.signal(signal.SIGHUP)
        wait_for(lambda: host.score({}).json["version"] == 2, "the new script answers")
        host.wait_for_log("Worker exiting", count=2)
        assert {host.score({}).json["version"] for _ in range(4)} == {2}
        stop.set()
        loader.join()
        assert set(statuses) == {200}


def test_a_reload_that_fails_leaves_the_old_workers(tmp_path: Path, script: Path) -> None:
    with running(script, directory=tmp_path) as host:
        old, code = workers(host), script.read_text()
        script.write_text("def init(): raise ValueError('not yet')\ndef run(data): return data\n")
        host.signal(signal.SIGHUP)
        host.wait_for_log("The old workers go on, because the new ones fail: User's init function failed: ValueError")
        assert host.score({}).json["pid"] in old
        script.write_text(code.replace("VERSION = 1", "VERSION = 3"))
        host.signal(signal.SIGHUP)
        wait_for(lambda: host.score({}).json["version"] == 3, "the repaired script answers")


def test_a_reload_while_another_goes_on_follows_it(tmp_path: Path, script: Path) -> None:
    code = script.read_text()
    with running(script, "--worker_count=2", directory=tmp_path) as host:
        for version in range(2, 6):
            script.write_text(code.replace("VERSION = 1", f"VERSION = {version}"))
            host.signal(signal.SIGHUP)
        wait_for(lambda: host.score({}).json["version"] == 5, "the last script answers")


def test_an_inherited_socket_is_shared_by_old_and_new_hosts(tmp_path: Path, script: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        flags = ("--fd", str(descriptor))
        with running(script, *flags, directory=tmp_path / "old", inherited=[descriptor]) as old:
            assert old.port == port
            script.write_text(script.read_text().replace("VERSION = 1", "VERSION = 2"))
            with running(script, *flags, directory=tmp_path / "new", inherited=[descriptor]):
                slow = later(lambda: ask(port, "POST", "/score", b'{"do": "sleep", "s": 0.3}'))
                old.signal(signal.SIGTERM)
                answers = [ask(port, "POST", "/score", b"{}") for _ in range(50)]
                assert {answer.status for answer in answers} == {200}
                assert old.wait() == 0
                assert ask(port, "POST", "/score", b"{}").json["version"] == 2
                assert slow.result(20).status == 200


# Several workers.


def test_requests_do_not_wait_for_a_busy_worker_while_another_is_idle(tmp_path: Path, script: Path) -> None:
    with running(script, "--worker_count=2", directory=tmp_path) as host, ThreadPoolExecutor(2) as pool:
        rounds = [
            {answer.json["pid"] for answer in pool.map(lambda _: host.score({"do": "sleep", "s": 0.2}), range(2))}
            for _ in range(6)
        ]
        # On a machine that has other things to do a worker may come too late for its turn.
        assert sum(len(pids) == 2 for pids in rounds) >= 4, rounds


def test_a_busy_host_still_takes_connections(tmp_path: Path, script: Path) -> None:
    with running(script, "--worker_count=2", directory=tmp_path) as host, ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(host.score, {"do": "sleep", "s": 0.6}) for _ in range(4)]
        wait_for(lambda: host.ask("GET", "/").status == 200, "a probe is answered")
        assert not all(one.done() for one in slow)
        assert [one.result().status for one in slow] == [200] * 4


def test_a_debugger_takes_control_before_the_script_is_loaded(tmp_path: Path, script: Path) -> None:
    (tmp_path / "debugpy.py").write_text(
        "import sys\n"
        "def connect(port): print('debugger at', port, 'score' in str(sys.modules.get('entry_module')))\n"
        "def wait_for_client(): print('debugger has control')\n"
    )
    environment = {"AZUREML_DEBUG_PORT": "5678", "PYTHONPATH": str(tmp_path)}
    with running(script, directory=tmp_path / "run", environment=environment) as host:
        told = [
            host.log.index(text) for text in ("debugger at 5678 False", "debugger has control", "Found user script")
        ]
        assert told == sorted(told)


def test_threads_that_a_script_leaves_do_not_hold_up_the_end(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        "import threading, time\n"
        "def init(): threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "def run(data): return 1\n",
    )
    with running(script, directory=tmp_path / "run") as host:
        old = workers(host)
        host.signal(signal.SIGHUP)
        wait_for(lambda: not set(old) & set(workers(host)), "the old worker is gone")


def test_an_address_of_ip_version_6(tmp_path: Path, script: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    with (
        running(script, "--host=::1", directory=tmp_path) as host,
        socket.create_connection(("::1", host.port), 10) as connection,
    ):
        connection.sendall(request_bytes("GET", "/"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_a_second_port_for_probes(tmp_path: Path, script: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"SEPERATE_HEALTH_ENDPOINT": "true"}
    with running(script, "--health_port", str(port), directory=tmp_path, environment=environment) as host:
        assert ask(port, "GET", "/").body == b"Healthy"
        assert host.port != port


def test_a_host_that_is_told_to_stop_while_it_starts_stops(tmp_path: Path) -> None:
    script = write_script(
        tmp_path, "import time\ndef init():\n    print('in init')\n    time.sleep(60)\ndef run(d): pass\n"
    )
    host = spawn(script, directory=tmp_path / "run")
    try:
        host.wait_for_log("in init")
        host.signal(signal.SIGTERM)
        assert host.wait(timeout_s=10) == 0
    finally:
        end(host)
