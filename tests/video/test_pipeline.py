"""Order, pairs, policies, and every way in which a run can end."""

import signal
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from livematte.errors import InputError, ModelError, OutputError
from livematte.spec import ModelSpec
from livematte.stream import SegmenterStream
from livematte.video.backdrop import Backdrop
from livematte.video.channel import Channel
from livematte.video.composing import FrameComposer, compose_over, matte_only, side_by_side
from livematte.video.frames import Composed, Frame, Matted, Sink, SourceInfo
from livematte.video.pipeline import Pipeline
from video.clips import BLUE, RED, picture

BASE = Fraction(1, 25)


class Reddish:
    """An engine for which red is person."""

    name, device, threads = "reddish", "cpu", None

    def __init__(self, fails_at: int = -1) -> None:
        self.spec = ModelSpec("reddish", 48, 64)
        self._left = fails_at

    def run(self, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        self._left -= 1
        if self._left == -1:
            raise ModelError("the model broke")
        return (image[..., 0] > image[..., 2]).astype(np.float32)


class Frames:
    """A source of pictures made here."""

    sound = None

    def __init__(self, count: int, *, fails: bool = False, pause: float = 0.0) -> None:
        self.info = SourceInfo("frames", 64, 48, Fraction(25), BASE, live=pause > 0)
        self._count, self._fails, self._pause = count, fails, pause
        self.closed = False

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._count):
            if self._pause:
                time.sleep(self._pause)
            yield Frame(picture(number), number, BASE, number, time.perf_counter())
        if self._fails:
            raise InputError("frames: the cable broke")

    def close(self) -> None:
        self.closed = True


class Recorder:
    """A sink that keeps what it gets."""

    lasting = True

    def __init__(self, *, fails_at: int = -1, pause: float = 0.0) -> None:
        self.got: list[Composed] = []
        self.end = ""
        self._fails_at, self._pause = fails_at, pause

    def write(self, composed: Composed) -> None:
        if len(self.got) == self._fails_at:
            raise OutputError("the disk is full")
        if self._pause:
            time.sleep(self._pause)
        self.got.append(composed)

    def close(self) -> None:
        self.end += "closed"

    def abort(self) -> None:
        self.end += "aborted"


def pipeline(source, sink: Sink, composer=None, engine=None, **options) -> Pipeline:
    stream = SegmenterStream(engine or Reddish())
    return Pipeline(source, stream, composer or compose_over((0, 255, 0)), sink, **options)


def test_every_frame_in_order_with_its_own_matte() -> None:
    source, sink = Frames(60), Recorder()
    told: list[int] = []
    report = pipeline(source, sink).run(told.append)
    assert [c.frame.number for c in sink.got] == list(range(60))
    for composed in sink.got:
        truth = picture(composed.frame.number)[..., 0] > 128
        assert np.abs(composed.alpha - truth).mean() < 0.02
        assert (composed.pixels[24, 2] == (0, 255, 0)).all()
    assert sink.end == "closed"
    assert source.closed
    assert (report.frames, report.dropped) == (60, 0)
    assert set(report.stages) == {"decode", "fit", "infer", "refine", "compose", "encode"}
    assert all(0 < s.p50 <= s.p95 for s in report.stages.values() if s is not None)
    assert report.age.p50 > 0
    assert told == sorted(told)
    assert threading.active_count() < 20


def test_the_newest_frame_goes_first_when_live() -> None:
    """A slow sink costs frames, not time: what is written is never older than the pipe is long."""
    source, sink = Frames(80, pause=0.002), Recorder(pause=0.02)
    report = pipeline(source, sink, policy="newest").run()
    numbers = [c.frame.number for c in sink.got]
    assert numbers == sorted(set(numbers))
    assert report.dropped > 20
    assert report.dropped + report.frames == 80
    assert numbers[-1] == 79
    for composed in sink.got:
        truth = picture(composed.frame.number)[..., 0] > 128
        assert np.abs(composed.alpha - truth).mean() < 0.02


def test_a_source_that_breaks_keeps_what_came_before() -> None:
    sink = Recorder()
    with pytest.raises(InputError, match=r"the cable broke \(the 10 frames before that are kept\)"):
        pipeline(Frames(10, fails=True), sink).run()
    assert (len(sink.got), sink.end) == (10, "closed")


def test_nothing_is_said_to_be_kept_where_it_was_only_shown() -> None:
    sink = Recorder()
    sink.lasting = False
    with pytest.raises(InputError, match=r"the cable broke$"):
        pipeline(Frames(10, fails=True), sink).run()


def test_a_live_stage_takes_no_frame_that_would_wait_in_its_hands() -> None:
    """While one frame is composed, one matte waits; no third frame grows old behind them."""
    inferred: list[int] = []
    held, release = threading.Event(), threading.Event()

    class Counting(Reddish):
        def run(self, image: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
            inferred.append(len(inferred))
            return super().run(image)

    def slow(matted: Matted) -> np.ndarray:
        held.set()
        release.wait(30)
        return matted.frame.image

    sink = Recorder()
    source = Frames(300, pause=0.001)
    run = pipeline(source, sink, FrameComposer(slow), engine=Counting(), policy="newest")
    thread = threading.Thread(target=run.run)
    thread.start()
    assert held.wait(30)
    for _ in range(300):
        if run.dropped > 100:
            break
        time.sleep(0.01)
    assert run.dropped > 100  # the source went on all the while
    assert len(inferred) == 2
    release.set()
    thread.join()
    assert sink.got[2].frame.number > 100


def test_a_model_that_breaks_keeps_what_came_before() -> None:
    sink = Recorder()
    with pytest.raises(ModelError, match=r"the model broke \(the 5 frames"):
        pipeline(Frames(50), sink, engine=Reddish(fails_at=5)).run()
    assert (len(sink.got), sink.end) == (5, "closed")


def test_nothing_is_kept_where_there_is_nothing() -> None:
    sink = Recorder()
    with pytest.raises(ModelError, match=r"^the model broke$"):
        pipeline(Frames(50), sink, engine=Reddish(fails_at=0)).run()
    assert sink.end == "aborted"


def test_a_sink_that_breaks_is_aborted() -> None:
    source, sink = Frames(500), Recorder(fails_at=3)
    with pytest.raises(OutputError, match="the disk is full"):
        pipeline(source, sink).run()
    assert sink.end == "aborted"
    assert source.closed


def test_a_composer_with_a_bug_ends_the_run() -> None:
    def broken(matted: Matted) -> np.ndarray:
        raise ZeroDivisionError

    closed: list[bool] = []
    composer = FrameComposer(broken, lambda: closed.append(True))
    with pytest.raises(ZeroDivisionError):
        pipeline(Frames(500), Recorder(), composer).run()
    assert closed == [True]


def test_an_interrupt_waits_for_the_frame_that_is_being_written() -> None:
    class Slow(Recorder):
        def write(self, composed: Composed) -> None:
            time.sleep(0.3)  # until nothing else runs
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.3)
            super().write(composed)

    sink = Slow()
    # Where the tests run in the background, a shell has had Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            pipeline(Frames(1), sink).run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (sink.end, len(sink.got)) == ("closed", 1)


def test_an_interrupt_finishes_the_file() -> None:
    sink = Recorder(pause=0.005)

    def interrupt(written: int) -> None:
        if written and sink.end == "" and not done:
            done.append(written)
            raise KeyboardInterrupt

    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        pipeline(Frames(5000), sink).run(interrupt)
    assert 0 < len(sink.got) < 5000
    assert sink.end == "closed"
    assert [c.frame.number for c in sink.got] == list(range(len(sink.got)))


def test_a_source_that_hangs_does_not_hang_the_run() -> None:
    release = threading.Event()

    class Hanging(Frames):
        def __iter__(self) -> Iterator[Frame]:
            yield from super().__iter__()
            release.wait(30)

        def close(self) -> None:
            release.set()

    sink = Recorder()
    run = pipeline(Hanging(3), sink)
    threading.Timer(0.5, run.stop).start()
    assert run.run().frames == 3
    assert sink.end == "closed"


def test_channels() -> None:
    channel: Channel[int] = Channel(2, newest=True)
    assert all(channel.put(n) for n in range(5))
    assert channel.dropped == 3
    channel.end()
    assert not channel.put(9)
    assert [channel.get(), channel.get(), channel.get()] == [3, 4, None]
    closed: Channel[int] = Channel(2)
    closed.put(1)
    closed.close()
    assert closed.get() is None


def matted(number: int = 3) -> Matted:
    image = picture(number)
    alpha = (image[..., 0] > 128).astype(np.float32)
    return Matted(Frame(image, number, BASE, number), alpha)


def test_what_a_frame_becomes() -> None:
    inside, outside = np.s_[24, 20], np.s_[2, 2]
    grey = matte_only()(matted())
    assert (grey[inside], grey[outside]) == (255, 0)
    rgba = compose_over(None)(matted())
    assert tuple(rgba[inside]) == (*RED, 255)
    assert tuple(rgba[outside]) == (0, 0, 0, 0)
    over = compose_over((1, 2, 3))(matted())
    assert (tuple(over[inside]), tuple(over[outside])) == (RED, (1, 2, 3))
    room = np.full((30, 90, 3), (9, 200, 9), np.uint8)
    assert tuple(compose_over(room)(matted())[outside]) == (9, 200, 9)
    blurred = compose_over("blur")(matted())
    assert tuple(blurred[inside]) == RED
    assert np.abs(blurred[outside].astype(int) - BLUE).max() <= 3
    for composer in (matte_only(), compose_over(None), compose_over((1, 2, 3))):
        both = side_by_side(composer)(matted())
        assert both.shape == (48, 128, 3)
        np.testing.assert_array_equal(both[:, :64], picture(3))
    checks = side_by_side(compose_over(None))(matted())
    assert {int(v) for v in np.unique(checks[:4, 64:])} == {204, 255}


def film(colours: list[int], *, broken: bool = False) -> Callable[[bool], Frames]:
    """Opens a film of grey frames, two per second."""

    class Film(Frames):
        def __iter__(self) -> Iterator[Frame]:
            for number, value in enumerate(colours):
                yield Frame(np.full((20, 30, 3), value, np.uint8), number, Fraction(1, 2), number)
            if broken:
                raise InputError("film: damaged")

    def open_film(again: bool) -> Frames:
        opened = Film(0)
        opened.info = SourceInfo("film", 30, 20, Fraction(2), Fraction(1, 2))
        return opened

    return open_film


@pytest.mark.parametrize("broken", [False, True])
def test_a_video_behind_begins_again(broken: bool) -> None:
    backdrop = Backdrop(film([10, 20, 30], broken=broken))
    values = [int(backdrop.at(Fraction(n, 4), (48, 64))[0, 0, 0]) for n in range(14)]
    assert values == [10, 10, 20, 20, 30, 30] * 2 + [10, 10]
    assert backdrop.at(Fraction(99), (48, 64)).shape == (48, 64, 3)
    backdrop.close()


def test_a_video_behind_that_cannot_begin_again_stands_still(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opener = iter([film([10, 20])])

    def once(again: bool) -> Frames:
        for open_film in opener:
            return open_film(again)
        raise InputError("film: gone")

    backdrop = Backdrop(once)
    assert [int(backdrop.at(Fraction(n), (8, 8))[0, 0, 0]) for n in range(4)] == [10, 20, 20, 20]
    assert "the background stands still" in caplog.text


def test_memory_stays_flat() -> None:
    """A soak in small; `make soak` is the same with 20,000 frames."""

    class Forgetful(Recorder):
        def write(self, composed: Composed) -> None:
            self.got = [composed]
            if composed.frame.number in (60, 299):
                taken.append(tracemalloc.get_traced_memory()[0])

    taken: list[int] = []
    tracemalloc.start()
    report = pipeline(Frames(300), Forgetful(), compose_over("blur")).run()
    tracemalloc.stop()
    assert report.frames == 300
    assert taken[1] < taken[0] + 20 * 64 * 48 * 3
