from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import ConfigError
from naiad.workspace.triton_layout import TritonLayout, find_layout


def layout(*paths: str) -> TritonLayout:
    return find_layout(paths, entry=paths[0].split("/")[0], model="m")


@pytest.mark.parametrize(
    ("paths", "repository"),
    [
        (["models/triton/bert/1/model.onnx"], "models/triton"),
        (["triton/bert/1/model.onnx"], "triton"),
        (["repository/bert/1/model.onnx"], "repository"),
        # An ensemble: an empty version folder, and a configuration.
        (["models/triton/all/1", "models/triton/all/config.pbtxt"], "models/triton"),
        (["models/triton/all/config.pbtxt"], "models/triton"),
        # What lies beside the models does not matter.
        (["models/README.md", "models/triton/labels.txt", "models/triton/bert/12/model.plan"], "models/triton"),
        # A model that is called triton.
        (["repository/triton/1/model.onnx", "repository/bert/1/model.onnx"], "repository"),
        (["triton/triton/1/model.onnx"], "triton"),
        (["a/triton/triton/1/model.onnx"], "a/triton"),
    ],
)
def test_three_layouts(paths: list[str], repository: str) -> None:
    assert layout(*paths) == TritonLayout(repository, {})


def test_triton_that_is_not_a_repository_does_not_hide_one() -> None:
    found = layout("models/triton/1/model.onnx", "models/bert/1/model.onnx")
    assert found.repository == "models"


@pytest.mark.parametrize(
    "paths",
    [
        ["model.onnx"],
        ["models/model.onnx"],
        ["models/bert/model.onnx"],
        ["models/bert/v1/model.onnx"],
        ["models/bert/0/model.onnx"],
        ["models/bert/01/model.onnx"],
        ["models/nested/triton/bert/1/model.onnx"],
        ["models/1/config.pbtxt"],
        ["triton"],
    ],
)
def test_no_repository(paths: list[str]) -> None:
    with pytest.raises(ConfigError, match="holds no Triton model repository") as caught:
        layout(*paths)
    assert paths[0].split("/")[-1] in caught.value.message
    assert caught.value.hint is not None


def test_the_message_shows_the_tree() -> None:
    with pytest.raises(ConfigError) as caught:
        layout("models/bert/model.onnx", "models/notes.txt")
    assert "models/\n  bert/\n    model.onnx\n  notes.txt" in caught.value.message
    assert "<model>/<version>/<model file>" in caught.value.message


def test_a_big_tree_is_cut_off() -> None:
    with pytest.raises(ConfigError) as caught:
        layout(*(f"models/file{number}" for number in range(1000)))
    assert len(caught.value.message.splitlines()) < 50


def test_the_seeds_drawing_is_put_right() -> None:
    found = layout("models/triton/bert/1/model.onnx", "models/triton/bert/1/config.pbtxt")
    assert found.misplaced_configs == {"models/triton/bert/1/config.pbtxt": "models/triton/bert/config.pbtxt"}
    (warning,) = found.warnings
    assert warning.startswith("models/triton/bert/1/config.pbtxt is inside the version folder; ")
    assert "belongs at models/triton/bert/config.pbtxt" in warning


def test_the_newest_versions_configuration_counts() -> None:
    found = layout("m/bert/2/config.pbtxt", "m/bert/10/config.pbtxt", "m/bert/9/model.onnx")
    assert list(found.misplaced_configs) == ["m/bert/10/config.pbtxt"]


def test_a_configuration_in_its_place_wins() -> None:
    assert layout("m/bert/config.pbtxt", "m/bert/1/config.pbtxt").misplaced_configs == {}


_SEGMENT = st.sampled_from(["triton", "1", "2", "0", "bert", "config.pbtxt", "model.onnx"])


@given(st.lists(st.lists(_SEGMENT, min_size=1, max_size=4).map(lambda parts: "/".join(["m", *parts])), min_size=1))
def test_whatever_is_found_is_in_the_tree(paths: list[str]) -> None:
    try:
        found = layout(*paths)
    except ConfigError:
        return
    assert any(path.startswith(f"{found.repository}/") for path in paths)
    assert set(found.misplaced_configs) <= set(paths)
    assert not set(found.misplaced_configs.values()) & set(paths)
