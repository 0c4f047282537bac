"""Structured pruning: whole channels go, and what is left is a smaller network of the same kind.

:mod:`.select` decides which channels and takes them out; :mod:`.run` goes from a checkpoint to a
fine-tuned one.
"""
