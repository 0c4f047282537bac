"""What is done to a matte: clean-up, edge-aware lifting, foreground colours."""

from livematte.refinement.cleanup import settle_doubt
from livematte.refinement.foreground import estimate_foreground
from livematte.refinement.guided import refine_matte
from livematte.refinement.scaling import work_size

__all__ = ["estimate_foreground", "refine_matte", "settle_doubt", "work_size"]
