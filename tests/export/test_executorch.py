"""ExecuTorch programs, run by ExecuTorch's own runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from livematte.errors import ModelError
from livematte.export.executorch import SPEC_METHOD, run
from livematte.export.exporter import export_model
from livematte.networks.base import Network, NetworkOutput
from livematte.silence import import_quietly
from livematte.spec import ModelSpec


class Bessel(Network):
    """ExecuTorch has no Bessel function."""

    default_size = (32, 32)

    def predict(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(torch.special.bessel_j0(x[:, :1]))


def test_a_video_network_runs_and_carries_its_spec(
    tmp_path: Path, small_with_prior: Network, spec: ModelSpec
) -> None:
    path = tmp_path / "model.pte"
    report = export_model(small_with_prior, replace(spec, prior=True), path, target="executorch")
    assert report.engine == "executorch"
    assert report.largest is not None
    content = path.read_bytes()
    torch.manual_seed(1)
    inputs = torch.rand(1, 3, 96, 64), torch.rand(1, 1, 96, 64)
    with torch.no_grad():
        wanted = torch.sigmoid(small_with_prior(*inputs).mask)
    torch.testing.assert_close(run(content, inputs), wanted, atol=1e-5, rtol=0)
    runtime = import_quietly("executorch.runtime", "executorch")
    method = runtime.Runtime.get().load_program(content).load_method(SPEC_METHOD)
    (text,) = method.execute([])
    assert ModelSpec.from_json(text, source="program") == replace(report.spec, sha256=None)


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"to ExecuTorch: operator .*bessel_j0.* in layer"):
        export_model(
            Bessel().eval(), ModelSpec("b", 32, 32), tmp_path / "m.pte", target="executorch"
        )
    assert list(tmp_path.iterdir()) == []
