"""The view holds the people, moves little and smoothly, and knows when it has lost them."""

import numpy as np
import pytest

from livematte.refinement.region import Box, Region, View, person_box, reseen, view_around
from livematte.spec import ModelSpec
from livematte.transforms import fit_matte

SPEC = ModelSpec("small", 64, 64)
SIZE = (480, 640)


def matte_of(box: Box, view: View, spec: ModelSpec = SPEC) -> np.ndarray:
    """What a model would say of a view of a frame with one person that fills a box."""
    frame = np.zeros(view.size, np.float32)
    frame[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = 1
    return fit_matte(np.ascontiguousarray(view.of(frame)), spec)


def person_at(left: float, top: float = 200, width: float = 60, height: float = 120) -> Box:
    return Box(top, left, top + height, left + width)


def follow(region: Region, box: Box) -> View:
    view = region.view(*SIZE)
    region.follow(matte_of(box, view))
    return view


def test_boxes_are_in_the_frames_pixels() -> None:
    for view in (View.whole(*SIZE), View(100, 200, 240, 240, SIZE)):
        found = person_box(matte_of(person_at(300), view), view)
        assert found is not None
        expected = person_at(300)
        for side in ("top", "left", "bottom", "right"):
            assert getattr(found, side) == pytest.approx(getattr(expected, side), abs=10)


def test_nobody_and_specks() -> None:
    whole = View.whole(*SIZE)
    matte = np.zeros((64, 64), np.float32)
    assert person_box(matte, whole) is None
    matte[20:50, 20:40] = 1
    matte[2:4, 60:62] = 1
    assert person_box(matte, whole) == Box(150, 200, 375, 400)


@pytest.mark.parametrize("left", [0, 290, 580])
def test_a_view_holds_the_person_and_lies_in_the_frame(left: float) -> None:
    view = view_around(person_at(left), SIZE, SPEC)
    assert view.holds(person_at(left).grown(0.1))
    assert view.height == view.width == 180
    assert view.left >= 0
    assert view.left + view.width <= SIZE[1]


def test_a_large_person_gets_the_whole_and_a_tiny_one_no_less_than_half_the_input() -> None:
    assert view_around(person_at(100, 40, 300, 440), SIZE, SPEC).is_whole
    assert view_around(person_at(100, 40, 4, 8), SIZE, SPEC).height == 32


def test_a_still_person_gets_one_view_though_the_matte_trembles() -> None:
    region = Region(SPEC)
    views = [follow(region, person_at(300 + 2 * (number % 2))) for number in range(20)]
    assert views[0].is_whole
    assert len(set(views[1:])) == 1


def test_a_walking_person_is_followed_smoothly_and_never_cut_off() -> None:
    region = Region(SPEC)
    follow(region, person_at(20))
    before = region.view(*SIZE)
    for number in range(80):
        box = person_at(20 + 6 * number)
        view = follow(region, box)
        assert view.holds(box)
        assert not view.is_whole
        assert abs(view.left - before.left) < 60
        before = view


def test_who_comes_nearer_gets_more_until_it_is_the_whole() -> None:
    region, box = Region(SPEC), person_at(250)
    for _ in range(3):
        follow(region, box)
    shares = []
    for number in range(40):
        box = person_at(250 - 5 * number, 200 - 5 * number, 60 + 10 * number, 120 + 10 * number)
        shares.append(follow(region, box).share)
    assert shares[0] < 0.2
    assert shares[-1] == 1


def test_lost_is_looked_for_everywhere() -> None:
    region = Region(SPEC)
    for _ in range(3):
        follow(region, person_at(300))
    assert not region.view(*SIZE).is_whole
    region.follow(np.zeros((64, 64), np.float32))
    assert region.view(*SIZE).is_whole


def test_another_size_begins_anew() -> None:
    region = Region(SPEC)
    for _ in range(3):
        follow(region, person_at(300))
    assert region.view(100, 100) == View.whole(100, 100)


def test_now_and_then_the_whole_is_looked_at_and_a_second_person_found() -> None:
    region = Region(SPEC)
    follow(region, person_at(500))
    asked = []
    for _ in range(60):
        asked.append(region.wants_whole())
        follow(region, person_at(500))
    assert sum(asked) == 2
    whole = View.whole(*SIZE)
    assert region.others_in(matte_of(person_at(500), whole)) is None
    both = np.maximum(matte_of(person_at(500), whole), matte_of(person_at(330), whole))
    region.follow(matte_of(person_at(500), region.view(*SIZE)), region.others_in(both))
    assert region.view(*SIZE).holds(person_at(340, width=40))


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_a_matte_is_carried_into_another_view(fit: str) -> None:
    spec = ModelSpec("small", 64, 96, fit=fit)
    before, after = View.whole(*SIZE), View(120, 200, 240, 300, SIZE)
    box = person_at(260, 180, 120, 120)
    carried = reseen(matte_of(box, before, spec), before, after, spec)
    assert np.abs(carried - matte_of(box, after, spec)).mean() < 0.03
    assert carried is not None
    same = matte_of(box, before, spec)
    assert reseen(same, before, before, spec) is same
