"""Frames read on another thread: the same frames, the same failures, and an end that waits for the thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from posture_cam.errors import SourceError
from posture_cam.records import Frame
from posture_cam.source import read_ahead

PICTURE = np.zeros((2, 2, 3), np.uint8)


def frames(count: int, fails: bool = False) -> Iterator[Frame]:
    for number in range(count):
        yield Frame(number, number / 5.0, PICTURE)
    if fails:
        raise SourceError("The disk was pulled out.")


def test_all_frames_come_in_order() -> None:
    with read_ahead(frames(100)) as taken:
        assert [frame.index for frame in taken] == list(range(100))


def test_a_failure_comes_after_the_frames_before_it() -> None:
    with read_ahead(frames(10, fails=True)) as taken:
        assert [next(taken).index for _ in range(10)] == list(range(10))
        with pytest.raises(SourceError, match="pulled out"):
            next(taken)


def test_leaving_early_ends_the_reading() -> None:
    asked: list[int] = []

    def endless() -> Iterator[Frame]:
        number = 0
        while True:
            asked.append(number)
            yield Frame(number, number / 5.0, PICTURE)
            number += 1

    before = threading.active_count()
    with read_ahead(endless(), depth=3) as taken:
        assert next(taken).index == 0
        time.sleep(0.3)
        assert len(asked) <= 5  # no more than fit, and the one in use
    assert threading.active_count() == before
