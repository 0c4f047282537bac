"""Starting weights come back out of public file formats, and keep their function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import flatbuffers
import h5py
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from livematte import networks
from livematte.errors import InputError
from livematte.networks.blocks import ConvNormAct
from livematte.networks.efficientnet_lite import EfficientNetLite
from livematte.networks.folding import keep_function_with_batch_statistics
from livematte.networks.inverted_encoder import InvertedEncoder
from livematte.networks.mobilenet_v2 import MobileNetV2
from livematte.networks.pretrained import load_encoder

WIDTH = 0.35

Layers = dict[str, ConvNormAct]
Encoder = TypeVar("Encoder", bound=InvertedEncoder)


def encoder_of(seed: int) -> MobileNetV2:
    torch.manual_seed(seed)
    return disturbed(MobileNetV2(width=WIDTH))


def disturbed(encoder: Encoder) -> Encoder:
    """The encoder with batch norms that are not the trivial ones."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return encoder.eval()


def write_keras(layers: Layers, path: Path) -> None:
    with h5py.File(path, "w") as file:
        for place, (convolution, norm, *_) in layers.items():
            index, _, part = place.partition(".")
            layer = {"stem": "Conv1", "0": "expanded_conv"}.get(index, f"block_{index}")
            layer = f"{layer}_{part}" if part else layer
            depthwise = part == "depthwise"
            kernel = convolution.weight.detach().numpy()
            kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            group = f"model_weights/net/{layer}"
            file[f"{group}/{'depthwise_kernel' if depthwise else 'kernel'}:0"] = kernel
            name = f"model_weights/net/{layer}_BN" if part else f"model_weights/net/bn_{layer}"
            for key, values in (
                ("gamma", norm.weight),
                ("beta", norm.bias),
                ("moving_mean", norm.running_mean),
                ("moving_variance", norm.running_var),
            ):
                file[f"{name}/{key}:0"] = values.detach().numpy()


def write_tflite(layers: Layers, path: Path) -> dict[str, torch.Tensor]:
    """Fold the norms, quantise the kernels per channel; give back the biases the file holds."""
    model, graph, held = schema.ModelT(), schema.SubGraphT(), {}
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
    model.operatorCodes = []
    for code in (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D):
        entry = schema.OperatorCodeT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        entry.version = 1
        model.operatorCodes.append(entry)

    def tensor(values: np.ndarray, kind: int, scales: np.ndarray, axis: int) -> int:
        item, buffer = schema.TensorT(), schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        model.buffers.append(buffer)
        item.shape, item.type, item.buffer = list(values.shape), kind, len(model.buffers) - 1
        item.name = f"t{len(graph.tensors)}"
        item.quantization = schema.QuantizationParametersT()
        item.quantization.scale = scales.astype(np.float32)
        item.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        item.quantization.quantizedDimension = axis
        graph.tensors.append(item)
        return len(graph.tensors) - 1

    one = np.ones(1, np.float32)
    previous = tensor(np.zeros((1, 64, 64, 3), np.int8), schema.TensorType.INT8, one, 0)
    for place, (convolution, norm, *_) in layers.items():
        depthwise = convolution.groups > 1
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        kernel = (convolution.weight * gain.view(-1, 1, 1, 1)).detach().numpy()
        bias = (norm.bias - norm.running_mean * gain).detach().numpy()
        kernel = kernel.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
        axis = 3 if depthwise else 0
        scales = np.abs(kernel).max(axis=tuple(i for i in range(4) if i != axis)) / 127
        shape = [-1 if i == axis else 1 for i in range(4)]
        rounded = np.round(kernel / scales.reshape(shape)).astype(np.int8)
        steps = np.round(bias / 1e-5).astype(np.int32)
        held[f"{place}.bias"] = torch.from_numpy((steps * np.float32(1e-5)).astype(np.float32))
        weight = tensor(rounded, schema.TensorType.INT8, scales, axis)
        offset = tensor(steps, schema.TensorType.INT32, np.full(len(bias), 1e-5), 0)
        operator = schema.OperatorT()
        operator.opcodeIndex = int(depthwise)
        operator.inputs = [previous, weight, offset]
        previous = tensor(np.zeros((1, 1, 1, len(bias)), np.int8), schema.TensorType.INT8, one, 0)
        operator.outputs = [previous]
        kind = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = getattr(schema, f"{kind}T")()
        operator.builtinOptions.strideW = operator.builtinOptions.strideH = 1
        graph.operators.append(operator)
    graph.inputs, graph.outputs = [0], [previous]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return held


def picture() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_keras_weights_give_the_same_features(tmp_path: Path) -> None:
    source = encoder_of(0)
    write_keras(source.named_convolutions(), tmp_path / "start.h5")
    network = networks.create("livematte", width=WIDTH, pretrained=tmp_path / "start.h5")
    encoder = network.encoder
    assert isinstance(encoder, MobileNetV2)
    for own, wanted in zip(encoder.eval()(picture()), source(picture()), strict=True):
        torch.testing.assert_close(own, wanted)


def test_integer_weights_are_dequantised_and_survive_batch_statistics(tmp_path: Path) -> None:
    source = encoder_of(0)
    held = write_tflite(source.named_convolutions(), tmp_path / "start.tflite")
    target = MobileNetV2(width=WIDTH)
    load_encoder(nn.Sequential(target), tmp_path / "start.tflite")
    for place, (_, norm, *_) in target.named_convolutions().items():
        torch.testing.assert_close(norm.bias.detach(), held[f"{place}.bias"])
    with torch.no_grad():
        wanted, loaded = source(picture()), target.eval()(picture())
        for a, b in zip(loaded, wanted, strict=True):
            assert (a - b).abs().mean() < 0.05 * b.abs().mean()
        keep_function_with_batch_statistics(target, picture())
        trained = target.train()(picture())
    for a, b in zip(trained, loaded, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-2)


def test_wider_encoder_starts_with_the_shared_channels(tmp_path: Path) -> None:
    source = encoder_of(0)
    write_keras(source.named_convolutions(), tmp_path / "start.h5")
    wider = MobileNetV2(width=0.5)
    load_encoder(nn.Sequential(wider), tmp_path / "start.h5")
    with torch.no_grad():
        narrow, wide = source(picture())[0], wider.eval()(picture())[0]
    torch.testing.assert_close(wide[:, : narrow.shape[1]], narrow)


@pytest.mark.parametrize(
    ("network", "file", "message"),
    [
        ("livematte", "absent.h5", "no such starting-weights file"),
        ("slimnet", "start.h5", "no MobileNetV2"),
        ("livematte", "no_such_checkpoint", "timm"),
    ],
)
def test_what_cannot_be_loaded_is_named(
    tmp_path: Path, network: str, file: str, message: str
) -> None:
    (tmp_path / "start.h5").touch()
    source = file if "." not in file else tmp_path / file
    with pytest.raises(InputError, match=message):
        networks.create(network, pretrained=source)


def offer(monkeypatch: pytest.MonkeyPatch, create_model: Callable[..., nn.Module]) -> None:
    timm = ModuleType("timm")
    timm.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", timm)


def test_timm_weights_give_the_same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    source = encoder_of(0)
    head = ConvNormAct(source.channels[-1], 8, 1)  # comes after what an encoder needs
    asked = []

    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        asked.append((name, pretrained))
        return nn.Sequential(*source.named_convolutions().values(), nn.Sequential(*head))

    offer(monkeypatch, create_model)
    target = MobileNetV2(width=WIDTH)
    load_encoder(nn.Sequential(target), "mobilenetv2_035.ra_in1k")
    assert asked == [("mobilenetv2_035.ra_in1k", True)]
    for own, wanted in zip(target.eval()(picture()), source(picture()), strict=True):
        torch.testing.assert_close(own, wanted)


def test_timm_that_cannot_give_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        raise ConnectionError("the hub\nis away")

    offer(monkeypatch, create_model)
    with pytest.raises(InputError, match=r"mobilenetv2_100: .*\(the hub is away\)"):
        load_encoder(nn.Sequential(MobileNetV2(width=WIDTH)), "mobilenetv2_100")
    offer(monkeypatch, lambda name, *, pretrained: nn.Sequential(ConvNormAct(3, 8, 3)))
    with pytest.raises(InputError, match=r"resnet18: .* 1 of 51 convolutions"):
        load_encoder(nn.Sequential(MobileNetV2(width=WIDTH)), "resnet18")


def test_a_prior_and_an_expansion_that_the_file_lacks_start_without_effect(tmp_path: Path) -> None:
    layers = encoder_of(0).named_convolutions()
    write_keras(layers, tmp_path / "start.h5")
    network = networks.create("portraitnet", prior=True, pretrained=tmp_path / "start.h5")
    encoder = network.encoder
    assert isinstance(encoder, MobileNetV2)
    taken = encoder.named_convolutions()
    kernel, given = taken["stem"][0].weight.detach(), layers["stem"][0].weight.detach()
    torch.testing.assert_close(kernel[: len(given), :3], given)
    assert not kernel[: len(given), 3:].any()
    x = torch.rand(1, 32, 4, 4)
    torch.testing.assert_close(taken["0.expand"].eval()(x), x, rtol=1e-4, atol=1e-4)


def without_last(layers: Layers) -> Layers:
    return dict(list(layers.items())[:-1])


def with_large_kernel(layers: Layers) -> Layers:
    channels = layers["3.depthwise"][0].in_channels
    return {**layers, "3.depthwise": ConvNormAct(channels, channels, 5, groups=channels)}


def with_dense_kernel(layers: Layers) -> Layers:
    channels = layers["3.depthwise"][0].in_channels
    return {**layers, "3.depthwise": ConvNormAct(channels, channels, 3)}


@pytest.mark.parametrize("suffix", [".h5", ".tflite"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_last, r"has no 'block_16_project|has 50 of 51 convolutions and no 16\.project"),
        (with_large_kernel, "3.depthwise is a depthwise 5×5 convolution, not a depthwise 3×3 one"),
        (with_dense_kernel, "3.depthwise is a 3×3 convolution, not a depthwise 3×3 one"),
    ],
)
def test_another_network_is_refused_and_leaves_no_trace(
    tmp_path: Path, suffix: str, change: Callable[[Layers], Layers], message: str
) -> None:
    path = tmp_path / f"other{suffix}"
    layers = change(encoder_of(0).named_convolutions())
    (write_keras if suffix == ".h5" else write_tflite)(layers, path)
    target = MobileNetV2(width=WIDTH)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(InputError, match=rf"other\{suffix}: not weights of .*(?:{message})"):
        load_encoder(nn.Sequential(target), path)
    for name, value in target.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("suffix", [".h5", ".tflite"])
@pytest.mark.parametrize("content", [b"", b"junk " * 99])
def test_damaged_files_are_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"start{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"start\{suffix}: cannot be read"):
        networks.create("livematte", pretrained=path)


def test_foreign_keras_files_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "start.h5", "w") as file:
        file["model_weights/dense/kernel:0"] = np.zeros((3, 4), np.float32)
    with pytest.raises(InputError, match=r"start\.h5: not weights of the encoder.*Conv1/kernel:0"):
        networks.create("livematte", pretrained=tmp_path / "start.h5")


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    layers = encoder_of(0).named_convolutions()
    nn.init.constant_(layers["5.expand"][1].running_mean, float("nan"))
    write_keras(layers, tmp_path / "start.h5")
    with pytest.raises(InputError, match=r"5\.expand holds numbers that are not finite"):
        networks.create("livematte", pretrained=tmp_path / "start.h5")


def test_a_norm_that_does_not_fit_is_named(tmp_path: Path) -> None:
    layers = encoder_of(0).named_convolutions()
    layers["2.project"][1] = nn.BatchNorm2d(3)
    write_keras(layers, tmp_path / "start.h5")
    with pytest.raises(InputError, match=r"norm of 2\.project"):
        networks.create("livematte", pretrained=tmp_path / "start.h5")


def write_torch(layers: Layers, path: Path) -> None:
    """As efficientnet_pytorch names them, with the classifier that no encoder takes."""
    content = {"_fc.weight": torch.zeros(10, 8)}
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    for place, (convolution, norm, *_) in layers.items():
        index, _, part = place.partition(".")
        block = f"_blocks.{index}." if part else ""
        content[f"{block}_{part or 'conv'}_{'conv' if part else 'stem'}.weight"] = (
            convolution.weight.detach()
        )
        name = f"{block}{norms[part]}" if part else "_bn0"
        content |= {f"{name}.{key}": value for key, value in norm.state_dict().items()}
    torch.save(content, path)


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_efficientnet_lite_gives_the_same_features(tmp_path: Path, variant: int) -> None:
    torch.manual_seed(0)
    source = disturbed(EfficientNetLite(variant=variant))
    write_torch(source.named_convolutions(), tmp_path / "start.pth")
    network = networks.create(
        "livematte",
        encoder=f"efficientnet_lite{variant}",
        pretrained=tmp_path / "start.pth",
    )
    encoder = network.encoder
    assert isinstance(encoder, EfficientNetLite)
    for own, wanted in zip(encoder.eval()(picture()), source(picture()), strict=True):
        torch.testing.assert_close(own, wanted)


def test_one_encoder_does_not_start_another(tmp_path: Path) -> None:
    write_torch(EfficientNetLite().named_convolutions(), tmp_path / "start.pth")
    with pytest.raises(InputError, match=r"not weights of MobileNetV2, for it has 45 of 51"):
        networks.create("livematte", pretrained=tmp_path / "start.pth")
    with pytest.raises(InputError, match=r"not weights of EfficientNetLite, for it has 45"):
        networks.create(
            "livematte", encoder="efficientnet_lite1", pretrained=tmp_path / "start.pth"
        )
