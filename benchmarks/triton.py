"""The real tritonserver over a repository, with the Python backend and our `onnxruntime` backend."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks.environment import TritonInstallation
from benchmarks.server import LOOPBACK, Server

BACKENDS = Path(__file__).with_name("backends")
SHARED_MEMORY = Path("/dev/shm")


class TritonServer(Server):
    """The real Triton.

    Args:
        repository: the model repository.
        installation: from `environment.install`.
        extra_flags: tritonserver's flags (triton.md §7), for example `--model-control-mode=explicit`.
        ready_timeout_s: how long it may take to be ready. With a model that cannot load, add
            `--exit-on-error=false --strict-readiness=false`.
    """

    name: ClassVar[str] = "triton"

    def __init__(
        self,
        repository: Path,
        *,
        installation: TritonInstallation,
        extra_flags: Sequence[str] = (),
        ready_timeout_s: float = 60.0,
    ) -> None:
        super().__init__(repository, extra_flags=extra_flags, ready_timeout_s=ready_timeout_s)
        self.installation = installation
        self._shared_memory_prefix = f"naiad_benchmark_{self.http_port}_"

    def command(self, folder: Path) -> list[str]:
        """tritonserver's command line; the backends are laid out in `folder`."""
        backends = self._lay_out_backends(folder / "backends")
        prefix = f"shm-region-prefix-name={self._shared_memory_prefix}"
        return [
            str(self.installation.binary),
            f"--model-repository={self.repository}",
            f"--backend-directory={backends}",
            f"--cache-directory={self.installation.folder / 'caches'}",
            f"--http-address={LOOPBACK}",
            f"--http-port={self.http_port}",
            f"--grpc-address={LOOPBACK}",
            f"--grpc-port={self.grpc_port}",
            f"--metrics-port={self.metrics_port}",
            *(f"--backend-config={backend},{prefix}" for backend in ("python", "onnxruntime")),
        ]

    def environment(self) -> Mapping[str, str]:
        """The variables under which the binary and the stub find their libraries."""
        return self.installation.variables()

    def stop(self) -> None:
        """As any server, and remove the shared memory of stubs that were killed."""
        try:
            super().stop()
        finally:
            for region in SHARED_MEMORY.glob(f"{self._shared_memory_prefix}*"):
                region.unlink(missing_ok=True)

    def _lay_out_backends(self, backends: Path) -> Path:
        # Copies, because tritonserver refuses a backend whose library is a link out of its folder.
        shutil.copytree(BACKENDS, backends, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(self.installation.folder / "backends" / "python", backends / "python")
        shutil.copy(self.installation.stub, backends / "python")
        return backends
