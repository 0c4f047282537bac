"""TensorRT: the ONNX graph and the script that builds an engine of it on a machine with a GPU.

TensorRT 11 takes the types of the graph as they are written (strong typing, which 10.12 offers), so
an engine in 16 bits needs a graph in 16 bits: the network is cast, its input and sigmoid are not.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import tempfile
from pathlib import Path

from livematte.export import build_engine
from livematte.export.graph import HalfGraph
from livematte.export.onnx import convert, embed_spec
from livematte.export.targets import Built, Job
from livematte.spec import ModelSpec

__all__ = ["SCRIPT", "build", "convert_typed", "trtexec_line"]

SCRIPT = "build_engine.py"


def build(job: Job) -> Built:
    """``NAME.onnx``, the builder script, and the engine where TensorRT and a GPU are."""
    name = job.name
    files = {
        f"{name}.onnx": convert_typed(job),
        SCRIPT: inspect.getsource(build_engine).encode(),
    }
    if _can_build():
        files |= _engine(name, files[f"{name}.onnx"], job.spec)
        return Built(files, (f"{build_engine.engine_name(name)} runs on this kind of GPU only",))
    notes = (
        "no engine built: TensorRT and a GPU are not here; there, run in this folder",
        f"  python {SCRIPT} {name}.onnx",
        "or",
        f"  {trtexec_line(name, job.spec)}",
        f"  python {SCRIPT} {name}.onnx --adopt {build_engine.engine_name(name)}",
    )
    return Built(files, notes)


def convert_typed(job: Job) -> bytes:
    """The ONNX file with the spec inside, computing in the precision that the spec says."""
    half = job.spec.precision == "fp16"
    model = convert(HalfGraph(job.graph) if half else job.graph, job.example)
    embed_spec(model, job.spec)
    content: bytes = model.SerializeToString()
    return content


def trtexec_line(name: str, spec: ModelSpec) -> str:
    """The command that builds the same engine with NVIDIA's own tool."""
    shapes = f"image:1x3x{spec.height}x{spec.width}"
    if spec.prior:
        shapes += f",prior:1x1x{spec.height}x{spec.width}"
    return (
        f"trtexec --onnx={name}.onnx --saveEngine={build_engine.engine_name(name)} "
        f"--stronglyTyped --minShapes={shapes} --optShapes={shapes} --maxShapes={shapes}"
    )


def _can_build() -> bool:
    if importlib.util.find_spec("tensorrt") is None:
        return False
    return build_engine.gpu_is_there()


def _engine(name: str, model: bytes, spec: ModelSpec) -> dict[str, bytes]:
    """The engine and its spec, as the script would write them."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{name}.onnx"
        source.write_bytes(model)
        source.with_suffix(".json").write_text(spec.to_json(), "utf-8")
        engine = build_engine.build(source)
        beside = build_engine.write_spec(source, engine)
        return {os.fspath(p.relative_to(folder)): p.read_bytes() for p in (engine, beside)}
