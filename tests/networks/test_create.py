from pathlib import Path

import pytest
import torch

from livematte import networks
from livematte.errors import ModelError, UsageError


def test_names_are_sorted() -> None:
    assert list(networks.names()) == sorted(networks.names())
    assert "livematte" in networks.names()


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"unknown network 'unet'.*sinet, slimnet"):
        networks.create("unet")


def test_unknown_option_lists_the_known() -> None:
    with pytest.raises(UsageError, match="no option widht; it has width, upsampling"):
        networks.create("mobile-unet", widht=1.0)


def test_weights_come_back(tmp_path: Path) -> None:
    source = networks.create("sinet")
    torch.save(source.state_dict(), tmp_path / "plain.pt")
    wrapped = {f"network.{key}": value for key, value in source.state_dict().items()}
    torch.save(
        {"epoch": 3, "state_dict": {**wrapped, "loss.weight": torch.ones(1)}},
        tmp_path / "training.ckpt",
    )
    for file in ("plain.pt", "training.ckpt"):
        loaded = networks.create("sinet", pretrained=tmp_path / file)
        for name, value in source.state_dict().items():
            assert torch.equal(value, loaded.state_dict()[name]), name


def test_image_weights_start_a_video_network(tmp_path: Path) -> None:
    source = networks.create("portraitnet").eval()
    torch.save(source.state_dict(), tmp_path / "image.pt")
    video = networks.create("portraitnet", prior=True, pretrained=tmp_path / "image.pt").eval()
    image, prior = torch.rand(1, 3, 32, 32), torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(source(image).mask, video(image, prior).mask)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(networks.create("sinet").state_dict(), tmp_path / "sinet.pt")
    with pytest.raises(ModelError, match=r"sinet\.pt: not the weights of this PrismaNet"):
        networks.create("prisma-net", pretrained=tmp_path / "sinet.pt")


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "not a checkpoint"), (b"no pickle", "not a checkpoint")]
)
def test_broken_weights_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"broken\.pt: {message}"):
        networks.create("sinet", pretrained=path)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.pt: no such checkpoint"):
        networks.create("sinet", pretrained=tmp_path / "absent.pt")


def test_weights_that_run_code_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "hook": print}, tmp_path / "code.ckpt")
    with pytest.raises(ModelError, match="read safely"):
        networks.create("sinet", pretrained=tmp_path / "code.ckpt")


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="multiples of 32, not 64×50"):
        networks.create("livematte")(torch.zeros(1, 3, 64, 50))


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True)])
def test_a_boundary_head_may_come_or_go(tmp_path: Path, before: bool, after: bool) -> None:
    source = networks.create("livematte", edge=before).eval()
    torch.save(source.state_dict(), tmp_path / "start.pt")
    target = networks.create("livematte", edge=after, pretrained=tmp_path / "start.pt").eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(target(image).mask, source(image).mask)
