"""Where the time of a film goes, and how near that is to what the machine can do at all.

The ceiling is the same film, decoded and encoded by the same source and sink on two threads, with
no matting in between. Both are run in turn, several times, so that whatever else the machine does
meets both alike: compare the ratios, not the frame rates.

A film that is played live comes at its own rate, as from a camera, and what is not taken is lost:
then frames that were dropped and the age of the mattes tell more than the ratio.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from livematte.errors import UsageError
from livematte.segmenter import Segmenter
from livematte.video.channel import Channel
from livematte.video.composing import Composer
from livematte.video.container import ContainerSource
from livematte.video.encoder import EncoderSink
from livematte.video.encodings import choose_encoding
from livematte.video.frames import Composed, Frame, Source
from livematte.video.inputs import Opening
from livematte.video.pacing import PacedSource
from livematte.video.pipeline import Pipeline, Policy
from livematte.video.report import Report, Spread

__all__ = ["PipelineBenchmark", "bench_pipeline"]

_NOTHING = np.zeros((1, 1), np.float32)


@dataclass(frozen=True)
class PipelineBenchmark:
    """What :func:`bench_pipeline` measured.

    Attributes:
        film: its name.
        model: the model's.
        width, height: of its frames.
        frames: written in the last round.
        rounds: how often each was run.
        live: whether it was played as a camera would send it.
        fps, ceiling_fps: medians of the rounds.
        ratio: median of each round's frame rate by its own ceiling.
        cpu, ceiling_cpu: processor time per frame that was written, in milliseconds, all threads
            together.
        stages: per frame, in milliseconds; medians of the rounds.
        age: from decoded to composed; most of it is waiting in the queues.
        dropped: frames, in all rounds.
        peak_memory: of the process, in bytes.
    """

    film: str
    model: str
    width: int
    height: int
    frames: int
    rounds: int
    live: bool
    fps: float
    ceiling_fps: float
    ratio: float
    cpu: float
    ceiling_cpu: float
    stages: dict[str, Spread]
    age: Spread
    dropped: int
    peak_memory: int | None

    def to_json(self) -> dict[str, object]:
        """For ``json.dumps``."""
        return asdict(self)

    def to_markdown(self) -> str:
        """A table of the stages, and a line on the whole."""
        rows = ["| stage | p50 ms | p95 ms |", "|---|---:|---:|"]
        spreads = {**self.stages, "age of a frame": self.age}
        rows += [f"| {name} | {s.p50:.1f} | {s.p95:.1f} |" for name, s in spreads.items()]
        memory = "" if self.peak_memory is None else f", {self.peak_memory / 1e6:.0f} MB at most"
        live = "live, " if self.live else ""
        rows += [
            "",
            f"{self.model}: {self.width}×{self.height}, {live}{self.frames} frames, "
            f"{self.rounds} rounds: {self.fps:.1f} fps of {self.ceiling_fps:.1f} without matting "
            f"(**{self.ratio:.2f}** of the ceiling); processor time {self.cpu:.0f} ms of "
            f"{self.ceiling_cpu:.0f} ms per frame; {self.dropped} dropped{memory}.",
        ]
        return "\n".join(rows)


def bench_pipeline(
    film: Path,
    segmenter: Segmenter,
    compose: Callable[[], Composer],
    *,
    rounds: int = 3,
    seconds: Fraction | None = None,
    live: bool = False,
) -> PipelineBenchmark:
    """Measure a film.

    Args:
        film: a video file.
        segmenter: the model.
        compose: makes the composer of a round.
        rounds: how often, in turn with the ceiling.
        seconds: of the film, from its beginning; None: all.
        live: play it at its own rate, and drop frames rather than lag behind.

    Raises:
        UsageError: no rounds.
        LivematteError: as the pipeline.
    """
    if rounds < 1:
        raise UsageError("a benchmark needs one round or more")
    reports: list[Report] = []
    ceilings, spent, ceilings_spent = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mp4"
        for _ in range(rounds):
            before = time.process_time()
            ceiling = _ceiling(film, target, seconds)
            between = time.process_time()
            source: Source = _open(film, seconds)
            if live:
                source = PacedSource(source)
            report = _matte(source, segmenter, compose(), target)
            reports.append(report)
            ceilings.append((report.frames + report.dropped) / ceiling)
            ceilings_spent.append((between - before) / (report.frames + report.dropped))
            spent.append((time.process_time() - between) / report.frames)
    medians = {
        name: Spread(
            statistics.median(r.stages[name].p50 for r in reports),
            statistics.median(r.stages[name].p95 for r in reports),
        )
        for name in reports[0].stages
    }
    return PipelineBenchmark(
        film=str(film),
        model=segmenter.spec.name,
        width=source.info.width,
        height=source.info.height,
        frames=reports[-1].frames,
        rounds=rounds,
        live=live,
        fps=statistics.median(r.fps for r in reports),
        ceiling_fps=statistics.median(ceilings),
        ratio=statistics.median(r.fps / most for most, r in zip(ceilings, reports, strict=True)),
        cpu=1000 * statistics.median(spent),
        ceiling_cpu=1000 * statistics.median(ceilings_spent),
        stages=medians,
        age=Spread(
            statistics.median(r.age.p50 for r in reports),
            statistics.median(r.age.p95 for r in reports),
        ),
        dropped=sum(r.dropped for r in reports),
        peak_memory=reports[-1].peak_memory,
    )


def _matte(source: Source, segmenter: Segmenter, composer: Composer, target: Path) -> Report:
    live = source.info.live
    sink = EncoderSink(target, choose_encoding(target, transparent=False, live=live), source)
    policy: Policy = "newest" if live else "every"
    return Pipeline(source, segmenter.stream(live=live), composer, sink, policy=policy).run()


def _open(film: Path, seconds: Fraction | None) -> ContainerSource:
    return ContainerSource(Opening(film, str(film)), duration=seconds)


def _ceiling(film: Path, target: Path, seconds: Fraction | None) -> float:
    """Seconds to decode and encode alone, on two threads."""
    start = time.perf_counter()
    source = _open(film, seconds)
    sink = EncoderSink(target, choose_encoding(target, transparent=False), source)
    frames: Channel[Frame] = Channel(3)

    def decode() -> None:
        try:
            for frame in source:
                frames.put(frame)
        finally:
            frames.end()

    thread = threading.Thread(target=decode, daemon=True)
    thread.start()
    while (frame := frames.get()) is not None:
        sink.write(Composed(frame, _NOTHING, frame.image))
    thread.join()
    sink.close()
    source.close()
    return time.perf_counter() - start
