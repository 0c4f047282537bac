"""Core ML packages, as far as they can be looked at without Apple's runtime."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from livematte.errors import ModelError
from livematte.export.exporter import export_model
from livematte.networks.base import Network, NetworkOutput
from livematte.silence import import_quietly
from livematte.spec import METADATA_KEY, ModelSpec


class Bessel(Network):
    """Core ML has no Bessel function."""

    default_size = (32, 32)

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(torch.special.bessel_j0(x[:, :1]))


def opened(path: Path) -> object:
    tools = import_quietly("coremltools", "coreml")
    return tools.models.MLModel(str(path), skip_model_load=True).get_spec()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_it_takes_pictures_and_gives_a_matte(
    precision: str, tmp_path: Path, small_with_prior: Network, spec: ModelSpec
) -> None:
    path = tmp_path / "model.mlpackage"
    report = export_model(
        small_with_prior, replace(spec, prior=True), path, target="coreml", precision=precision
    )
    assert (report.engine, report.largest) == (None, None)
    assert any("not run here" in note for note in report.notes)
    found = opened(path)
    image, prior = found.description.input
    kind = image.type.imageType
    assert (image.name, kind.height, kind.width) == ("image", 96, 64)
    assert kind.colorSpace == type(kind).RGB
    assert prior.name == "prior"
    assert list(prior.type.multiArrayType.shape) == [1, 1, 96, 64]
    (alpha,) = found.description.output
    assert alpha.name == "alpha"
    assert alpha.type.multiArrayType.dataType == type(alpha.type.multiArrayType).FLOAT32
    embedded = found.description.metadata.userDefined[METADATA_KEY]
    assert ModelSpec.from_json(embedded, source="package") == report.spec
    assert report.spec.precision == precision


def test_the_program_scales_bytes_and_ends_in_a_sigmoid(
    tmp_path: Path, small: Network, spec: ModelSpec
) -> None:
    path = tmp_path / "model.mlpackage"
    export_model(small, spec, path, target="coreml")
    program = opened(path).mlProgram.functions["main"]
    block = program.block_specializations[program.opset]
    operations = [o for o in block.operations if o.type != "const"]
    assert (operations[0].type, operations[-1].type) == ("mul", "sigmoid")
    assert operations[0].inputs["x"].arguments[0].name == "image"
    scale = operations[0].inputs["y"].arguments[0]
    constants = {o.outputs[0].name: o for o in block.operations if o.type == "const"}
    value = constants[scale.name].attributes["val"].immediateValue.tensor.floats.values
    np.testing.assert_allclose(list(value), [1 / 255], rtol=1e-6)
    assert operations[-1].outputs[0].name == "alpha"
    manifest = json.loads((path / "Manifest.json").read_text())
    for entry in manifest["itemInfoEntries"].values():
        assert (path / "Data" / entry["path"]).exists()


# coremltools leaves a temporary folder to the garbage collector when a conversion fails
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"to Core ML: operator .*bessel_j0.* in layer"):
        export_model(
            Bessel().eval(), ModelSpec("b", 32, 32), tmp_path / "m.mlpackage", target="coreml"
        )
    assert list(tmp_path.iterdir()) == []
