"""What the servers tell of themselves and their models: metadata, configuration, readiness."""

from __future__ import annotations

from tests.conformance.triton.case import Corpus, get
from tests.conformance.triton.models import BATCHED_DATATYPES, DATATYPES

MODELS = (
    *("tiny", "labelled", "auto", "queued", "single"),
    *(name.lower() for name in DATATYPES),
    *(f"rows_{name.lower()}" for name in BATCHED_DATATYPES),
    *("two", "three", "grid", "table", "image", "word", "open_row", "reshaped", "row_scalar", "scalar"),
    *("versions_all", "versions_latest", "versions_specific", "picker", "optional", "auto_table"),
)

_VERSIONS = ("0", "01", "2", "5", "9", "4294967296", "99999999999999999999")

_corpus = Corpus("metadata")

_corpus.add("server", get("/v2"))
_corpus.add("live", get("/v2/health/live"))
_corpus.add("ready", get("/v2/health/ready"))

for model in MODELS:
    _corpus.add(f"model {model}", get(f"/v2/models/{model}"))
    _corpus.add(f"config {model}", get(f"/v2/models/{model}/config"))
    for version in ("1", "3"):
        for view in ("", "/config", "/ready", "/stats"):
            _corpus.add(f"{model} {version}{view}", get(f"/v2/models/{model}/versions/{version}{view}"))
    _corpus.add(f"ready {model}", get(f"/v2/models/{model}/ready"))
    _corpus.add(f"statistics {model}", get(f"/v2/models/{model}/stats"))

for version in _VERSIONS:
    for model in ("versions_all", "versions_latest", "versions_specific"):
        _corpus.add(f"model {model} {version}", get(f"/v2/models/{model}/versions/{version}"))
        _corpus.add(f"ready {model} {version}", get(f"/v2/models/{model}/versions/{version}/ready"))
    _corpus.add(f"config {version}", get(f"/v2/models/versions_all/versions/{version}/config"))

for model in ("nope", "TINY", "."):
    _corpus.add(f"ready {model}", get(f"/v2/models/{model}/ready"))

_corpus.add("unknown model", get("/v2/models/nope"))
_corpus.add("unknown model version", get("/v2/models/nope/versions/1"))
_corpus.add("config of an unknown model", get("/v2/models/nope/config"))
_corpus.add("config of an unknown model version", get("/v2/models/nope/versions/1/config"))
_corpus.add("unknown model with quotes", get("/v2/models/a'b\"c"))
_corpus.add("gzip is not for metadata", get("/v2/models/tiny", "Accept-Encoding: gzip"))

CASES = _corpus.cases
