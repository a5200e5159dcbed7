"""Recorded videos: which of their frames are due, and when."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from posture_cam.closing import Closing
from posture_cam.errors import SourceError
from posture_cam.records import Frame, SourceInfo
from posture_cam.source.container import Recording
from posture_cam.source.motion import small_grey
from posture_cam.source.timeline import ASSUMED_FRAME_RATE, Timeline

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".avif"}
# Ten seconds at the rate of most webcams; chosen.
MAX_FRAMES_WITHOUT_PICTURE = 300
_MOST_OF_INTERVAL = 0.7
# As a share of the time between two frames: a frame this near is the one asked for.
_NEAR = 0.4


T = TypeVar("T")


class Glimpse:
    """As much of a frame as is needed to detect motion.

    Args:
        index: Counts the source's frames.
        timestamp_s: When it was taken.
        small: A small grey copy, as made by `small_grey`; or makes it, None if the picture is damaged.
        picture: Makes the whole picture, blue-green-red, on any thread; None if it is damaged.
        clock_repairs: How often the recording's clock had been bridged by then.

    Attributes:
        is_undecoded: The picture lies between two key pictures that are close together, and is decoded only
            if it is asked for.
    """

    def __init__(
        self,
        index: int,
        timestamp_s: float,
        small: NDArray[np.uint8] | Callable[[], NDArray[np.uint8] | None],
        picture: Callable[[], NDArray[np.uint8] | None],
        clock_repairs: int = 0,
    ) -> None:
        self.index, self.timestamp_s, self.clock_repairs = index, timestamp_s, clock_repairs
        self.is_undecoded = callable(small)
        self._small, self._picture = small, picture

    @property
    def small(self) -> NDArray[np.uint8] | None:
        """A small grey copy; None if the picture is damaged."""
        if callable(self._small):
            small = self._small()
            if small is None:
                return None
            self._small = small
        return self._small

    def frame(self) -> Frame | None:
        """The whole frame; None if it is damaged."""
        image = self._picture()
        return None if image is None else Frame(self.index, self.timestamp_s, image)


class VideoFile(Closing):
    """A recording; a context manager that releases the file on every way out.

    Pictures are turned upright and given square pixels, as the container specifies.

    Args:
        path: The file.
        rate_hz: Frames to yield per second of video; None yields every frame.  Frames in between are
            decoded, but not converted.
        threads: Number of decoding threads; None leaves it to FFmpeg.  One takes the least work overall.
        is_sparse: Pictures that no other depends on may be left out if enough others remain; frames then
            lie up to 0.7 of an interval from their due times.
        most_between_keys_s: Where key pictures are no further apart than this, `glimpses` takes all of them,
            and leaves those between them undecoded until they are asked for.
        start_s: The time to begin at, one of the `starts`; frames are then counted from it.
        is_hardware: Decode by the graphics card where it gives the same pictures.
        turns: Quarter turns anticlockwise, for a recording that lies on its side without being marked so.

    Raises:
        SourceError: The file is missing, not readable, or holds no video that can be decoded.
    """

    def __init__(
        self,
        path: Path,
        rate_hz: float | None = None,
        threads: int | None = None,
        *,
        is_sparse: bool = False,
        most_between_keys_s: float | None = None,
        start_s: float = 0.0,
        turns: int = 0,
        is_hardware: bool = False,
    ) -> None:
        _check_file(path)
        self._path, self._rate_hz = path, rate_hz
        most_s = _MOST_OF_INTERVAL / rate_hz if is_sparse and rate_hz is not None else None
        recording = Recording.open(
            path,
            is_hardware=is_hardware,
            most_s=most_s,
            most_between_keys_s=most_between_keys_s,
            threads=threads,
            turns=turns,
        )
        if recording is None:
            raise SourceError(
                f"{path} holds no video that can be read: it may be damaged, cut off while recording, "
                "sound only, or of an unknown format.",
                f"If it plays elsewhere, convert it: ffmpeg -i {path.name} -c:v libx264 converted.mp4",
            )
        self._recording = recording
        width, height = recording.size_wh
        self._info = SourceInfo(
            name=shown_name(path),
            width_px=width,
            height_px=height,
            frame_rate=recording.frame_rate,
            duration_s=recording.duration_s,
        )
        self._timeline = Timeline(recording.frame_rate, self._info.duration_s)
        if start_s > 0.0:
            self._go_to(start_s)

    @property
    def info(self) -> SourceInfo:
        """The properties of the recording, from its container."""
        return self._info

    @property
    def clock_repairs(self) -> int:
        """How often the recording's timestamps had to be bridged."""
        return self._timeline.repaired

    @property
    def position_s(self) -> float:
        """The time of the last known frame."""
        last_s = max(self._timeline.last_s, 0.0)
        if not self._timeline.repaired:
            return last_s + max(self._recording.end_s - self._recording.time_s, 0.0)
        return last_s

    def starts(self, goals_s: Sequence[float]) -> list[float]:
        """Times that reading can begin at, at or before the goals; empty if only at the very beginning."""
        if not self._recording.is_sparse or not goals_s:
            return []
        recording = Recording.open(self._path, threads=1)
        if recording is None:
            return []
        first_s = recording.first_s
        try:
            found = {recording.key_time_s(goal_s + first_s) for goal_s in goals_s}
        finally:
            recording.close()
        return sorted(time_s - first_s for time_s in found if time_s is not None and time_s > first_s)

    def _go_to(self, start_s: float) -> None:
        first_s = self._recording.first_s
        try:
            self._timeline.place(first_s)  # times count from the first picture of all
            self._recording.go_to(start_s + first_s)
        except OSError as error:
            self.close()
            raise SourceError(f"{self._path} cannot be read from {start_s:g} s on: {error}.") from error

    def grab_next(self) -> float | None:
        """Go to the next frame with a time of its own; return that time in seconds, or None at the end."""
        while self._recording.grab():
            time_s = self._timeline.place(self._recording.time_s)
            if time_s is not None:
                return time_s
        return None

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The frame grabbed last, blue-green-red; None where it is damaged."""
        return self._recording.picture()()

    def picture_at(self, time_s: float) -> Frame | None:
        """The picture at a time, regardless of the reading position; None if it cannot be decoded.

        Must not be called on a sparse recording.
        """
        assert not self._recording.is_sparse
        wanted_s = time_s + self._recording.first_s
        self._recording.go_before(wanted_s)
        while self._recording.grab():
            if self._recording.time_s >= wanted_s - _NEAR / (
                self._recording.frame_rate or ASSUMED_FRAME_RATE
            ):
                image = self.retrieve()
                return None if image is None else Frame(0, time_s, image)
        return None

    def close(self) -> None:
        """Release the file."""
        self._recording.close()

    def frames(self) -> Iterator[Frame]:
        """The frames due at the rate asked for, in order, upright as the container's rotation says.

        Raises:
            SourceError: Not one picture could be decoded.
        """
        return self._taken(self._frame)

    def glimpses(self) -> Iterator[Glimpse]:
        """The frames due, as glimpses: their pictures are made on demand where that saves work.

        Raises:
            SourceError: Not one picture could be decoded.
        """
        return self._taken(self._glimpse)

    def _frame(self, index: int, time_s: float) -> Frame | None:
        image = self.retrieve()
        return None if image is None else Frame(index, time_s, image)

    def _glimpse(self, index: int, time_s: float) -> Glimpse | None:
        luma, picture = self._recording.luma(), self._recording.picture()
        repairs = self._timeline.repaired

        def small() -> NDArray[np.uint8] | None:
            image = luma()
            if image is None:
                image = picture()
            return None if image is None else small_grey(image)

        if self._recording.is_undecoded:
            return Glimpse(index, time_s, small, picture, repairs)
        made = small()
        return None if made is None else Glimpse(index, time_s, made, picture, repairs)

    def _taken(self, take: Callable[[int, float], T | None]) -> Iterator[T]:
        """The results for the frames due; the next frame takes the place of a frame without a result."""
        due_s = 0.0
        taken = failed = 0
        while (time_s := self.grab_next()) is not None:
            if self._rate_hz is not None and time_s < due_s - 1e-6 and not self._recording.is_key:
                continue
            one = take(self._recording.index, time_s)
            if one is None:
                failed += 1
                if not taken and failed > MAX_FRAMES_WITHOUT_PICTURE:
                    break
                continue
            taken += 1
            if self._rate_hz is not None:
                # On a fixed grid, so that a late frame does not delay all that follow.
                due_s = (math.floor((time_s + 1e-6) * self._rate_hz) + 1) / self._rate_hz
            yield one
        if not taken:
            raise self.undecodable()

    def undecodable(self) -> SourceError:
        """The error for a recording without a single readable picture."""
        return SourceError(
            f"{self._path} opens, but no picture in it can be decoded.",
            f"If it plays elsewhere, convert it: ffmpeg -i {self._path.name} -c:v libx264 converted.mp4",
        )


def shown_name(path: Path) -> str:
    """The name of a file for people; bytes that are not valid text are replaced."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def _check_file(path: Path) -> None:
    """Report plainly what is wrong with a path, before FFmpeg fails without an explanation."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"{path} does not exist.", "Check the name and the folder you are in.") from None
    except OSError as error:  # a parent folder that we may not read
        raise SourceError(
            f"{path} cannot be read ({error.strerror or error}).", "Check the permissions of its folder."
        ) from error
    if stat.S_ISDIR(mode):
        raise SourceError(f"{path} is a folder.", "Name one video inside it.")
    if not stat.S_ISREG(mode):
        raise SourceError(f"{path} is not an ordinary file.", "Name a video file.")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read ({error.strerror or error}).", "Check the file's permissions."
        ) from error
    if not head:
        raise SourceError(f"{path} is empty.", "Was the recording or the copy cut off?")
    if _is_animated_webp(head):
        raise SourceError(
            f"{path} is an animated WebP picture, which cannot be decoded here.", "Convert it to MP4 or GIF."
        )
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES or (_is_picture(head) and suffix not in (".mjpeg", ".mjpg")):
        raise SourceError(
            f"{path} is a still picture; a posture is judged over time.",
            "Record a video of at least ten seconds.",
        )
    if _is_text(head):
        raise SourceError(
            f"{path} is text, not a video.", "Choose a video such as .mp4, .mov, .mkv, .webm or .avi."
        )


def _is_picture(head: bytes) -> bool:
    return head.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")) or (
        head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    )


def _is_animated_webp(head: bytes) -> bool:
    """Whether the extended header of a WebP file has the flag of an animation."""
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20:21]) and bool(head[20] & 2)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut in two at the end
    return True
