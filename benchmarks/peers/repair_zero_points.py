"""Make a quantised LiteRT file loadable again whose dead filters have odd zero points.

LiteRT takes per-channel weights only with zero point 0. ``mnv3_seg_quant.tflite`` has four
filters whose weights all equal their zero point (-127), so every weight is exactly 0.0. Writing 0
for both the weights and the zero point changes no number that the model computes.

    python benchmarks/peers/repair_zero_points.py IN.tflite OUT.tflite [--spec IN.json]

With ``--spec``, the spec is written beside OUT with OUT's digest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from livematte.spec import ModelSpec


def repair(model: bytes) -> bytes:
    """``model`` with the zero points of its dead filters set to 0.

    Raises:
        ValueError: a filter with a zero point is alive, or its bytes cannot be told apart.
    """
    content = bytearray(model)
    interpreter = Interpreter(model_content=model)
    for detail in interpreter.get_tensor_details():
        quantisation = detail["quantization_parameters"]
        zero_points = quantisation["zero_points"]
        odd = np.flatnonzero(zero_points)
        if len(zero_points) < 2 or len(odd) == 0:
            continue
        weights = interpreter.get_tensor(detail["index"])
        axis = quantisation["quantized_dimension"]
        fixed = np.moveaxis(weights.copy(), axis, 0)
        for channel in odd:
            if (fixed[channel] != zero_points[channel]).any():
                raise ValueError(f"{detail['name']}: filter {channel} is alive")
            fixed[channel] = 0
        _replace(content, weights.tobytes(), np.moveaxis(fixed, 0, axis).tobytes())
        _replace(content, zero_points.astype("<i8").tobytes(), bytes(8 * len(zero_points)))
    return bytes(content)


def _replace(content: bytearray, old: bytes, new: bytes) -> None:
    if content.count(old) != 1:
        raise ValueError("these bytes occur more than once")
    at = content.find(old)
    content[at : at + len(new)] = new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--spec", type=Path)
    options = parser.parse_args()
    options.target.write_bytes(repair(options.source.read_bytes()))
    if options.spec is not None:
        spec = ModelSpec.from_json(options.spec.read_text("utf-8"), source=str(options.spec))
        beside = options.target.with_suffix(".json")
        beside.write_text(spec.with_digest(options.target).to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
