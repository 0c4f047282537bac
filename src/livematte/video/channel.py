"""A bounded queue between two stages, which either side can end."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Channel"]

Item = TypeVar("Item")


class Channel(Generic[Item]):
    """Holds a few items in order.

    With ``newest`` a full channel drops its oldest item for a new one, so the giver never waits
    and the taker is never behind; without it the giver waits, and nothing is lost.

    Attributes:
        dropped: items lost so far.
    """

    def __init__(self, size: int, *, newest: bool = False) -> None:
        self.dropped = 0
        self._size, self._newest = size, newest
        self._items: deque[Item] = deque()
        self._ended = False
        self._changed = threading.Condition()

    def put(self, item: Item) -> bool:
        """Give an item; False: nobody takes any more."""
        with self._changed:
            while len(self._items) >= self._size and not self._ended:
                if self._newest:
                    self._items.popleft()
                    self.dropped += 1
                else:
                    self._changed.wait()
            if self._ended:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self) -> Item | None:
        """Take the oldest item; None: there are and will be none."""
        with self._changed:
            while not self._items and not self._ended:
                self._changed.wait()
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def wait_for_room(self) -> None:
        """Until an item could be given without waiting, or nobody takes any more."""
        with self._changed:
            while len(self._items) >= self._size and not self._ended:
                self._changed.wait()

    def end(self) -> None:
        """No more is given; what is there can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """No more is given or taken."""
        with self._changed:
            self._ended = True
            self._items.clear()
            self._changed.notify_all()
