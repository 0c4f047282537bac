"""LiteRT files in 8-bit integers, by Google's ai-edge-quantizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import ModelError, one_line
from livematte.silence import import_quietly, silenced

__all__ = ["quantise"]

_BITS = 8
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
    quantiser = module.Quantizer(bytearray(content))
    _set_recipe(quantiser, method, integer_io=integer_io)
    try:
        with silenced():
            ranges = None
            if method == "static":
                ranges = quantiser.calibrate({_signature(content): feeds}, num_threads=1)
            result = quantiser.quantize(ranges, enable_progress_report=False)
    except Exception as error:  # of many kinds, from the quantiser's passes
        raise ModelError(f"LiteRT's quantiser cannot take it ({one_line(error, 300)})") from error
    return bytes(result.quantized_model)


def _set_recipe(quantiser: Any, method: str, *, integer_io: bool) -> None:
    """Weights by output channel, features by the smallest and largest of all pictures."""
    kinds = import_quietly("ai_edge_quantizer.qtyping", _EXTRA).TFLOperationName
    algorithms = import_quietly("ai_edge_quantizer.algorithm_manager", _EXTRA).AlgorithmName
    everything = (".*", kinds.ALL_SUPPORTED)
    if method == "weight-only":
        quantiser.add_weight_only_config(*everything, _BITS)
    elif method == "dynamic":
        quantiser.add_dynamic_config(*everything, _BITS)
    else:
        quantiser.add_static_config(*everything, _BITS, _BITS)
        for kind in () if integer_io else (kinds.INPUT, kinds.OUTPUT, kinds.LOGISTIC):
            quantiser.update_quantization_recipe(".*", kind, algorithm_key=algorithms.NO_QUANTIZE)


def _signature(content: bytes) -> str:
    """The name under which a converted graph takes its inputs by name."""
    interpreter = import_quietly("ai_edge_litert.interpreter", _EXTRA).Interpreter(
        model_content=content
    )
    return str(next(iter(interpreter.get_signature_list())))
