"""A frame, a matte and a background become a frame."""

from livematte.effects.blend import blend, cut_out
from livematte.effects.blur import blur_background, blurred_background
from livematte.effects.fitting import FITS, Fit, cover, fit_picture
from livematte.effects.registry import EFFECTS, Chain, open_chain
from livematte.effects.shot import Effect, Shot
from livematte.effects.smoothstep import smooth_step

__all__ = [
    "EFFECTS",
    "FITS",
    "Chain",
    "Effect",
    "Fit",
    "Shot",
    "blend",
    "blur_background",
    "blurred_background",
    "cover",
    "cut_out",
    "fit_picture",
    "open_chain",
    "smooth_step",
]
