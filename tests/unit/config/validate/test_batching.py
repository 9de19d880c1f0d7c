"""The dynamic batcher's settings (triton.md §3.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_LEVELS = "dynamic_batching { priority_levels: 2 default_priority_level: 1"
_ORDERED = "max_batch_size: 4 dynamic_batching { preserve_ordering: true"


@pytest.mark.parametrize(
    "text",
    [
        "dynamic_batching { }",
        "max_batch_size: 4 dynamic_batching { preferred_batch_size: [1, 4] }",
        "dynamic_batching { priority_levels: 2 default_priority_level: 2 priority_queue_policy { key: 1 value { } } }",
        "dynamic_batching { default_priority_level: 9 priority_queue_policy { key: 7 value { } } }",
        f"{_ORDERED} priority_levels: 1 default_priority_level: 1 }}",
        f"{_ORDERED} default_queue_policy {{ timeout_action: DELAY }} }}",
        f"{_ORDERED} default_queue_policy {{ timeout_action: REJECT default_timeout_microseconds: 1 }} }}",
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "max_batch_size: 4 dynamic_batching { preferred_batch_size: [4, 0] }",
            "dynamic batching preferred size must be positive for m",
        ),
        (
            "max_batch_size: 4 dynamic_batching { preferred_batch_size: [2, 5] }",
            "dynamic batching preferred size must be <= max batch size for m",
        ),
        (
            "dynamic_batching { preferred_batch_size: 1 }",
            "dynamic batching preferred size must be <= max batch size for m",
        ),
        (
            "dynamic_batching { priority_levels: 18446744073709551615 }",
            "default priority level must be in range [1, 18446744073709551615] for m",
        ),
        (
            "dynamic_batching { priority_levels: 2 default_priority_level: 3 }",
            "default priority level must be in range [1, 2] for m",
        ),
        (
            f"{_LEVELS} priority_queue_policy {{ key: 3 value {{ }} }} }}",
            "priority queue policy must have priority level in range [1, 2] for m",
        ),
        (
            f"{_LEVELS} priority_queue_policy {{ key: 0 value {{ }} }} }}",
            "priority queue policy must have priority level in range [1, 2] for m",
        ),
        (
            f"{_ORDERED} priority_levels: 2 default_priority_level: 1 }}",
            "Only one priority level is allowed when 'preserve_ordering' is true for m",
        ),
        (
            f"{_ORDERED} default_queue_policy {{ timeout_action: DELAY default_timeout_microseconds: 1 }} }}",
            "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m",
        ),
        (
            (
                f"{_ORDERED} priority_levels: 1 default_priority_level: 1 priority_queue_policy "
                "{ key: 1 value { timeout_action: DELAY default_timeout_microseconds: 1 } } }"
            ),
            "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m",
        ),
    ],
)
def test_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence
