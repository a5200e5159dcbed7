"""Reads frames on a separate thread, so that they are decoded while the model looks at earlier ones."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

# Chosen: how soon the end of the other thread is noticed.
_WAIT_S = 0.1


@contextmanager
def read_ahead(frames: Iterable[T], depth: int = 4) -> Iterator[Iterator[T]]:
    """The same frames, or whatever the iterable yields, in the same order, up to `depth` of them made ahead.

    Leaving the block ends the reading; only then may the source be closed.

    Args:
        frames: Read on another thread; an error raised there is raised here, at the same place in the order.
        depth: How many to hold.
    """
    waiting: queue.Queue[T | BaseException | None] = queue.Queue(depth)
    is_left = threading.Event()

    def hand_over(item: T | BaseException | None) -> bool:
        while not is_left.is_set():
            try:
                waiting.put(item, timeout=_WAIT_S)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for frame in frames:
                if not hand_over(frame):
                    return
        except BaseException as error:
            hand_over(error)
        else:
            hand_over(None)

    def taken() -> Iterator[T]:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = threading.Thread(target=read, name="frames", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        is_left.set()
        thread.join()
