"""Configurations that are refused, and the sentence that refuses them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from naiad.config import pbtxt
from naiad.config.normalize import normalize
from naiad.config.validate import validate
from naiad.errors import ConfigError


def _refusal(text: str) -> str | None:
    config = pbtxt.parse(text, source="config.pbtxt")
    if not config.name:
        config.name = "m"
    if not (config.backend or config.platform):
        config.backend = "python"
    normalize(config)
    try:
        validate(config)
    except ConfigError as error:
        return error.message
    return None


@pytest.fixture
def refusal() -> Callable[[str], str | None]:
    """What `validate` says of a configuration, or None when it agrees.

    The text is that of a config.pbtxt; a name "m" and the backend "python" are given where it has none, and it is
    normalised.
    """
    return _refusal
