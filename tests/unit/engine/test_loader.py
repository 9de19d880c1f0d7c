"""From a model's folder to a model, or to the sentence that says why not (triton.md §3.4, §3.5)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from naiad.engine.engine import Engine
from naiad.engine.loader import LoadSettings
from naiad.engine.model import Model
from naiad.repository.local import LocalRepository
from tests.support.onnx_models import TINY_CONFIG, identity, ports_config, spinner, tiny, write_model

BACKEND = 'backend: "onnxruntime" '


async def load(repository: Path, settings: LoadSettings | None = None) -> Model | str:
    """The model `m` of a repository, or why there is none."""
    engine = Engine([LocalRepository(repository)], settings=settings or LoadSettings())
    try:
        failures = await engine.start()
        return failures["m"].message if failures else engine.model("m")
    finally:
        await engine.close()


def loaded(repository: Path, made: Any, config: str | None = None, **settings: Any) -> Model:
    write_model(repository, "m", made, config)
    result = asyncio.run(load(repository, LoadSettings(**settings)))
    assert isinstance(result, Model), result
    return result


def refusal(repository: Path, made: Any, config: str | None = None, **settings: Any) -> str:
    write_model(repository, "m", made, config)
    result = asyncio.run(load(repository, LoadSettings(**settings)))
    assert isinstance(result, str)
    return result


class TestRefused:
    @pytest.mark.parametrize(
        ("made", "config", "sentence"),
        [
            (b"not a model", None, "onnx runtime error 7: "),
            (b"", None, "onnx runtime error 2: "),
            (tiny, BACKEND + "nonsense: 1", "nonsense"),
            (tiny, BACKEND + "max_batch_size: four", "config.pbtxt"),
            (tiny, 'name: "other" ' + BACKEND, "directory name must equal model name"),
            (tiny, 'backend: "nothing"', "unable to find backend library for backend 'nothing'"),
            (tiny, BACKEND + "instance_group { kind: KIND_GPU }", "has kind KIND_GPU but "),
            (
                tiny,
                BACKEND + "instance_group { kind: KIND_CPU gpus: 0 }",
                "has kind KIND_CPU but specifies one or more GPUs",
            ),
            (tiny, BACKEND + "max_batch_size: -1", "'max_batch_size' must be non-negative value for m"),
            (tiny, TINY_CONFIG.replace("dims: 16", "dims: 17"), "model 'm', tensor 'x': "),
            (tiny, TINY_CONFIG.replace("dims: 16", "dims: 0"), "dimension must be integer >= 1, or -1"),
            (tiny, TINY_CONFIG.replace("TYPE_FP32 dims: 16", "TYPE_INT8 dims: 16"), "TYPE_INT8"),
            (tiny, TINY_CONFIG.replace('"x"', '"q"'), "unexpected inference input 'q', allowed inputs are: x"),
            (tiny, TINY_CONFIG.replace('"y"', '"q"'), "unexpected inference output 'q', allowed outputs are: y"),
            (
                lambda: identity(("FP32", [1, 2])),
                BACKEND + "max_batch_size: 4",
                "model does not support batching while non-zero max_batch_size is specified",
            ),
            (tiny, BACKEND + 'default_model_filename: "other.onnx"', "unable to find '"),
            (tiny, TINY_CONFIG + 'parameters { key: "execution" value { string_value: "maybe" } }', "'maybe'"),
            (
                tiny,
                TINY_CONFIG.replace("dims: 4", 'dims: 4 label_filename: "../../secret"'),
                "is outside model directory",
            ),
            (
                tiny,
                TINY_CONFIG.replace("dims: 4", 'dims: 4 label_filename: "none.txt"'),
                "/m/none.txt: No such file or directory",
            ),
        ],
    )
    def test_the_sentence_says_why(self, tmp_path: Path, made: Any, config: str | None, sentence: str) -> None:
        assert sentence in refusal(tmp_path, made if isinstance(made, bytes) else made(), config)

    def test_a_configuration_that_is_no_text(self, tmp_path: Path) -> None:
        folder = write_model(tmp_path, "m", tiny())
        (folder / "config.pbtxt").write_bytes(b"\xff")
        assert "is not UTF-8 text" in str(asyncio.run(load(tmp_path)))

    def test_no_version(self, tmp_path: Path) -> None:
        (tmp_path / "m").mkdir()
        assert "m" in str(asyncio.run(load(tmp_path)))

    def test_no_version_that_the_policy_wants(self, tmp_path: Path) -> None:
        config = TINY_CONFIG + "version_policy { specific { versions: 7 } }"
        assert refusal(tmp_path, tiny(), config) == (
            "at least one version must be available under the version policy of model 'm'"
        )

    def test_strict_mode_wants_all_tensors(self, tmp_path: Path) -> None:
        assert refusal(tmp_path, tiny(), BACKEND, auto_complete=False)

    @pytest.mark.parametrize("auto_complete", [True, False])
    def test_strict_mode_looks_at_tensors_before_there_is_a_version(self, tmp_path: Path, auto_complete: bool) -> None:
        config = TINY_CONFIG.replace("dims: 16 ", "")
        write_model(tmp_path, "m", tiny(), config)
        engine = Engine([LocalRepository(tmp_path)], settings=LoadSettings(auto_complete=auto_complete))

        async def states() -> list[str]:
            try:
                await engine.start()
                return [version for _, version, _ in await engine.index() if version]
            finally:
                await engine.close()

        assert asyncio.run(states()) == (["1"] if auto_complete else [])


class TestCompleted:
    def test_nothing_at_all(self, tmp_path: Path) -> None:
        made = loaded(tmp_path, tiny())
        assert made.max_batch_size == 4
        assert made.config.HasField("dynamic_batching")
        assert [(spec.name, spec.shape) for spec in made.inputs] == [("x", (-1, 16))]
        assert [(spec.name, spec.shape) for spec in made.outputs] == [("y", (-1, 4))]
        assert made.platform == "onnxruntime_onnx"

    def test_the_batch_size_of_the_server(self, tmp_path: Path) -> None:
        settings = {"onnxruntime": {"default-max-batch-size": "7"}}
        assert loaded(tmp_path, tiny(), backend_settings=settings).max_batch_size == 7

    def test_a_part(self, tmp_path: Path) -> None:
        config = BACKEND + 'max_batch_size: 2 input { name: "x" data_type: TYPE_FP32 dims: 16 }'
        made = loaded(tmp_path, tiny(), config)
        assert made.max_batch_size == 2
        assert [spec.name for spec in made.outputs] == ["y"]

    def test_a_graph_that_cannot_batch(self, tmp_path: Path) -> None:
        made = loaded(tmp_path, identity(("FP32", [1, 2])))
        assert made.max_batch_size == 0
        assert not made.config.HasField("dynamic_batching")
        assert made.inputs[0].shape == (1, 2)

    def test_a_batch_of_scalars(self, tmp_path: Path) -> None:
        made = loaded(tmp_path, identity(("FP32", ["b"])))
        assert made.inputs[0].shape == (-1, 1)
        assert made.inputs[0].reshape == ()

    def test_a_scalar(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, identity(("FP32", []))).inputs[0].shape == (1,)

    @pytest.mark.parametrize("datatype", ["BOOL", "UINT8", "INT64", "FP16", "FP64", "BYTES", "BF16"])
    def test_every_datatype(self, tmp_path: Path, datatype: str) -> None:
        made = loaded(tmp_path, identity((datatype, ["b", 3])))
        assert made.inputs[0].datatype.name == datatype

    def test_a_loop_of_its_own(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, spinner()).max_batch_size == 4

    def test_labels(self, tmp_path: Path) -> None:
        config = TINY_CONFIG.replace("dims: 4", 'dims: 4 label_filename: "labels.txt"')
        write_model(tmp_path, "m", tiny(), config, labels=["cat", "dög"])
        made = asyncio.run(load(tmp_path))
        assert isinstance(made, Model)
        assert made.outputs[0].labels == ["cat", "dög"]


def test_a_tensor_that_the_graph_has_and_the_configuration_leaves_out(tmp_path: Path) -> None:
    made = identity(("FP32", ["n"]), ("FP32", ["n"]))
    message = refusal(tmp_path, made, ports_config([("FP32", [-1])]))
    assert message == "unable to load model 'm', configuration expects 1 inputs, model provides 2"
