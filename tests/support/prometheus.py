"""Prometheus' text format 0.0.4, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = frozenset[tuple[str, str]]


@dataclass
class Family:
    """A metric: its type, its help and its samples by labels."""

    kind: str = ""
    help: str = ""
    samples: dict[Labels, float] = field(default_factory=dict)

    def value(self, **labels: str) -> float:
        """The sample with exactly these labels."""
        return self.samples[frozenset(labels.items())]


def parse_metrics(text: str) -> dict[str, Family]:
    """All families by name; an assertion for whatever a scraper would stumble over."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, current, help_text = line.split(" ", 3)
            assert current not in families, f"{current} comes twice"
            families[current] = Family(help=help_text)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current
            assert not families[name].kind
            assert not families[name].samples
            assert kind in ("counter", "gauge", "histogram", "summary")
            families[name].kind = kind
        else:
            match = _SAMPLE.fullmatch(line)
            assert match is not None, f"no sample: {line!r}"
            assert match["name"] == current, f"{line!r} stands under {current}"
            labels = _labels(match["labels"] or "")
            family = families[current]
            assert labels not in family.samples, f"{line!r} comes twice"
            family.samples[labels] = float(match["value"])
    assert all(family.kind for family in families.values())
    return families


def _labels(text: str) -> Labels:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = _LABEL.match(text, position)
        assert match is not None, f"no labels: {text!r}"
        found.append((match["name"], re.sub(r"\\.", lambda escape: _ESCAPES[escape[0]], match["value"])))
        position = match.end()
    names = [name for name, _ in found]
    assert names == sorted(set(names)), f"labels twice or out of order: {text!r}"
    return frozenset(found)
