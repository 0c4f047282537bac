"""A person before a still camera is found, in changing light too; a moving camera is refused."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import pytest

from livematte.errors import InputError, UsageError
from livematte.subtraction import METHODS, Subtraction, SubtractionStream, Subtractor

SIZE = (180, 240)
LEARNED = 12


def room(rng: np.random.Generator) -> np.ndarray:
    """A textured wall with furniture, larger than the frame, float RGB in [0, 255]."""
    wall = cv2.GaussianBlur(rng.normal(0, 1, (240, 320, 3)).astype(np.float32), (0, 0), 6)
    picture = 140 + 20 * wall / wall.std()
    for _ in range(25):
        y, x = int(rng.integers(0, 210)), int(rng.integers(0, 290))
        height, width = rng.integers(10, 50, 2)
        picture[y : y + height, x : x + width] = rng.uniform(60, 220, 3)
    return picture


def clip(
    frames: int = 32,
    *,
    light: float = 0.0,
    pan: float = 0.0,
    turn: float = 0.0,
    walk: float = 2.0,
    seed: int = 2,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames (H×W×3 uint8) and true mattes; the person comes when the room has been learned.

    Args:
        light: how much darker each frame is than the one before.
        pan, turn: pixels and degrees by which the camera moves per frame once somebody is there.
        walk: pixels per frame of the person.
    """
    rng = np.random.default_rng(seed)
    scene = room(rng)
    cloth = cv2.GaussianBlur(rng.normal(0, 1, (*SIZE, 3)).astype(np.float32), (0, 0), 3)
    person = np.float32((55, 40, 60)) + 15 * cloth / cloth.std()
    for number in range(frames):
        late = max(0, number - LEARNED)
        matrix = cv2.getRotationMatrix2D((160, 120), turn * late, 1)
        matrix[:, 2] -= (40 + pan * late, 30)
        picture = cv2.warpAffine(scene, matrix, SIZE[::-1])
        alpha = np.zeros(SIZE, np.uint8)
        if number >= LEARNED:
            middle = (int(60 + walk * late), 70)
            cv2.ellipse(alpha, middle, (18, 24), 0, 0, 360, 255, -1, cv2.LINE_AA)
            cv2.ellipse(alpha, (middle[0], 180), (42, 80), 0, 0, 360, 255, -1, cv2.LINE_AA)
        soft = alpha.astype(np.float32) / 255
        picture = picture + soft[..., None] * (person - picture)
        picture = picture * (1 - light * number) + rng.normal(0, 2.5, picture.shape)
        yield np.clip(np.rint(picture), 0, 255).astype(np.uint8), soft


def segment_all(stream: SubtractionStream, frames: Iterable[np.ndarray]) -> None:
    for frame in frames:
        stream.segment(frame, refine=False)


def score(method: str, refine: bool = False, **facts: float) -> float:
    """The least intersection over union once the person is there."""
    stream = Subtractor(Subtraction(method=method, learn=LEARNED)).stream()
    scores = []
    for number, (frame, alpha) in enumerate(clip(**facts)):
        matte = stream.segment(frame, refine=refine)
        assert matte.shape == SIZE
        assert matte.dtype == np.float32
        if number < LEARNED:
            assert matte.max() == 0
        else:
            found, true = matte > 0.5, alpha > 0.5
            scores.append(float((found & true).sum() / (found | true).sum()))
    return min(scores)


@pytest.mark.parametrize("method", METHODS)
def test_the_person_is_found(method: str) -> None:
    assert score(method) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_light_that_fades_by_a_third_does_no_harm(method: str) -> None:
    assert score(method, light=0.011) > 0.88


@pytest.mark.parametrize("method", METHODS)
def test_who_stands_still_does_not_become_furniture(method: str) -> None:
    assert score(method, walk=0.0, frames=60) > 0.9


def test_edges_follow_the_picture() -> None:
    assert score("mean", refine=True) > 0.9


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("way", [{"pan": 0.7}, {"pan": -3.0}, {"turn": 0.5}])
def test_a_camera_that_moves_is_refused(method: str, way: dict[str, float]) -> None:
    stream = Subtractor(Subtraction(method=method, learn=LEARNED), name="talk.mp4").stream()
    with pytest.raises(InputError, match=r"talk.mp4: frame (1[2-9]|2\d): the camera has moved"):
        segment_all(stream, (frame for frame, _ in clip(30, **way)))


def test_a_camera_that_moves_while_the_room_is_learned() -> None:
    stream = Subtractor(Subtraction(learn=40)).stream()
    with pytest.raises(InputError, match="while the empty room was learned; keep it still"):
        segment_all(stream, (frame for frame, _ in clip(pan=2.0)))


def test_another_scene_is_refused() -> None:
    stream = Subtractor(Subtraction(learn=LEARNED)).stream()
    segment_all(stream, (frame for frame, _ in clip(LEARNED)))
    blocks = np.indices(SIZE).sum(axis=0) // 30 % 2 * 255
    other = np.repeat(blocks[..., None], 3, axis=2).astype(np.uint8)
    with pytest.raises(InputError, match="frame 12: nearly everything differs"):
        segment_all(stream, (np.roll(other, 7 * number, axis=0) for number in range(20)))


@pytest.mark.parametrize("facts", [{"learn": 0}, {"threshold": 0.0}, {"threshold": 300.0}])
def test_what_cannot_be(facts: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="give"):
        Subtraction(**facts)


def test_frames_of_two_sizes() -> None:
    stream = Subtractor().stream()
    stream.segment(np.zeros((90, 120, 3), np.uint8))
    with pytest.raises(UsageError, match="one size"):
        stream.segment(np.zeros((120, 90, 3), np.uint8))
