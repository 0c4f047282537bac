"""The exported ONNX file answers like torch and says what it is; half of it is half as large."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto

from livematte import networks
from livematte.engines import open_engine
from livematte.errors import ModelError, UsageError
from livematte.export.exporter import export_model
from livematte.networks.base import Network, NetworkOutput
from livematte.spec import METADATA_KEY, ModelSpec, file_digest


@pytest.fixture(scope="module")
def flagship() -> Network:
    torch.manual_seed(0)
    return networks.create("livematte", width=0.35, repeats=1).eval()


def wanted(net: Network, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
    last = None if prior is None else torch.from_numpy(prior)[None, None]
    with torch.no_grad():
        logit = net(torch.from_numpy(image.transpose(2, 0, 1).copy())[None], last).mask
    return torch.sigmoid(logit)[0, 0].numpy()


def test_answers_like_torch_on_a_photo(
    tmp_path: Path, flagship: Network, spec: ModelSpec, photo: np.ndarray
) -> None:
    path = tmp_path / "model.onnx"
    report = export_model(flagship, spec, path, photo=photo)
    assert report.largest is not None
    assert report.largest <= 1e-3
    found = open_engine(path, threads=1).run(photo)
    np.testing.assert_allclose(found, wanted(flagship, photo), atol=1e-3)


def test_a_prior_is_a_second_input(
    tmp_path: Path, small_with_prior: Network, spec: ModelSpec, photo: np.ndarray
) -> None:
    path = tmp_path / "model.onnx"
    export_model(small_with_prior, replace(spec, prior=True), path)
    prior = np.random.default_rng(0).random((96, 64), np.float32)
    found = open_engine(path, threads=1).run(photo, prior)
    np.testing.assert_allclose(found, wanted(small_with_prior, photo, prior), atol=1e-3)


def test_spec_travels_inside_and_beside(tmp_path: Path, small: Network, spec: ModelSpec) -> None:
    path = tmp_path / "model.onnx"
    report = export_model(small, spec, path)
    inside = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map[METADATA_KEY]
    assert ModelSpec.from_json(inside, source="inside") == spec
    beside = ModelSpec.from_json(path.with_suffix(".json").read_text(), source="beside")
    assert beside == report.spec == replace(spec, sha256=file_digest(path))


def test_batch_is_free(tmp_path: Path, small: Network, spec: ModelSpec) -> None:
    path = tmp_path / "model.onnx"
    export_model(small, spec, path)
    session = onnxruntime.InferenceSession(path)
    assert session.get_inputs()[0].shape == ["batch", 3, 96, 64]
    for count in (1, 5):
        (alpha,) = session.run(None, {"image": np.zeros((count, 3, 96, 64), np.float32)})
        assert alpha.shape == (count, 1, 96, 64)


class Wide(Network):
    """A network with large and small weights."""

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 1),
            torch.nn.ReLU(), torch.nn.Conv2d(64, 1, 1),
        )  # fmt: skip

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(self.layers(x))


def test_half_is_small_and_as_exact_and_as_fast(
    tmp_path: Path, spec: ModelSpec, photo: np.ndarray
) -> None:
    torch.manual_seed(0)
    wide = Wide()
    full, half = tmp_path / "full.onnx", tmp_path / "half.onnx"
    export_model(wide, spec, full, photo=photo)
    report = export_model(wide, spec, half, precision="fp16", photo=photo)
    assert report.spec.precision == "fp16"
    assert report.largest is not None
    assert 0 < report.largest <= 1e-3
    weights = {
        path: sum(len(tensor.raw_data) for tensor in onnx.load(path).graph.initializer)
        for path in (full, half)
    }
    assert weights[half] < 0.7 * weights[full]
    # What is run has no casts: they were computed when the file was opened.
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(half, options)
    run = onnx.load(tmp_path / "optimised.onnx").graph
    assert "Cast" not in {node.op_type for node in run.node}
    assert TensorProto.FLOAT16 not in {tensor.data_type for tensor in run.initializer}


class Foreign(Network):
    """A network with an operator that ONNX does not have, in a layer of its own."""

    class Eigenvalues(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.linalg.eigvals(x @ x.transpose(-1, -2)).real.mean()

    def __init__(self, *, prior: bool = False) -> None:
        super().__init__(prior=prior)
        self.encoder = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1), self.Eigenvalues())

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(self.encoder(x))


class Undecided(Network):
    """A network whose graph depends on what it sees."""

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(x[:, :1] if x.mean() > 0 else -x[:, :1])


def test_an_operator_that_onnx_lacks_is_named_with_its_layer(
    tmp_path: Path, spec: ModelSpec
) -> None:
    message = r"Foreign cannot be exported to ONNX: operator aten.linalg_eig.* in layer encoder\.1 "
    with pytest.raises(ModelError, match=message + r"\(Eigenvalues\)"):
        export_model(Foreign(), spec, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_depends_on_its_input(tmp_path: Path, spec: ModelSpec) -> None:
    with pytest.raises(ModelError, match=r"Undecided cannot be exported: .* depends on its input"):
        export_model(Undecided(), spec, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("prior", [False, True])
def test_any_size(engine: str, prior: bool, tmp_path: Path, photo: np.ndarray) -> None:
    torch.manual_seed(0)
    net = networks.create("livematte", prior=prior, width=0.35, repeats=1).eval()
    path = tmp_path / "model.onnx"
    report = export_model(net, ModelSpec("any", 64, 64, prior=prior), path, any_size=True)
    assert report.spec.step == net.stride == 32
    opened = open_engine(path, engine=engine, threads=1)
    for size in ((64, 64), (32, 96), (96, 64)):
        image = np.ascontiguousarray(photo[: size[0], : size[1]])
        if image.shape[:2] != size:
            image = np.resize(image, (*size, 3))
        last = image[..., 0] if prior else None
        np.testing.assert_allclose(opened.run(image, last), wanted(net, image, last), atol=1e-4)
    with pytest.raises(UsageError, match="takes"):
        opened.run(np.zeros((64, 65, 3), np.float32))


class OfOneSize(Network):
    """Its graph holds the size that it grows its features to."""

    default_size = (64, 64)

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 1, 3, 2, padding=1)

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        size = x.shape[-2:]
        return NetworkOutput(torch.nn.functional.interpolate(self.convolution(x), size=size))


def test_a_graph_of_one_size_is_not_left_free(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="leave out --any-size"):
        export_model(
            OfOneSize().eval(), ModelSpec("one", 64, 64), tmp_path / "one.onnx", any_size=True
        )
    assert not list(tmp_path.iterdir())


def test_other_targets_have_one_size(tmp_path: Path, small: Network, spec: ModelSpec) -> None:
    with pytest.raises(UsageError, match="--any-size"):
        export_model(small, spec, tmp_path / "x.xml", target="openvino", any_size=True)
