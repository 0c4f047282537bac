"""A frame, a matte and a background become a frame."""

from livematte.effects.blend import blend, cover, cut_out
from livematte.effects.blur import blur_background, blurred_background
from livematte.effects.registry import EFFECTS, Chain, open_chain
from livematte.effects.shot import Effect, Shot
from livematte.effects.smoothstep import smooth_step

__all__ = [
    "EFFECTS",
    "Chain",
    "Effect",
    "Shot",
    "blend",
    "blur_background",
    "blurred_background",
    "cover",
    "cut_out",
    "open_chain",
    "smooth_step",
]
