"""LiteRT files in 8-bit integers, by Google's ai-edge-quantizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import ModelError, one_line
from livematte.silence import import_quietly, silenced

__all__ = ["quantise"]

_SMALLEST_WEIGHT = 1024  # as in ONNX files
_STEM = 2  # convolutions at the start that stay in floats
_EXTRA = "litert-export"


def quantise(
    content: bytes,
    method: str,
    feeds: Sequence[dict[str, NDArray[np.float32]]] = (),
    *,
    integer_io: bool = False,
) -> bytes:
    """A flatbuffer whose graph computes in 8-bit integers, or stores its weights in them.

    Args:
        content: of a file in 32-bit floats, with one signature.
        method: one of :data:`livematte.quantization.methods.METHODS`.
        feeds: inputs by name, on which ``static`` measures ranges.
        integer_io: ``static`` only: inputs and output are integers as well.

    Raises:
        MissingExtra: ai-edge-quantizer is not installed.
        ModelError: it cannot quantise the file.
    """
    module = import_quietly("ai_edge_quantizer.quantizer", _EXTRA)
    recipe = _recipe(method)
    if method == "static" and not integer_io:
        recipe += _left_in_floats(content)
    quantiser = module.Quantizer(bytearray(content), recipe)
    try:
        with silenced():
            ranges = None
            if method == "static":
                ranges = quantiser.calibrate({_signature(content): feeds}, num_threads=1)
            result = quantiser.quantize(ranges, enable_progress_report=False)
    except Exception as error:  # of many kinds, from the quantiser's passes
        raise ModelError(f"LiteRT's quantiser cannot take it ({one_line(error, 300)})") from error
    return bytes(result.quantized_model)


def _recipe(method: str) -> list[dict[str, Any]]:
    """For all operators: weights by output channel, features by their smallest and largest."""
    weights = {"num_bits": 8, "symmetric": True, "granularity": "CHANNELWISE", "dtype": "INT"}
    features = {"num_bits": 8, "symmetric": False, "granularity": "TENSORWISE", "dtype": "INT"}
    ways: dict[str, dict[str, Any]] = {
        "weight-only": {"compute_precision": "FLOAT", "explicit_dequantize": True},
        "dynamic": {"compute_precision": "INTEGER", "explicit_dequantize": False},
        "static": {"compute_precision": "INTEGER", "activation_tensor_config": features},
    }
    least = {} if method == "static" else {"min_weight_elements": _SMALLEST_WEIGHT}
    config = {"weight_tensor_config": weights, **ways[method], **least}
    return [_entry(".*", "*", "min_max_uniform_quantize", config)]


def _left_in_floats(content: bytes) -> list[dict[str, Any]]:
    """Recipes for inputs, output, the first two convolutions and the sigmoid at the end.

    The convolutions see fine colours: with them in floats the matte of the bundled model was half
    as far from the float one, and as fast. The last one, which is transposed, is slow in floats.
    """
    names = _outputs(content)
    convolutions = [i for i, (kind, _) in enumerate(names) if "CONV" in kind]
    recipes = [_entry(".*", kind, "no_quantize", None) for kind in ("INPUT", "OUTPUT", "LOGISTIC")]
    if len(convolutions) <= _STEM + 1:
        return recipes
    first = [name for _, name in names[: convolutions[_STEM - 1] + 1]]
    # a scope is the names of what an operator gives, each with a semicolon behind it
    return recipes + [_entry(f"^{re.escape(n)};?$", "*", "no_quantize", None) for n in first]


def _entry(
    regex: str, operation: str, algorithm: str, config: dict[str, Any] | None
) -> dict[str, Any]:
    entry = {"regex": regex, "operation": operation, "algorithm_key": algorithm}
    return entry if config is None else {**entry, "op_config": config}


def _outputs(content: bytes) -> list[tuple[str, str]]:
    """Type and name of what each operator gives, in the order in which they run."""
    schema = import_quietly("ai_edge_litert.schema_py_generated", _EXTRA)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    model = import_quietly("ai_edge_litert.tools.flatbuffer_utils", _EXTRA)
    parsed = model.read_model_from_bytearray(content)
    graph = parsed.subgraphs[0]
    found = []
    for operator in graph.operators:
        code = parsed.operatorCodes[operator.opcodeIndex]
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        found.append((kind, graph.tensors[operator.outputs[0]].name.decode()))
    return found


def _signature(content: bytes) -> str:
    """The name under which a converted graph takes its inputs by name."""
    interpreter = import_quietly("ai_edge_litert.interpreter", _EXTRA).Interpreter(
        model_content=content
    )
    return str(next(iter(interpreter.get_signature_list())))
