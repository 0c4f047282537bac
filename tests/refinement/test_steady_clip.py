"""A bundled model's mattes of the example portrait, swaying before a generated room."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import livematte
from livematte.data.clips import ClipConfig, moving_person
from livematte.data.cutouts import cut_out
from livematte.data.sample import Sample
from livematte.evaluation.metrics import mad
from livematte.evaluation.temporal import dtssd, flicker
from livematte.images import read_picture
from livematte.refinement import Steadiness
from livematte.segmenter import Care, Segmenter
from livematte.weights import DEFAULT_VIDEO

PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.png"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return livematte.load("livematte", threads=1).taking(Care(region=False))


@pytest.fixture(scope="module")
def clip(segmenter: Segmenter) -> list[Sample]:
    image = read_picture(PORTRAIT).rgb
    # The picture's sides cut the shoulders off, and such a person cannot move.
    columns = np.arange(image.shape[1])
    inside = np.clip(np.minimum(columns, columns[::-1]) / 20 - 1, 0, 1)
    alpha = (segmenter.segment(image) * inside).astype(np.float32)
    cutout = cut_out(Sample(image, alpha, None, "portrait", soft=True))
    assert cutout is not None
    rng = np.random.default_rng(4)
    room = cv2.GaussianBlur(rng.integers(0, 256, (120, 160, 3), np.uint8), (0, 0), 4)
    room = cv2.normalize(room, None, 40, 220, cv2.NORM_MINMAX)
    for _ in range(12):  # furniture
        y, x = int(rng.integers(0, 100)), int(rng.integers(0, 140))
        room[y : y + 20, x : x + 12] = rng.integers(40, 220, 3)
    return list(moving_person(cutout, room, rng, ClipConfig(frames=20, size=(180, 240))))


def scores(segmenter: Segmenter, clip: list[Sample], steady: Steadiness | None) -> list[float]:
    """dtSSD, flicker and MAD."""
    stream = segmenter.stream(steady=steady)
    return scores_of([stream.segment(frame.image, refine=False) for frame in clip], clip)


def scores_of(mattes: list[np.ndarray], clip: list[Sample]) -> list[float]:
    pairs = [
        (mattes[n], clip[n].alpha, mattes[n - 1], clip[n - 1].alpha) for n in range(1, len(clip))
    ]
    errors = [mad(matte, frame.alpha) for matte, frame in zip(mattes, clip, strict=True)]
    rows = ([dtssd(*pair) for pair in pairs], [flicker(*pair) for pair in pairs], errors)
    return [float(np.mean(row)) for row in rows]


def test_steadier_than_frame_by_frame_and_no_worse(
    segmenter: Segmenter, clip: list[Sample]
) -> None:
    alone = scores(segmenter, clip, None)
    for flow in (False, True):
        steadied = scores(segmenter, clip, Steadiness(flow=flow))
        assert steadied[0] < 0.97 * alone[0]
        assert steadied[1] < 0.9 * alone[1]
        assert steadied[2] < 1.03 * alone[2]


def test_the_memory_of_the_video_model_steadies_it(clip: list[Sample]) -> None:
    video = livematte.load(DEFAULT_VIDEO, threads=1).taking(Care(region=False))
    remembering = scores(video, clip, None)
    forgetful = [
        video.stream(steady=None).segment(frame.image, refine=False) for frame in clip
    ]  # a stream for each frame
    alone = scores_of(forgetful, clip)
    assert remembering[0] < 0.95 * alone[0]
    assert remembering[1] < 0.8 * alone[1]
    assert remembering[2] < 1.1 * alone[2]
