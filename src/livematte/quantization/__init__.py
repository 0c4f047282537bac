"""Models in 8-bit integers.

:mod:`.calibration` chooses the pictures that ranges are measured on, :mod:`.methods` names the ways
there are, and each runtime's quantiser has a module of its own, which takes a built float model and
gives a quantised one, both in memory. :mod:`livematte.export` builds, compares and writes; for it
int8 is one more precision.

Quantisation-aware training comes before all that, and changes weights only: it takes a network and
gives one whose weights bear rounding. ``livematte quantize --qat`` fine-tunes between opening the
checkpoint and the same export, so that every target takes the result.
"""
