"""Weave the two half pictures of interlaced video into whole ones."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error
from av.filter.graph import Graph
from av.video.frame import VideoFrame

__all__ = ["Deinterlacer"]


class Deinterlacer:
    """Passes whole pictures on as they are, and interlaced ones through FFmpeg's bwdif.

    One picture comes out for each that goes in, with its time stamp; the filter looks one picture
    ahead, so the last comes with :meth:`flush`. Once a picture was interlaced, all after it go
    through the filter, which leaves whole ones alone.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Give a decoded picture; take those that are ready."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is None or shape != self._shape:
            yield from self.flush()
            self._graph, self._shape = _build(frame), shape
        self._graph.vpush(frame)
        yield from self._ready()

    def flush(self) -> Iterator[VideoFrame]:
        """What the filter still holds."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._ready()
            self._graph = None

    def _ready(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def _build(frame: VideoFrame) -> Graph:
    graph = Graph()
    given = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    woven = graph.add("bwdif", mode="send_frame", deint="interlaced")
    graph.link_nodes(given, woven, graph.add("buffersink")).configure()
    return graph
