"""What holds for every engine: a wrong or damaged file is an error before anything runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from livematte.engines import ENGINES, open_engine
from livematte.errors import ModelError, UsageError
from livematte.spec import METADATA_KEY, ModelSpec
from livematte.training.recipe import parse_recipe

SIZE = (64, 64)
RECIPE = """
name: net
network: livematte
options: {width: 0.35, repeats: 1}
source: test
stages: [{epochs: 1, batch_size: 2, size: [64, 64], rate: 0.1}]
"""


@pytest.fixture(scope="session")
def checkpoint(
    tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]
) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "net.ckpt"
    return make_checkpoint(path, parse_recipe(RECIPE, "test"))


@pytest.fixture(scope="session")
def ir(red_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ir") / "red.xml"
    graph = openvino.Core().read_model(red_model)
    graph.set_rt_info(ModelSpec("red", *SIZE).to_json(), [METADATA_KEY])
    openvino.serialize(graph, path)
    return path


@pytest.fixture(params=["onnxruntime", "openvino", "openvino-ir", "torch"])
def model(
    request: pytest.FixtureRequest, red_model: Path, ir: Path, checkpoint: Path, tmp_path: Path
) -> tuple[Path, str]:
    """A copy of a sound model file, and the name of the engine for it."""
    source = {"openvino-ir": ir, "torch": checkpoint}.get(request.param, red_model)
    shutil.copy(source, tmp_path)
    if source == ir:
        shutil.copy(ir.with_suffix(".bin"), tmp_path)
    return tmp_path / source.name, request.param.partition("-")[0]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_file_of_one_size_whose_spec_says_any(
    engine: str, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    path = make_model(tmp_path / "red.onnx", size=SIZE, step=32)
    with pytest.raises(ModelError, match=r"takes \(\?, 3, 64, 64\) alone"):
        open_engine(path, engine=engine)


def test_a_sound_file_runs(model: tuple[Path, str]) -> None:
    path, name = model
    engine = open_engine(path, engine=name, device="cpu", threads=1)
    assert (engine.name, engine.device, engine.threads) == (name, "cpu", 1)
    image = np.zeros((*SIZE, 3), np.float32)
    matte = engine.run(image)
    assert matte.shape == SIZE
    assert matte.dtype == np.float32
    # Nothing of one run is left in the next one, or in what the last one gave.
    kept = matte.copy()
    assert not np.array_equal(engine.run(np.ones_like(image) * [1, 0, 0]), kept)
    np.testing.assert_array_equal(matte, kept)
    np.testing.assert_array_equal(engine.run(image), kept)


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.6])
def test_a_file_cut_short(model: tuple[Path, str], keep: float) -> None:
    path, name = model
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ModelError, match=path.name):
        open_engine(path, engine=name)


@pytest.mark.parametrize("content", [b"<html><body>404</body></html>", b"\xff" * 999])
def test_something_else_of_that_name(model: tuple[Path, str], content: bytes) -> None:
    path, name = model
    path.write_bytes(content)
    with pytest.raises(ModelError, match=path.name):
        open_engine(path, engine=name)


def test_a_spec_of_another_size_or_another_input(model: tuple[Path, str]) -> None:
    path, name = model
    for wrong in (ModelSpec("x", 40, 64), replace(ModelSpec("x", *SIZE), prior=True)):
        with pytest.raises(ModelError, match=rf"{path.name}.*(takes|no prior)"):
            open_engine(path, engine=name, spec=wrong)


def test_another_digest(model: tuple[Path, str]) -> None:
    path, name = model
    spec = ModelSpec("red", *SIZE, sha256="0" * 64)
    with pytest.raises(ModelError, match="not the file its spec describes"):
        open_engine(path, engine=name, spec=spec)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_no_spec(name: str, make_model: Callable[..., Path], tmp_path: Path) -> None:
    path = make_model(tmp_path / "bare.onnx", embed=False)
    with pytest.raises(ModelError, match="says nothing about itself"):
        open_engine(path, engine=name)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_weights_in_other_files(name: str, tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((1, 3, 8, 8), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["image", "weight"], ["alpha"])],
        "outside",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, None)],
        [weight],
    )
    path = tmp_path / "outside.onnx"
    save(
        helper.make_model(graph),
        path,
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    with pytest.raises(ModelError, match="keeps weights in other files"):
        open_engine(path, engine=name, spec=ModelSpec("outside", 8, 8))


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_an_answer_that_is_no_matte(
    name: str, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    pool = helper.make_node("MaxPool", ["raw"], ["alpha"], kernel_shape=[2, 2], strides=[2, 2])
    path = make_model(tmp_path / "small.onnx", tail=[pool])
    with pytest.raises(ModelError, match=r"small\.onnx.*not a matte of 64×64"):
        open_engine(path, engine=name)


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "auto"])
def test_files_of_other_engines(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a model")
    with pytest.raises(ModelError, match=rf"not a model file of {name} \(\."):
        open_engine(tmp_path / "notes.txt", engine=name)


def test_devices_and_precisions_that_are_none(model: tuple[Path, str]) -> None:
    path, name = model
    with pytest.raises(UsageError, match="no device 'toaster'"):
        open_engine(path, engine=name, device="toaster")
    with pytest.raises(UsageError, match="no precision 'int3'"):
        open_engine(path, engine=name, precision="int3")
    if name != "openvino":
        with pytest.raises(UsageError, match="precision of the file"):
            open_engine(path, engine=name, precision="fp32")
