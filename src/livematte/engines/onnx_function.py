"""ONNX files that give numbers instead of a matte, for the small networks beside the matting one.

They are so small that the CPU is always the place for them; the engines run models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from livematte.engines.onnx_file import check_onnx, read_embedded_spec
from livematte.errors import ModelError, one_line

__all__ = ["OnnxFunction"]

_LOG_ERRORS = 3


class OnnxFunction:
    """One ONNX graph as a function of float32 arrays.

    Attributes:
        spec: JSON text that the file embeds; None where it embeds none.
    """

    def __init__(
        self, path: Path, model: bytes, inputs: Sequence[str], *, threads: int = 1
    ) -> None:
        """
        Args:
            path: the file, for messages.
            model: its content.
            inputs: names that the graph must take.
            threads: of one run.

        Raises:
            ModelError: a damaged file, one that keeps weights in other files, or one that takes
                other inputs.
        """
        check_onnx(path, model)
        self.spec = read_embedded_spec(model)
        self._path = path
        options = ort.SessionOptions()
        options.log_severity_level = _LOG_ERRORS
        options.intra_op_num_threads = threads
        try:
            self._session = ort.InferenceSession(model, options, ["CPUExecutionProvider"])
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise ModelError(
                f"{path}: ONNX Runtime cannot open it ({one_line(error, 300)}); "
                "download or export it again"
            ) from error
        names = [value.name for value in self._session.get_inputs()]
        if sorted(names) != sorted(inputs):
            raise ModelError(
                f"{path}: takes {', '.join(names) or 'nothing'}, not {', '.join(inputs)}; "
                "it is another kind of model"
            )

    def __call__(self, **arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """The graph's first output, as float32.

        Args:
            arrays: by the names of the inputs, float32, in the graph's shapes.

        Raises:
            ModelError: the model fails, or answers with NaN or infinity.
        """
        try:
            output = self._session.run(None, arrays)[0]
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise ModelError(
                f"{self._path}: ONNX Runtime cannot run it ({one_line(error, 300)})"
            ) from error
        answer = np.asarray(output, dtype=np.float32)
        if not np.isfinite(answer).all():
            raise ModelError(
                f"{self._path}: answered with NaN or infinity; download or export it again"
            )
        return answer
