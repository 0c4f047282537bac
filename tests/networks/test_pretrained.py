"""Starting weights come back out of public file formats, and keep their function."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import h5py
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from livematte import networks
from livematte.errors import InputError
from livematte.networks.mobilenet_v2 import MobileNetV2
from livematte.networks.pretrained import keep_function_with_batch_statistics, load_encoder

WIDTH = 0.35


def encoder_of(seed: int) -> MobileNetV2:
    """An encoder whose batch norms are not the trivial ones."""
    torch.manual_seed(seed)
    encoder = MobileNetV2(width=WIDTH)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return encoder.eval()


def write_keras(encoder: MobileNetV2, path: Path) -> None:
    with h5py.File(path, "w") as file:
        for place, (convolution, norm, *_) in encoder.named_convolutions().items():
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


def write_tflite(encoder: MobileNetV2, path: Path) -> dict[str, torch.Tensor]:
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
    for place, (convolution, norm, *_) in encoder.named_convolutions().items():
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
    write_keras(source, tmp_path / "start.h5")
    network = networks.create("livematte", width=WIDTH, pretrained=tmp_path / "start.h5")
    encoder = network.encoder
    assert isinstance(encoder, MobileNetV2)
    for own, wanted in zip(encoder.eval()(picture()), source(picture()), strict=True):
        torch.testing.assert_close(own, wanted)


def test_integer_weights_are_dequantised_and_survive_batch_statistics(tmp_path: Path) -> None:
    source = encoder_of(0)
    held = write_tflite(source, tmp_path / "start.tflite")
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
    write_keras(source, tmp_path / "start.h5")
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
