"""What a LiteRT file says about itself, read without running it."""

from __future__ import annotations

import struct

from livematte.errors import MissingExtra
from livematte.spec import METADATA_KEY

__all__ = ["read_embedded_spec"]


def read_embedded_spec(model: bytes) -> str | None:
    """The spec's JSON text out of a flatbuffer's metadata; None where it holds none.

    Args:
        model: a file that LiteRT has opened; anything else reads as one without spec.

    Raises:
        MissingExtra: ai-edge-litert is not installed.
    """
    if METADATA_KEY.encode() not in model:
        return None  # the schema is slow to import
    try:
        from ai_edge_litert.schema_py_generated import Model  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("ai-edge-litert", "litert") from error
    try:
        root = Model.GetRootAs(model)
        for index in range(root.MetadataLength()):
            entry = root.Metadata(index)
            if entry.Name() == METADATA_KEY.encode():
                content: bytes = root.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
                return content.decode()
    except (struct.error, IndexError, ValueError, TypeError, AttributeError):
        return None
    return None
