"""What the servers have counted after everything else: statistics over both protocols, and the metrics page."""

from __future__ import annotations

import re
from typing import Any

from tests.conformance.triton.case import Corpus, Request, get, parsed
from tests.conformance.triton.rpc_messages import call
from tests.conformance.triton.wire import Answer

_SAMPLE = re.compile(r"^(\w+)(\{.*\})? (\S+)$")
_VARIES = re.compile(r"_us$|^nv_(cpu|gpu|pinned|energy)|_utilization$|_bytes$")

_corpus = Corpus("counters")


def _samples(answer: Answer) -> dict[str, Any]:
    """Types of the metrics, and values of the samples by name and labels; those that vary by nature only as present."""
    found: dict[str, Any] = {"types": {}, "samples": {}}
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            found["types"][name] = kind
        elif (sample := _SAMPLE.match(line)) is not None:
            name, labels, value = sample[1], sample[2] or "", sample[3]
            in_order = ",".join(sorted(re.findall(r'\w+="[^"]*"', labels)))
            found["samples"][f"{name} {in_order}"] = "" if _VARIES.search(name) else float(value)
    return {key: dict(sorted(value.items())) for key, value in found.items()}


def _counts(statistics: Any) -> dict[str, Any]:
    """What is counted of each model, by name and version; without times."""

    def numbers(counters: dict[str, Any]) -> dict[str, int]:
        return {name: int(counter.get("count", 0)) for name, counter in counters.items() if isinstance(counter, dict)}

    return {
        f"{row['name']} {row['version']}": {
            "requests": numbers(row["inference_stats"]),
            "rows": int(row.get("inference_count", 0)),
            "executions": int(row.get("execution_count", 0)),
            "batches": {str(batch["batch_size"]): numbers(batch) for batch in row.get("batch_stats", ())},
        }
        for row in statistics["model_stats"]
    }


_corpus.add("statistics over HTTP", Request(get("/v2/models/stats"), view=lambda answer: _counts(parsed(answer))))
_corpus.add("statistics over gRPC", call("ModelStatistics", options={"view": _counts}))
_corpus.add("metrics", Request(get("/metrics"), metrics=True, view=_samples))

CASES = _corpus.cases
