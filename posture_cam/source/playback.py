"""A recording in the place of a camera."""

from __future__ import annotations

import time
from pathlib import Path

from posture_cam.closing import Closing
from posture_cam.records import Frame, SourceEvent, SourceInfo
from posture_cam.source.clock import steady_clock
from posture_cam.source.video import VideoFile


class PlayedFile(Closing):
    """A recording as a live source; unless played in real time, it is read as fast as pictures are taken.

    Times are those of the recording.

    Args:
        path: The recording.
        realtime: Play it at its own pace.

    Raises:
        SourceError: It cannot be read.
    """

    def __init__(self, path: Path, *, realtime: bool) -> None:
        self._is_paced = realtime
        self._file = VideoFile(path, threads=1)
        self._start_s: float | None = None
        self._paused_s: float | None = None
        self._index = -1
        self._next_s: float | None = None

    @property
    def info(self) -> SourceInfo:
        """The properties of the recording."""
        return self._file.info

    @property
    def now_s(self) -> float:
        """The time in the recording."""
        if self._is_paced and self._start_s is not None and self._paused_s is None:
            return steady_clock() - self._start_s
        return self._file.position_s

    def take(self, due_s: float, timeout_s: float) -> Frame | SourceEvent | None:
        """The first picture from `due_s` on, or the event of its end."""
        end_s = steady_clock() + timeout_s
        while True:
            if self._next_s is None:
                self._next_s = self._file.grab_next()
                self._index += 1
            time_s = self._next_s
            if time_s is None:
                at_s = self._file.position_s
                return SourceEvent(at_s, None, "The recording has ended.", at_s, is_end=True)
            if self._is_paced and not self._is_time(time_s, end_s):
                return None
            self._next_s = None
            if time_s >= due_s - 1e-6 and (image := self._file.retrieve()) is not None:
                return Frame(self._index, time_s, image)

    def _is_time(self, time_s: float, end_s: float) -> bool:
        """Wait for a picture's time; False if that is later than `end_s`."""
        now_s = steady_clock()
        if self._start_s is None:
            self._start_s = now_s - time_s
        ahead_s = self._start_s + time_s - now_s
        if ahead_s > 0:
            time.sleep(max(min(ahead_s, end_s - now_s), 0.0))
        return ahead_s <= end_s - now_s

    def pause(self) -> None:
        """Hold the recording."""
        self._paused_s = steady_clock()

    def resume(self) -> None:
        """Go on where it was held."""
        if self._start_s is not None and self._paused_s is not None:
            self._start_s += steady_clock() - self._paused_s
        self._paused_s = None

    def close(self) -> None:
        """Release the file."""
        self._file.close()
