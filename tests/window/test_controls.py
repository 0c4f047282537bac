"""What keys and sliders mean, and what the user is shown for them."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livematte.effects.registry import EFFECTS
from livematte.errors import InputError
from livematte.video.frames import Composed, Frame, Matted, SourceInfo
from livematte.window.backgrounds import Background, colours, find_backgrounds
from livematte.window.controls import BACKGROUND, HELD, THRESHOLD, Controls, Look
from livematte.window.events import Closed, Event, Pressed, Released, Slid, Unfocused
from livematte.window.looks import LiveComposer, above
from livematte.window.sink import WindowSink
from livematte.window.sliders import STRIP, lay_out
from video.clips import BLUE, RED, picture

INSIDE, OUTSIDE = np.s_[24, 20], np.s_[2, 2]


def after(*events: Event, backgrounds: int = 3) -> Look:
    controls = Controls(backgrounds)
    for event in events:
        controls.handle(event)
    return controls.look


def test_effects_last_as_long_as_their_keys() -> None:
    c, m = Pressed("c"), Pressed("m")
    assert after(c).held == ("colour-transfer",)
    assert after(m, c, m).held == ("smooth-step", "colour-transfer")
    assert after(m, c, Released("m")).held == ("colour-transfer",)
    assert after(m, c, Released("m"), Released("c")).held == ()
    assert after(m, c, Unfocused()).held == ()  # whose releases nobody will see
    assert after(Released("s"), Pressed("x")) == after()


def test_every_held_effect_is_there() -> None:
    assert set(HELD.values()) <= set(EFFECTS)


def test_backgrounds_by_key_and_by_slider() -> None:
    assert after().background == 1
    assert after(backgrounds=0).background == 0
    assert after(Pressed("3")).background == 3
    assert after(Pressed("3"), Pressed("4")).background == 3  # there is no fourth
    assert after(Pressed("0")).background == 0
    assert [after(Slid(BACKGROUND, v)).background for v in (0, 0.3, 0.6, 1)] == [0, 1, 2, 3]
    controls = Controls(3)
    controls.handle(Slid(BACKGROUND, 0.6))
    assert controls.sliders == {BACKGROUND: pytest.approx(2 / 3), THRESHOLD: 0.0}


def test_blur_is_left_by_its_key_or_by_a_background() -> None:
    assert after(Pressed("2"), Pressed("b")) == Look(2, blur=True)
    assert after(Pressed("2"), Pressed("b"), Pressed("b")) == Look(2)
    assert after(Pressed("b"), Pressed("1")) == Look(1)


def test_the_threshold_stays_below_one() -> None:
    assert after(Slid(THRESHOLD, 0.25)).threshold == 0.25
    assert after(Slid(THRESHOLD, 1.0)).threshold < 1


@pytest.mark.parametrize("event", [Pressed("q"), Pressed("escape"), Closed()])
def test_the_end(event: Event) -> None:
    controls = Controls(0)
    assert not controls.ended
    controls.handle(event)
    assert controls.ended


def test_saves_are_taken_once() -> None:
    controls = Controls(0)
    controls.handle(Pressed("space"))
    controls.handle(Pressed("space"))
    assert (controls.take_saves(), controls.take_saves()) == (2, 0)


def test_above_a_threshold() -> None:
    alpha = np.linspace(0, 1, 11, dtype=np.float32)[None]
    assert above(alpha, 0.0) is alpha
    half = above(alpha, 0.5)[0]
    np.testing.assert_allclose(half, [0] * 6 + [0.2, 0.4, 0.6, 0.8, 1.0], atol=1e-6)
    assert half.dtype == np.float32


def test_sliders_lie_in_the_strip() -> None:
    left, right = lay_out(("a", "b"), 640, 480)
    for slider in (left, right):
        assert 480 - STRIP < slider.top < 480
        assert slider.holds(slider.place(0.5), slider.top)
        assert slider.value(slider.place(0.5)) == pytest.approx(0.5, abs=0.01)
        assert (slider.value(-100), slider.value(9999)) == (0, 1)
        assert not slider.holds(slider.left, 100)
    assert not left.holds(right.place(0.5), right.top)


def matted(number: int = 3) -> Matted:
    image = picture(number)
    alpha = (image[..., 0] > 128).astype(np.float32)
    return Matted(Frame(image, number, Fraction(1, 25), number), alpha)


def test_frames_look_as_the_keys_say() -> None:
    controls = Controls(3)
    composer = LiveComposer(controls, colours())
    assert tuple(composer(matted())[OUTSIDE]) == (0, 177, 64)
    controls.handle(Pressed("2"))
    assert tuple(composer(matted())[OUTSIDE]) == (255, 255, 255)
    controls.handle(Pressed("m"))
    firm = composer(matted())
    assert (tuple(firm[INSIDE]), tuple(firm[OUTSIDE])) == (RED, (255, 255, 255))
    controls.handle(Pressed("0"))
    np.testing.assert_array_equal(composer(matted()), picture(3))
    assert "needs a background" in composer.complaint
    controls.handle(Pressed("b"))
    blurred = composer(matted())
    assert np.abs(blurred[OUTSIDE].astype(int) - BLUE).max() <= 3
    assert composer.complaint == ""
    composer.close()


def test_an_effect_changes_the_person() -> None:
    controls = Controls(3)
    composer = LiveComposer(controls, colours())
    plain = composer(matted(1))
    controls.handle(Pressed("c"))
    assert np.abs(composer(matted(2))[24, 24].astype(int) - RED).max() > 10
    controls.handle(Released("c"))
    assert np.abs(composer(matted(3))[24, 24].astype(int) - plain[24, 24]).max() <= 1


def test_all_keys_can_be_held_at_once() -> None:
    controls = Controls(3)
    composer = LiveComposer(controls, colours())
    for number, key in enumerate(HELD):
        controls.handle(Pressed(key))
        assert composer(matted(number)).shape == (48, 64, 3)
        assert composer.complaint == ""
    assert len(controls.look.held) == 4


def test_an_effect_that_is_not_there_is_told() -> None:
    controls = Controls(1)
    composer = LiveComposer(controls, colours())
    controls.look = Look(1, held=("teleport",))
    assert tuple(composer(matted())[OUTSIDE]) == (0, 177, 64)
    assert "no effect is called 'teleport'" in composer.complaint
    controls.look = Look(1)
    composer(matted())
    assert composer.complaint == ""


def test_a_folder_of_backgrounds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("b10.png", "b9.png"):
        Image.new("RGB", (30, 20), (10, 200, 10)).save(tmp_path / name)
    (tmp_path / "b11.jpg").write_bytes(b"not a picture")
    (tmp_path / "b12.mp4").write_bytes(b"not a film either")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".b1.png").write_bytes(b"")
    found = find_backgrounds(tmp_path)
    assert [b.name for b in found] == ["b9.png", "b10.png", "b11.jpg", "b12.mp4"]
    assert tuple(found[0].at(Fraction(0), (48, 64))[5, 5]) == (10, 200, 10)
    for broken in found[2:]:
        assert tuple(broken.at(Fraction(0), (48, 64))[5, 5]) == (128, 128, 128)
        broken.at(Fraction(1), (48, 64))
    assert caplog.text.count("grey is shown instead") == 2


def test_folders_without_backgrounds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no backgrounds in this folder"):
        find_backgrounds(tmp_path)
    with pytest.raises(InputError, match="cannot be searched"):
        find_backgrounds(tmp_path / "none")


class Film:
    """Grey pictures that say how late it is, two per second."""

    sound = None
    info = SourceInfo("film", 30, 20, Fraction(2), Fraction(1, 2))

    def __iter__(self) -> Iterator[Frame]:
        for number in range(100):
            yield Frame(np.full((20, 30, 3), number, np.uint8), number, Fraction(1, 2), number)

    def close(self) -> None:
        pass


def test_a_film_behind_waits_while_it_is_not_seen() -> None:
    opened: list[Film] = []

    def open_film(again: bool) -> Film:
        opened.append(Film())
        return opened[-1]

    film = Background("film", open_film)
    assert not opened

    def seen(*seconds: int) -> list[int]:
        return [int(film.at(Fraction(s), (8, 8))[0, 0, 0]) for s in seconds]

    assert seen(5, 6, 7) == [0, 2, 4]
    film.leave()
    assert seen(40, 41) == [4, 6]
    assert len(opened) == 1


class Recorder:
    """A second sink."""

    def __init__(self, lasting: bool) -> None:
        self.lasting, self.got, self.end = lasting, 0, ""

    def write(self, composed: Composed) -> None:
        self.got += 1

    def close(self) -> None:
        self.end += "closed"

    def abort(self) -> None:
        self.end += "aborted"


def clock(now: list[float]) -> Callable[[], float]:
    return lambda: now[0]


def test_the_newest_frame_waits_for_the_window() -> None:
    now = [0.0]
    also = Recorder(lasting=True)
    sink = WindowSink(also, clock=clock(now))
    frames = [Composed(matted(n).frame, matted(n).alpha, picture(n)) for n in range(3)]
    assert sink.take() is None
    for composed in frames:
        now[0] += 0.1
        sink.write(composed)
    assert sink.take() is frames[2]
    assert sink.take() is None
    assert sink.fps == pytest.approx(10, rel=0.01)
    now[0] += 5
    assert sink.silence == pytest.approx(5, abs=0.01)
    assert sink.fps == 0
    sink.close()
    assert (also.got, also.end, sink.lasting) == (3, "closed", True)
    assert not WindowSink().lasting
