"""What is done to a matte: clean-up, steadiness, edge-aware lifting, foreground colours."""

from livematte.refinement.cleanup import (
    Cleaning,
    close_matte,
    fill_holes,
    largest_person,
    open_matte,
    settle_doubt,
)
from livematte.refinement.foreground import edge_colours, estimate_foreground, in_128ths
from livematte.refinement.guided import ColourMatte, colour_matte, refine_matte
from livematte.refinement.scaling import work_size
from livematte.refinement.steadiness import Steadiness
from livematte.refinement.tiles import Tiles, tiles_with

__all__ = [
    "Cleaning",
    "ColourMatte",
    "Steadiness",
    "Tiles",
    "close_matte",
    "colour_matte",
    "edge_colours",
    "estimate_foreground",
    "fill_holes",
    "in_128ths",
    "largest_person",
    "open_matte",
    "refine_matte",
    "settle_doubt",
    "tiles_with",
    "work_size",
]
