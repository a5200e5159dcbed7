"""Reads recordings through PyAV: pictures in order, upright and in their true shape, with their own times.

In many recordings half of the pictures are not needed to decode any other; H.264 and HEVC mark them.  A
reader that looks five times a second can leave them undecoded, and all pictures between two key pictures that
are close together until they are asked for.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from posture_cam.media import HWAccel, av, cv2, hwdevices_available
from posture_cam.source.groups import (
    FAILURES,
    GroupDecoder,
    Undecoded,
    UndecodedGroup,
    drained,
    entry_test,
    groups_of,
)
from posture_cam.source.timeline import ASSUMED_FRAME_RATE, sane_frame_rate

# Codecs that mark pictures which no other picture depends on.
_SPARSE_CODECS = ("h264", "hevc")
# Containers whose time only advances and that can be searched by time.
_WITH_INDEX = ("mp4", "matroska")
# They search by the decoding time, which is earlier than the time of the picture.
_BEYOND_S = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
# Formats whose first plane is the luma, a byte for each pixel.
_WITH_LUMA = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")
# Codecs with few colours, mixed by dots.  Measured: at 320 x 180 the person was lost for 3.4 of 60 s without
# the smoothing below, and for none with it.
_DITHERED_CODECS = ("gif",)
# Codecs of which every packet holds a picture that is shown.
_GROUPED_CODECS = (*_SPARSE_CODECS, "mjpeg")
# No camera has pixels more oblong than this; such a value is an error in the file.
_MOST_PIXEL_ASPECT = 4.0


class Recording:
    """Reads the pictures of a recording in order; on request only as many as are needed.

    Args:
        container: An open container with a video stream.
        stream: The video stream.
        most_s: Pictures that no other depends on may be left out as long as the steps between pictures do
            not exceed this; None leaves out nothing.
        most_between_keys_s: Where key pictures are no further apart than this, those between them stay
            undecoded until asked for; None decodes all.
        threads: Number of decoding threads; None leaves the choice to FFmpeg.
        turns: Quarter turns anticlockwise, in addition to those that the recording asks for.

    Attributes:
        index: Number of the picture grabbed last, among all pictures of the recording.
        time_s: The time of that picture by the container's clock.
        end_s: The time of the last known picture, decoded or not.
        first_s: The time of the recording's first picture.
    """

    def __init__(
        self,
        container: Any,
        stream: Any,
        *,
        most_s: float | None = None,
        most_between_keys_s: float | None = None,
        threads: int | None = None,
        turns: int = 0,
    ) -> None:
        self._container, self._stream, self._turns = container, stream, turns
        is_sparse = most_s is not None and is_fit_for_sparse(stream)
        self._most_s = most_s if is_sparse else None
        self._longest: float | None = None
        if most_between_keys_s is not None and _is_grouped(stream):
            self._longest = most_between_keys_s / float(stream.time_base)
            self._is_entry = entry_test(stream.codec_context)
            self._decoder = GroupDecoder(stream)
        # One for all pictures: making one takes as long as a picture.  One thread uses it at a time.
        self._reformatter, self._in_use = av.video.reformatter.VideoReformatter(), threading.Lock()
        if threads is None:
            stream.thread_type = "AUTO"
        else:
            stream.thread_count = threads
        if is_sparse:
            stream.codec_context.skip_frame = "NONREF"
        self.frame_rate = _frame_rate(stream)
        self._frame: Any = None  # the last decoded
        self._undecoded: Undecoded | None = None  # the picture grabbed last, if it is not
        self._waiting: list[int] = []  # times of known pictures that are not counted yet
        self._untimed = 0
        self._frames: Iterator[Any] = self._decoded()
        self.index = -1
        self.time_s = self.end_s = self.first_s = 0.0

    @classmethod
    def open(
        cls, path: Path, *, is_hardware: bool = False, device: HWAccel | None = None, **options: Any
    ) -> Self | None:
        """Open a recording and decode its first picture; None if it holds no video that can be decoded.

        Args:
            path: The file.
            is_hardware: Decode by the graphics card, if there is a decoder that gives the same first picture.
            device: The decoder to use; None decodes in software.
            options: See the class.
        """
        if is_hardware:
            whole = {**options, "most_between_keys_s": None}  # groups are decoded by software
            return cls._by_hardware(path, whole) or cls.open(path, **options)
        try:
            container = av.open(str(path.absolute()), hwaccel=device)
        except FAILURES:
            return None
        stream = _main_stream(container)
        recording = None
        if stream is not None:
            with suppress(*FAILURES):
                recording = cls(container, stream, **options)
        first = next(recording._frames, None) if recording is not None else None
        if recording is None or first is None:
            container.close()
            return None
        recording._frames = itertools.chain([first], recording._frames)
        # By the stream's own decoder, which alone knows how the container wants pictures to be turned.
        recording._frame = first.group.key_by(stream.codec_context) if isinstance(first, Undecoded) else first
        if recording._frame is None:  # damaged
            recording.close()
            return cls.open(path, device=device, **{**options, "most_between_keys_s": None})
        recording.first_s = recording.end_s if first.pts is None else recording._seconds(first.pts)
        return recording

    @classmethod
    def _by_hardware(cls, path: Path, options: dict[str, Any]) -> Self | None:
        software = cls.open(path, **options)
        if software is None:
            return None
        wanted = software.picture()()
        software.close()
        for name in hwdevices_available():
            with suppress(*FAILURES, RuntimeError):
                recording = cls.open(path, device=HWAccel(name, allow_software_fallback=False), **options)
                if recording is None:
                    continue
                made = recording.picture()()
                if made is not None and wanted is not None and np.array_equal(made, wanted):
                    return recording
                recording.close()
        return None

    @property
    def is_sparse(self) -> bool:
        """Whether pictures may be left out."""
        return self._most_s is not None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of its pictures as they are returned."""
        frame = self._frame
        width, height = round(frame.width * self._pixel_aspect(frame)), frame.height
        return (height, width) if self._orientation[0] % 2 else (width, height)

    @property
    def duration_s(self) -> float | None:
        """The duration of the pictures according to the container, or None."""
        stream, container = self._stream, self._container
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        stated = stream.metadata.get("DURATION", "")
        with suppress(ValueError):
            hours, minutes, seconds = (float(part) for part in stated.split(":"))
            return self._since_first(3600.0 * hours + 60.0 * minutes + seconds)
        if container.duration:
            return self._since_first(container.duration / av.time_base)
        return None

    def _since_first(self, end_s: float) -> float:
        """The duration for an end time; some containers count from a clock that started long before."""
        return end_s - self.first_s if 0.1 * end_s < self.first_s < end_s else end_s

    def key_time_s(self, before_s: float) -> float | None:
        """The time of about the last key picture up to a time; None if unknown.

        A key picture needs no earlier one.  Reading continues from there.
        """
        if not any(name in self._container.format.name for name in _WITH_INDEX):
            return None
        with suppress(*FAILURES):
            self._seek(before_s)
            first = next(self._container.demux(self._stream), None)
            if first is not None and first.is_keyframe and first.pts is not None:
                return self._seconds(first.pts)
        return None

    def go_to(self, key_time_s: float) -> None:
        """Continue reading from the key picture at a time; `index` counts from there.

        Raises:
            OSError: Reading cannot continue there.
        """
        for beyond_s in _BEYOND_S:
            found_s = self.key_time_s(key_time_s + beyond_s)
            if found_s is None or abs(found_s - key_time_s) > 1e-6:
                continue
            try:
                self._seek(key_time_s + beyond_s)
            except FAILURES as error:
                raise OSError(str(error)) from error
            self._begin_at(key_time_s)
            return
        raise OSError("no picture to begin with is found there again")

    def go_before(self, time_s: float) -> None:
        """Continue reading from a picture before a time, or else from the beginning."""
        try:
            self._seek(max(time_s, self.first_s))
            self._begin_at(time_s)
        except FAILURES:
            with suppress(*FAILURES):
                self._container.seek(0)
                self._begin_at(self.first_s)

    def _begin_at(self, time_s: float) -> None:
        self._waiting, self._untimed, self.index, self.time_s = [], 0, -1, time_s
        self._frames = self._decoded()

    def _seek(self, time_s: float) -> None:
        assert self._stream.time_base is not None
        self._container.seek(round(time_s / self._stream.time_base), stream=self._stream)

    def grab(self) -> bool:
        """Go to the next picture; False at the end."""
        frame = next(self._frames, None)
        if frame is None:
            return False
        self._undecoded = frame if isinstance(frame, Undecoded) else None
        if self._undecoded is None:
            self._frame = frame
        before_s = self.time_s
        if frame.pts is None:  # bare streams carry no times; they are computed from the frame rate
            self.index += 1
            self.time_s = self._untimed / (self.frame_rate or ASSUMED_FRAME_RATE)
            self._untimed += 1
            self.end_s = max(self.end_s, self.time_s)
            return True
        if not self._waiting:
            self.index += 1
        while self._waiting and self._waiting[0] <= frame.pts:
            heapq.heappop(self._waiting)
            self.index += 1
        self.time_s = self._seconds(frame.pts)
        is_decoded = self._undecoded is None
        if (
            self._most_s is not None
            and self.index > 0
            and is_decoded
            and self.time_s - before_s > self._most_s
        ):
            self._stream.codec_context.skip_frame = "DEFAULT"
        return True

    @property
    def is_undecoded(self) -> bool:
        """Whether the picture grabbed last needs others to be decoded, and waits until it is asked for."""
        return self._undecoded is not None and not self._undecoded.is_key

    @property
    def is_key(self) -> bool:
        """Whether undecoded pictures after the one grabbed last depend on it."""
        one = self._undecoded
        return one is not None and one.is_key and one.group.size > 1

    def _frame_later(self) -> Callable[[], Any]:
        if self._undecoded is not None:
            self._undecoded.is_wanted = True
            return self._undecoded.frame
        frame = self._frame
        return lambda: frame

    def picture(self) -> Callable[[], NDArray[np.uint8] | None]:
        """A function that makes the picture grabbed last, at any later time, on any thread.

        It returns height x width x 3, blue-green-red; None if the picture cannot be made.
        """
        frame_later = self._frame_later()
        orientation, pixel_aspect = self._orientation, self._pixel_aspect(self._frame)
        is_dithered = self._stream.codec_context.name in _DITHERED_CODECS

        def make() -> NDArray[np.uint8] | None:
            frame = frame_later()
            if frame is None:
                return None
            width = max(round(frame.width * pixel_aspect), 1)
            with suppress(*FAILURES), self._in_use:
                picture = self._reformatter.reformat(
                    frame, width=width, height=frame.height, format="bgr24", threads=1
                )
                image = np.asarray(picture.to_ndarray(), np.uint8)
                return _upright(image, *orientation, is_dithered=is_dithered)
            return None

        return make

    @functools.cached_property
    def _orientation(self) -> tuple[int, bool]:
        """How to show pictures upright: quarter turns anticlockwise, and whether to mirror before them.

        Read from one picture only: PyAV would keep each picture it is read from until Python collects cycles.
        """
        turns, is_mirrored = 0, False
        with suppress(*FAILURES, KeyError, AttributeError):
            data = self._frame.side_data.get("DISPLAYMATRIX")
            if data is not None:
                turns, is_mirrored = orientation_of(bytes(data))
        return (turns + self._turns) % 4, is_mirrored

    def _pixel_aspect(self, frame: Any) -> float:
        """Width over height of a pixel."""
        stated = frame.sample_aspect_ratio if hasattr(frame, "sample_aspect_ratio") else None
        stated = stated or self._stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio
        aspect = float(stated) if stated else 1.0
        return aspect if 1 / _MOST_PIXEL_ASPECT <= aspect <= _MOST_PIXEL_ASPECT else 1.0

    def luma(self) -> Callable[[], NDArray[np.uint8] | None]:
        """A function that returns the luma of the picture grabbed last, at any later time, on any thread.

        None where its format has no plain luma plane, or the picture is damaged.
        """
        frame_later = self._frame_later()

        def make() -> NDArray[np.uint8] | None:
            frame = frame_later()
            if frame is None or frame.format.name not in _WITH_LUMA:
                return None
            plane: Any = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(
                -1, plane.line_size
            )  # keeps the plane it is a view of
            return np.asarray(rows[: frame.height, : frame.width], np.uint8)

        return make

    def close(self) -> None:
        """Release the file and, at once, all that the decoder holds: it and this object hold each other."""
        self._frames, self._frame = iter(()), None
        self._container.close()
        vars(self).pop("_stream", None)  # closing the container leaves its decoder open

    def _decoded(self) -> Iterator[Any]:
        with suppress(*FAILURES):  # a file that is cut off ends there
            packets = self._container.demux(self._stream)
            if self._longest is None:
                for packet in packets:
                    yield from self._decode(packet)
                return
            for group in groups_of(packets, self._longest, self._is_entry):
                yield from self._later(group.packets) if group.is_closed else self._all(group.packets)

    def _all(self, packets: list[Any]) -> Iterator[Any]:
        for packet in packets:
            yield from self._decode(packet)

    def _later(self, packets: list[Any]) -> Iterator[Any]:
        """The pictures of a closed group, undecoded, after those that the decoder still holds."""
        yield from drained(self._stream.codec_context)
        for packet in packets:
            self._note(packet)
        yield from UndecodedGroup(packets, self._decoder).pictures()

    def _decode(self, packet: Any) -> Iterator[Any]:
        self._note(packet)
        with suppress(*FAILURES):  # a damaged picture
            yield from packet.decode()

    def _note(self, packet: Any) -> None:
        if packet.pts is not None:
            heapq.heappush(self._waiting, packet.pts)
            self.end_s = max(self.end_s, self._seconds(packet.pts))

    def _seconds(self, pts: int) -> float:
        assert self._stream.time_base is not None
        return float(pts * self._stream.time_base)


def _upright(
    image: NDArray[np.uint8], turns: int, is_mirrored: bool, *, is_dithered: bool
) -> NDArray[np.uint8]:
    if is_dithered:
        image = np.asarray(cv2.GaussianBlur(image, (3, 3), 0.8), np.uint8)
    if is_mirrored:
        image = image[:, ::-1]
    if turns:
        image = np.rot90(image, turns)
    return np.ascontiguousarray(image)


def is_fit_for_sparse(stream: Any) -> bool:
    """Whether pictures of a stream can be left out, and carry a time; those of bare H.264 streams do not."""
    is_marked = stream.codec_context.name in _SPARSE_CODECS
    return is_marked and stream.time_base is not None and stream.start_time is not None


def _is_grouped(stream: Any) -> bool:
    """Whether pictures between key pictures can wait to be decoded."""
    is_known = stream.codec_context.name in _GROUPED_CODECS
    return is_known and stream.time_base is not None and stream.start_time is not None


def orientation_of(matrix: bytes) -> tuple[int, bool]:
    """How to show a picture upright, from the matrix of its container (ISO 14496-12, 16.16 fixed point).

    Args:
        matrix: Nine 32-bit integers.

    Returns:
        Quarter turns anticlockwise, and whether to mirror it left to right before them.
    """
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    degrees = math.degrees(math.atan2(b, a))  # how far the matrix turns a point, clockwise as y points down
    return round(-degrees / 90.0) % 4, is_mirrored


def _main_stream(container: Any) -> Any:
    """The first video stream that is not a cover picture."""
    streams = [one for one in container.streams.video if not _is_cover(one)]
    return streams[0] if streams else None


def _is_cover(stream: Any) -> bool:
    disposition = getattr(stream, "disposition", None)
    cover = getattr(type(disposition), "attached_pic", None)
    return cover is not None and bool(disposition & cover)


def _frame_rate(stream: Any) -> float | None:
    rates = [stream.average_rate, stream.guessed_rate, stream.base_rate]
    if stream.start_time is None:  # a bare stream: its average rate is only FFmpeg's assumption
        rates.reverse()
        rates.sort(key=lambda rate: rate != stream.guessed_rate)
    for stated in rates:
        if stated:
            rate = sane_frame_rate(float(stated))
            if rate is not None:
                return rate
    return None
