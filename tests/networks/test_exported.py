"""A network comes back out of its export, and goes on where it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor

from livematte import networks, weights
from livematte.errors import ModelError
from livematte.networks.folding import has_folded_norms, keep_function_with_batch_statistics


def pictures(side: int) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def answer_of(path: Path, image: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(str(path))
    (name,) = (given.name for given in session.get_inputs())
    return torch.cat(
        [torch.from_numpy(session.run(None, {name: i[None].numpy()})[0]) for i in image]
    )


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("livematte-s", "livematte"),  # kernels in 8 bits, a boundary head that it leaves out
        ("mobile-unet", "mobile-unet"),  # norms behind layers with a bias of their own
    ],
)
def test_an_export_goes_on_where_it_ended(name: str, network: str) -> None:
    model = weights.find(name)
    image = pictures(model.spec.height)
    back = networks.create(network, pretrained=model.path).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            back(image).mask.sigmoid(), answer_of(model.path, image), rtol=0, atol=1e-4
        )
        assert has_folded_norms(back)
        keep_function_with_batch_statistics(back, back.prepare(image))
        assert not has_folded_norms(back)
        settled = back(image).mask.sigmoid()
        for module in back.modules():
            module.train(isinstance(module, torch.nn.BatchNorm2d))
        trained = back(image).mask.sigmoid()
    torch.testing.assert_close(settled, trained, rtol=0, atol=1e-2)
    torch.testing.assert_close(settled, answer_of(model.path, image), rtol=0, atol=1e-3)


def test_a_network_without_norms_comes_back() -> None:
    model = weights.find("prisma-net")
    back = networks.create("prisma-net", pretrained=model.path).eval()
    image = pictures(model.spec.height)
    assert not has_folded_norms(back)
    with torch.no_grad():
        torch.testing.assert_close(
            back(image).mask.sigmoid(), answer_of(model.path, image), rtol=0, atol=1e-4
        )


def test_a_network_with_a_memory_starts_from_one_without() -> None:
    path = weights.find("livematte-s").path
    image = pictures(64)[:1]
    plain = networks.create("livematte", pretrained=path).eval()
    remembering = networks.create("livematte", prior=True, pretrained=path).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            remembering(image, torch.rand(1, 1, 64, 64)).mask, plain(image).mask
        )


def test_a_bundled_model_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = weights.find("livematte-s")
    shutil.copy(model.path, tmp_path)  # as installed: without the checkpoint
    installed = weights.BundledModel("livematte-s", tmp_path / model.path.name)
    whole = networks.create("livematte", pretrained="livematte-s")
    monkeypatch.setattr(weights, "bundled", lambda: (installed,))
    folded = networks.create("livematte", pretrained="livematte-s")
    assert has_folded_norms(folded)
    assert not has_folded_norms(whole)
    image = pictures(64)[:1]
    with torch.no_grad():
        a, b = (network.eval()(image).mask.sigmoid() for network in (whole, folded))
    assert (a - b).abs().mean() < 0.01  # 8-bit kernels


@pytest.mark.parametrize(("name", "network"), [("sinet", "sinet"), ("prisma-net", "livematte")])
def test_what_does_not_come_back_is_refused(name: str, network: str) -> None:
    with pytest.raises(ModelError, match=rf"{name}\.onnx: not the weights of this"):
        networks.create(network, pretrained=weights.find(name).path)


def test_damage_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"junk " * 99)
    with pytest.raises(ModelError, match=r"broken\.onnx: not an ONNX file"):
        networks.create("livematte", pretrained=tmp_path / "broken.onnx")
    with pytest.raises(ModelError, match=r"absent\.onnx: no such ONNX file"):
        networks.create("livematte", pretrained=tmp_path / "absent.onnx")
