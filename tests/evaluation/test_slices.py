from __future__ import annotations

import numpy as np
import pytest

from livematte.data.sample import Sample
from livematte.evaluation.slices import SLICES, slices_of

Pixels = tuple[int, int, int]


def picture(
    boxes: list[tuple[int, int, int, int]],
    person: Pixels = (200, 60, 60),
    room: Pixels = (90, 90, 200),
) -> Sample:
    """A hundred pixels square; a box is top, bottom, left, right."""
    image, alpha = np.full((100, 100, 3), room, np.uint8), np.zeros((100, 100), np.float32)
    for top, bottom, left, right in boxes:
        image[top:bottom, left:right] = person
        alpha[top:bottom, left:right] = 1
    return Sample(image, alpha, None, "picture", soft=False)


BUST = (30, 100, 25, 75)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (picture([BUST]), set()),
        (picture([]), {"nobody"}),
        (picture([BUST], room=(5, 5, 20), person=(90, 60, 50)), {"dark scene"}),
        (picture([BUST], person=(40, 30, 25)), {"dark person"}),
        (picture([BUST], person=(250, 220, 210)), {"light person"}),
        (picture([BUST], person=(95, 95, 190)), {"like its background"}),
        (picture([BUST], person=(120, 120, 120), room=(60, 60, 60)), {"no colour"}),
        (picture([(60, 100, 40, 60)]), {"small person"}),
        (picture([(30, 100, 0, 50)]), {"cut by a side"}),
        (picture([(30, 100, 10, 40), (30, 100, 60, 90)]), {"several people"}),
    ],
)  # fmt: skip
def test_a_picture_falls_into_its_slices(sample: Sample, expected: set[str]) -> None:
    found = set(slices_of(sample))
    assert expected <= found
    assert found <= set(SLICES)
    if not expected:
        assert not found


def test_a_large_picture_is_judged_like_a_small_one() -> None:
    small = picture([(60, 100, 40, 60)])
    large = Sample(
        small.image.repeat(8, axis=0).repeat(8, axis=1),
        small.alpha.repeat(8, axis=0).repeat(8, axis=1),
        None, "large", soft=False,
    )  # fmt: skip
    assert slices_of(large) == slices_of(small)
