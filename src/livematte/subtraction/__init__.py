"""Cut people out without a model: by what differs from the empty room before a still camera."""

from livematte.subtraction.rooms import METHODS, Method
from livematte.subtraction.subtractor import Subtraction, SubtractionStream, Subtractor

__all__ = ["METHODS", "Method", "Subtraction", "SubtractionStream", "Subtractor"]
