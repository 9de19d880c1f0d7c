"""The machine that a benchmark ran on, in one line, and the versions of what ran."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.environment import TritonInstallation
from benchmarks.rows import Transport


def describe() -> str:
    """Cores, processor, memory, system and the load before the benchmark."""
    cores = len(os.sched_getaffinity(0))
    memory_gib = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}"
    load = os.getloadavg()[0]
    return f"{cores} cores of {_processor()}, {memory_gib:.0f} GiB, {system}, load average {load:.1f} at the start"


def versions(load_generators: Mapping[Transport, str], installation: TritonInstallation | None) -> dict[str, str]:
    """Versions by name; `installation` is the peer's, when there is one."""
    found = {"python": platform.python_version(), "onnxruntime": version("onnxruntime")}
    found |= {f"{transport} load generator": name for transport, name in load_generators.items()}
    if installation is not None:
        found["nvidia-pytriton"] = installation.version_of("nvidia-pytriton")
        found["onnxruntime in triton"] = installation.version_of("onnxruntime")
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()
