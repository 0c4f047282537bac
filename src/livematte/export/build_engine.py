"""Build a TensorRT engine from an ONNX file of livematte, on the machine that will run it.

    python build_engine.py NAME.onnx                          builds NAME-gpu.engine
    python build_engine.py NAME.onnx --adopt NAME-gpu.engine  takes one that trtexec built

Both write the engine's spec beside it (NAME-gpu.json), so that livematte opens it. Needs TensorRT
10.12 or newer (pip install tensorrt) and an NVIDIA GPU, and nothing else of livematte.
"""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import json
from pathlib import Path

__all__ = ["build", "engine_name", "gpu_is_there", "main", "write_spec"]


def engine_name(name: str) -> str:
    """The file of the engine; not ``NAME.engine``, whose spec would be that of the ONNX file."""
    return f"{name}-gpu.engine"


def gpu_is_there() -> bool:
    """Whether NVIDIA's driver is installed and shows a GPU."""
    library = ctypes.util.find_library("cuda") or ctypes.util.find_library("nvcuda")
    if library is None:
        return False
    driver = ctypes.CDLL(library)
    count = ctypes.c_int(0)
    return (
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
    )


def build(source: Path) -> Path:
    """Build an engine for one image at a time, in the types that the ONNX file has.

    Args:
        source: the ONNX file.

    Returns:
        The engine's file, beside it.

    Raises:
        SystemExit: TensorRT cannot read the file or build the engine.
    """
    import tensorrt as trt  # noqa: PLC0415

    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    # Strong typing has to be asked for before TensorRT 11, where it is always on.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(source.read_bytes()):
        reasons = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise SystemExit(f"{source}: TensorRT cannot read it ({reasons})")
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        shape = (1, *tuple(tensor.shape)[1:])
        profile.set_shape(tensor.name, shape, shape, shape)
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise SystemExit(f"{source}: TensorRT cannot build an engine of it; see its messages above")
    path = source.with_name(engine_name(source.stem))
    path.write_bytes(bytes(engine))
    return path


def write_spec(source: Path, engine: Path) -> Path:
    """Write the spec of an engine beside it: that of the ONNX file, with the engine's digest."""
    spec = json.loads(source.with_suffix(".json").read_text("utf-8"))
    spec["sha256"] = hashlib.sha256(engine.read_bytes()).hexdigest()
    path = engine.with_suffix(".json")
    path.write_text(json.dumps(spec, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def main() -> None:
    """The command line."""
    description, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=usage, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", type=Path, help="the ONNX file, its JSON beside it")
    parser.add_argument("--adopt", type=Path, metavar="ENGINE", help="an engine built by trtexec")
    options = parser.parse_args()
    engine = options.adopt or build(options.source)
    print(engine, write_spec(options.source, engine))


if __name__ == "__main__":
    main()
