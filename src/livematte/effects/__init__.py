"""A frame, a matte and a background become a frame."""

from livematte.effects.blend import blend, cover, cut_out
from livematte.effects.blur import blur_background, blurred_background

__all__ = ["blend", "blur_background", "blurred_background", "cover", "cut_out"]
