"""tritonserver's flags for what this version of naiad has not or need not: known, so that its command lines work.

Every flag of triton.md §7 is either in `settings_table` or here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class UnservedFlag:
    """One of them.

    Attributes:
        name: of the flag, without dashes in front.
        harmless: values, in lower case, that ask for what naiad does anyway; `*` stands for all.
        reason: why any other has no effect.
    """

    name: str
    harmless: tuple[str, ...]
    reason: str

    def warning(self, text: str) -> str | None:
        """What to tell somebody who gave this value; None when there is nothing to tell."""
        if not text or "*" in self.harmless or text.lower() in self.harmless:
            return None
        return f"--{self.name} has no effect: {self.reason}"  # without the value, which may be a secret


def _rows(reason: str, *flags: str) -> tuple[UnservedFlag, ...]:
    """Flags with one reason, each as `name` or `name=harmless|harmless`."""
    parts = [flag.partition("=") for flag in flags]
    return tuple(
        UnservedFlag(name, tuple(harmless.split("|")) if harmless else (), reason) for name, _, harmless in parts
    )


UNSERVED_FLAGS: Final = (
    *_rows("a name in two repositories is served from neither", "model-namespacing=false|off|0"),
    *_rows("headers are not forwarded to models", "http-header-forward-pattern"),
    *_rows("one event loop answers all connections", "http-thread-count=*", "buffer-manager-thread-count=*"),
    *_rows("metadata are not forwarded to models", "grpc-header-forward-pattern"),
    *_rows(
        "one event loop answers all calls, and keeps nothing in pools",
        "grpc-infer-thread-count=*",
        "grpc-infer-allocation-pool-size=*",
        "grpc-max-response-pool-size=*",
    ),
    *_rows("every ping waits for the answer to the last", "grpc-http2-max-pings-without-data=*"),
    *_rows("there are no metrics of GPUs", "allow-gpu-metrics=false|off|0"),
    *_rows("metrics of the processor and the memory are always served", "allow-cpu-metrics=true|on|1"),
    *_rows("metrics are measured when they are asked for", "metrics-interval-ms=*"),
    *_rows(
        "latencies are served as counters, neither as histograms nor as summaries",
        "metrics-config=counter_latencies=true|histogram_latencies=false|summary_latencies=false",
    ),
    *_rows(
        "--trace-config has taken its place",
        "trace-file",
        "trace-level=off|false",
        "trace-rate",
        "trace-count",
        "trace-log-frequency=0",
    ),
    *_rows("instances are not rate limited", "rate-limit=off", "rate-limit-resource"),
    *_rows(
        "this version of naiad has no response cache", "cache-config", "cache-directory", "response-cache-byte-size=0"
    ),
    *_rows(
        "runtimes are part of naiad, which loads no libraries of tritonserver's",
        "backend-directory=/opt/tritonserver/backends",
        "repoagent-directory=/opt/tritonserver/repoagents",
    ),
    *_rows("instances are not bound to processors", "host-policy"),
    *_rows(
        "models run on the processor",
        "enable-peer-access=*",
        "model-load-gpu-limit",
        "pinned-memory-pool-byte-size=*",
        "cuda-memory-pool-byte-size=*",
        "cuda-virtual-address-size=*",
        "min-supported-compute-capability=*",
    ),
    *_rows(
        "naiad does not speak SageMaker's protocol",
        "allow-sagemaker=false|off|0",
        "sagemaker-port",
        "sagemaker-safe-port-range",
        "sagemaker-thread-count",
    ),
    *_rows(
        "naiad does not speak Vertex AI's protocol",
        "allow-vertex-ai=false|off|0",
        "vertex-ai-port",
        "vertex-ai-thread-count",
        "vertex-ai-default-model",
    ),
)
