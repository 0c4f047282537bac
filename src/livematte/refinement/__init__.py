"""What is done to a matte: clean-up, edge-aware lifting, foreground colours."""

from livematte.refinement.cleanup import settle_doubt
from livematte.refinement.foreground import estimate_foreground, thrice
from livematte.refinement.guided import refine_matte
from livematte.refinement.scaling import work_size
from livematte.refinement.tiles import Tiles, tiles_with

__all__ = [
    "Tiles",
    "estimate_foreground",
    "refine_matte",
    "settle_doubt",
    "thrice",
    "tiles_with",
    "work_size",
]
