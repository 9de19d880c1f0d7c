"""The whole of naiad in a minute: two real models registered, deployed in three ways, asked, put under load, removed.

`make demo` runs this. Everything lies in one folder (`.cache/demo` of the project), workspace included, and nothing
is left running, whatever happens. `KEEP=1 make demo` leaves the services up for you to play with.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from session import CommandFailed, Session

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEPLOYMENT_CONFIG = """\
{
  "computeType": "local",
  "authEnabled": true
}
"""
INFERENCE_CONFIG = """\
{{
  "entryScript": "{script}",
  "sourceDirectory": "{folder}",
  "environment": {{
    "name": "demo",
    "environmentVariables": {{"WORKER_COUNT": "2"}},
    "python": {{"condaDependencies": {{"dependencies": [{{"pip": ["tritonclient[http]", "onnxruntime", "pillow"]}}]}}}}
  }}
}}
"""
SERVICES = ("demo", "demo-script", "demo-plain")


def main() -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(description="Register, deploy, call and remove two real models on this machine.")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".cache" / "demo", help="where everything is put")
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each row of the table")
    arguments = parser.parse_args()
    keep = os.environ.get("KEEP", "0") not in ("", "0")
    folder: Path = arguments.folder.resolve()
    for number in ENDING:
        signal.signal(number, interrupt)
    try:
        if shutil.which("naiad", path=Path(sys.executable).parent) is None:
            raise CommandFailed(f"naiad is not installed for {sys.executable}; `make demo` installs it first")
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder):
            session = Session(folder)
            clear(session, folder)
            try:
                walk(session, folder, seconds=arguments.seconds, keep=keep)
            except BaseException:
                ignore_signals()
                clear(session, folder)
                raise
    except (CommandFailed, OSError) as reason:
        sys.stderr.write(f"\nerror: the demo stopped: {reason}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nThe demo was interrupted; nothing of it runs any more.\n")
        return 130
    return 0


def walk(session: Session, folder: Path, *, seconds: float, keep: bool) -> None:
    """The steps, from the models to what is left when the demo is over."""
    here = os.path.relpath(HERE, folder)
    project = os.path.relpath(PROJECT, folder)

    session.title("Two models out of Python packages, as a Triton model repository")
    session.show(f"cd {folder}")
    session.run(f"python {here}/prepare.py")
    session.run("cat models/triton/page_orientation/config.pbtxt")

    session.title("Register the repository as a model, in a workspace of this folder's own")
    session.show("mkdir .naiad")
    (folder / ".naiad").mkdir(mode=0o700)
    session.run("naiad model register -n demo_models -p models --model-framework=Multi --query id")

    session.title("B: deploy it on this machine, on any free port, with keys; clients speak to the inference server")
    (folder / "deploymentconfig.json").write_text(DEPLOYMENT_CONFIG)
    session.run("cat deploymentconfig.json")
    deploy(session, "demo", "-m demo_models:1")
    session.run("naiad service show -n demo")
    session.run("naiad service get-keys -n demo")
    call_directly(session, here, project, seconds=seconds)

    session.title("C: the same models behind a script; clients send a picture, the server batches for all workers")
    (folder / "inference-config.json").write_text(
        INFERENCE_CONFIG.format(script="score_page.py", folder=f"{here}/scripts")
    )
    session.run("cat inference-config.json")
    deploy(session, "demo-script", "-m demo_models:1 --ic inference-config.json")
    score(session, "demo-script", "page.png")

    session.title("A: a script that runs its model itself; clients send a file")
    session.run("naiad model register -n file_type -p models/triton/file_type --model-framework=Onnx --query id")
    deploy(session, "demo-plain", f"-m file_type:1 --es score_filetype.py --sd {here}/scripts -e demo")
    score(session, "demo-plain", f"{here}/demo.py")

    if keep:
        session.title("The services are still there")
        print(f"cd {folder}\nnaiad service list -o table\nnaiad service delete -n demo")
        return
    session.title("Remove the services and the models")
    for name in SERVICES:
        session.run(f"naiad service delete -n {name} --query state")
    session.run("naiad model delete -i demo_models:1 --query id")
    session.run("naiad model delete -i file_type:1 --query id")


def deploy(session: Session, name: str, options: str) -> None:
    """Deploy a service on this machine, and wait until it answers."""
    session.run(
        f"naiad model deploy -n {name} {options} --dc deploymentconfig.json --compute-target local --overwrite -o none"
    )


def call_directly(session: Session, here: str, project: str, *, seconds: float) -> None:
    """Health, both models, and load, through Triton's protocol."""
    session.title("Is it ready?")
    session.export("scoring_uri", "naiad service show -n demo --query scoringUri -o tsv")
    session.export("service_key", "naiad service get-keys -n demo --query primaryKey -o tsv")
    if shutil.which("curl"):
        session.run("curl -sSv $scoring_uri/v2/health/ready -H 'Authorization: Bearer '\"$service_key\"''")
    else:
        print("(curl is not installed; the next step asks the same server)", flush=True)

    session.title("Which way up is this page? A batch of four, as JSON")
    session.run(f"python {here}/pages.py {project}/LICENSE")

    session.title("What are these files? One request each, binary tensors")
    files = [f"{here}/demo.py", f"{project}/README.md", f"{project}/pyproject.toml", f"{project}/Makefile"]
    files += ["deploymentconfig.json", "page.png", "models/triton/file_type/1/model.onnx", ".naiad/workspace.db"]
    session.run(f"python {here}/file_types.py {' '.join(files)}")

    session.title("How fast? Clients that send one item at a time, batched by the server")
    session.run(f"python {here}/load.py {seconds:g}")


def score(session: Session, name: str, file: str) -> None:
    """Send a file to a service's entry script."""
    session.run(f"naiad service show -n {name} --query scoringUri")
    session.run(f"naiad service run -n {name} -d @{file}")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a second demo out of the folder.

    Raises:
        CommandFailed: when one is running there.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandFailed(f"another demo is running in {folder}") from None
        yield


def interrupt(*_: object) -> NoReturn:
    """Heed the first signal; another one must not stop what takes the demo down."""
    ignore_signals()
    raise KeyboardInterrupt


def ignore_signals() -> None:
    """From here on the demo comes to its end by itself."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def clear(session: Session, folder: Path) -> None:
    """Stop the demo's services and forget its workspace, if an earlier run left them."""
    if (folder / ".naiad").is_dir():
        for name in SERVICES:
            session.run_quietly(f"naiad service delete -n {name} --only-show-errors")
        shutil.rmtree(folder / ".naiad")
    shutil.rmtree(folder / "models", ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
