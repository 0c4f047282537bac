"""OpenVINO graphs in 8-bit integers, by Intel's NNCF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import ModelError, one_line
from livematte.silence import import_quietly, silenced

__all__ = ["quantise"]

_STEM = 2


def quantise(graph: Any, feeds: Sequence[dict[str, NDArray[np.float32]]]) -> Any:
    """A graph that computes in 8-bit integers between float inputs and a float output.

    Weights are symmetric by output channel, features are not; biases are corrected by what the
    rounding of weights adds to them on average. Weights take half of their range, the first two
    convolutions and the last one stay in floats: as in ONNX files, and for the same reasons.

    Args:
        graph: an ``openvino.Model`` in 32-bit floats.
        feeds: inputs by name, on which ranges are measured.

    Raises:
        MissingExtra: NNCF is not installed.
        ModelError: it cannot quantise the graph.
    """
    nncf = import_quietly("nncf", "nncf")
    try:
        with silenced():
            return nncf.quantize(
                graph,
                nncf.Dataset(list(feeds)),
                subset_size=len(feeds),
                preset=nncf.QuantizationPreset.MIXED,
                ignored_scope=nncf.IgnoredScope(names=_left_in_floats(graph)),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    overflow_fix=nncf.OverflowFix.ENABLE
                ),
            )
    except Exception as error:  # of many kinds, from NNCF's passes
        raise ModelError(f"NNCF cannot quantise it ({one_line(error, 300)})") from error


def _left_in_floats(graph: Any) -> list[str]:
    names = [
        node.get_friendly_name()
        for node in graph.get_ordered_ops()
        if "Convolution" in node.get_type_name()
    ]
    return [*names[:_STEM], names[-1]] if len(names) > _STEM + 1 else []
