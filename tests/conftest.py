"""Tiny model files, pictures and the command line, for the tests of every room."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from livematte import networks
from livematte.cli import main
from livematte.spec import METADATA_KEY, ModelSpec

RED, BLUE = (220, 30, 30), (30, 30, 220)


@pytest.fixture(autouse=True)
def as_loud_as_before() -> Iterator[None]:
    """A command run in this process says how loud the log is; the next test shall not feel it."""
    logger = logging.getLogger("livematte")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[..., Path]:
    """Write a checkpoint as training does, with fresh weights, from a recipe."""
    torch = pytest.importorskip("torch")

    def make(path: Path, recipe: Any) -> Path:
        torch.manual_seed(0)
        network = networks.create(recipe.network, prior=recipe.prior, **recipe.options)
        state = {f"network.{name}": value for name, value in network.state_dict().items()}
        torch.save({"recipe": recipe.to_yaml(), "state_dict": state}, path)
        return path

    return make


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """Write a model for which red is person: ``alpha = clip(2·(R - B) + 0.5, 0, 1)``."""

    def make(
        path: Path,
        *,
        size: tuple[int, int] = (64, 64),
        gain: float = 2.0,
        bias: float = 0.5,
        embed: bool = True,
        sidecar: bool = False,
        tail: list[onnx.NodeProto] | None = None,
        shape: list[int] | None = None,
        **facts: object,
    ) -> Path:
        spec = replace(ModelSpec("red", *size, licence="MIT"), **facts)
        weight = np.array([gain, 0, -gain], np.float32).reshape(1, 3, 1, 1)
        nodes = [
            helper.make_node("Conv", ["image", "weight", "bias"], ["score"]),
            helper.make_node("Clip", ["score", "low", "high"], ["alpha" if not tail else "raw"]),
            *(tail or []),
        ]
        constants = [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array([bias], np.float32), "bias"),
            numpy_helper.from_array(np.float32(0), "low"),
            numpy_helper.from_array(np.float32(1), "high"),
        ]
        graph = helper.make_graph(
            nodes,
            "red",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, *size])],
            [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, shape)],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        if embed:
            entry = model.metadata_props.add()
            entry.key, entry.value = METADATA_KEY, spec.to_json()
        onnx.save(model, path)
        if sidecar:
            path.with_suffix(".json").write_text(spec.with_digest(path).to_json(), "utf-8")
        return path

    return make


@pytest.fixture(scope="session")
def red_model(make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with its spec inside and beside it."""
    return make_model(tmp_path_factory.mktemp("models") / "red.onnx", sidecar=True)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """A red disc (the person) on blue, 120×96×3 uint8."""
    rows, columns = np.mgrid[:120, :96]
    inside = (rows - 60) ** 2 + (columns - 48) ** 2 < 30**2
    return np.where(inside[..., None], RED, BLUE).astype(np.uint8)


@pytest.fixture(scope="session")
def encoded(portrait: np.ndarray) -> Callable[..., bytes]:
    """The portrait as a picture file: ``encoded("JPEG", mode="CMYK", ...)``."""

    def encode(file_format: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(portrait).convert(mode).save(buffer, file_format, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture(scope="session")
def huge_png() -> Callable[[int, int], bytes]:
    """A PNG of 100 bytes that promises a picture of any width and height."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    def make(width: int, height: int) -> bytes:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        data = chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + header + data

    return make


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call
