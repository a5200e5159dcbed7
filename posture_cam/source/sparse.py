"""Decoding only what is needed, where PyAV is installed (the extra `video`).

Half of the pictures of many recordings serve no other picture: H.264 and HEVC mark them.  Whoever looks five
times a second can leave them undecoded, which OpenCV cannot.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

# Of PyAV; earlier ones cannot be told to convert on one thread.
_SINCE_VERSION = 17
_CODECS = ("h264", "hevc")
# Containers in which time only advances, and that can be searched for it.
_WITH_INDEX = ("mp4", "matroska")
# They look for it by the time at which it is decoded, which is earlier.
_BEYOND_S = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
# Formats whose first plane is the luma, a byte for each pixel.
_WITH_LUMA = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")


class SparseCapture:
    """Grabs the pictures of a recording that others are made from, and as many others as are needed.

    Args:
        container: Open, with a stream of video.
        most_s: The longest step between two pictures; where steps are longer, every picture is decoded.
        failures: What PyAV raises on damaged files, besides OSError and ValueError.

    Attributes:
        index: Of the picture grabbed last, counted among all of the recording.
        time_s: Its time by the container's clock.
        end_s: The time of the last picture known of, decoded or not.
        first_s: The time of the first picture of all.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        most_s: float,
        failures: tuple[type[Exception], ...] = (),
    ) -> None:
        from av.video.reformatter import VideoReformatter

        self._container, self._most_s = container, most_s
        # One for all: making one takes as long as a picture.  It serves one thread at a time.
        self._reformatter, self._in_use = VideoReformatter(), threading.Lock()
        self._stream = container.streams.video[0]
        self._stream.thread_count = 1
        self._stream.codec_context.skip_frame = "NONREF"
        self._frame: av.VideoFrame | None = None
        self._waiting: list[int] = []  # times of pictures that are known of but not counted yet
        self._frames: Iterator[Any] = self._decoded()
        self._failures: tuple[type[Exception], ...] = (OSError, ValueError, *failures)
        self.index = -1
        self.time_s = self.end_s = self.first_s = 0.0

    @classmethod
    def open(cls, path: Path, most_s: float) -> Self | None:
        """The recording, or None where it gains nothing or PyAV is not installed or cannot read it."""
        try:
            import av
        except ImportError:
            return None
        if int(av.__version__.split(".")[0]) < _SINCE_VERSION:
            return None
        try:
            container = av.open(str(path.absolute()))
        except (OSError, ValueError, av.FFmpegError):
            return None
        if not _is_fit(container):
            container.close()
            return None
        capture = cls(container, most_s, (av.FFmpegError,))
        first = next(capture._frames, None)
        if first is None:
            container.close()
            return None
        capture._frames = itertools.chain([first], capture._frames)
        capture.first_s = capture._seconds(first.pts)
        return capture

    def key_time_s(self, before_s: float) -> float | None:
        """The time of a picture that needs no earlier one, about the last one up to a time; None if unknown.

        Leaves the reading there.
        """
        if not any(name in self._container.format.name for name in _WITH_INDEX):
            return None
        with suppress(*self._failures):
            self._seek(before_s)
            first = next(self._container.demux(self._stream), None)
            if first is not None and first.is_keyframe and first.pts is not None:
                return self._seconds(first.pts)
        return None

    def go_to(self, key_time_s: float) -> None:
        """Read on from the picture there, one that needs no earlier one; `index` counts from there.

        Raises:
            OSError: There is no going there.
        """
        for beyond_s in _BEYOND_S:
            found_s = self.key_time_s(key_time_s + beyond_s)
            if found_s is None or abs(found_s - key_time_s) > 1e-6:
                continue
            try:
                self._seek(key_time_s + beyond_s)
            except self._failures as error:
                raise OSError(str(error)) from error
            self._waiting, self.index, self.time_s = [], -1, key_time_s
            self._frames = self._decoded()
            return
        raise OSError("no picture to begin with is found there again")

    def _seek(self, time_s: float) -> None:
        assert self._stream.time_base is not None
        self._container.seek(round(time_s / self._stream.time_base), stream=self._stream)

    def grab(self) -> bool:
        """Go to the next picture; False at the end."""
        frame = next(self._frames, None)
        if frame is None:
            return False
        self._frame = frame
        assert frame.pts is not None
        while self._waiting and self._waiting[0] <= frame.pts:
            heapq.heappop(self._waiting)
            self.index += 1
        before_s, self.time_s = self.time_s, self._seconds(frame.pts)
        if self.index > 0 and self.time_s - before_s > self._most_s:
            self._stream.codec_context.skip_frame = "DEFAULT"
        return True

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture grabbed last, blue-green-red; None where it cannot be had."""
        return self.picture()()

    def picture(self) -> Callable[[], NDArray[np.uint8] | None]:
        """What makes the picture grabbed last when it is called, however much later, on any thread."""
        frame = self._frame
        assert frame is not None

        def make() -> NDArray[np.uint8] | None:
            with suppress(*self._failures), self._in_use:
                picture = self._reformatter.reformat(frame, format="bgr24", threads=1)
                return np.asarray(picture.to_ndarray(), np.uint8)
            return None

        return make

    def luma(self) -> NDArray[np.uint8] | None:
        """The luma of the picture grabbed last, as it was decoded; None where it has none to be taken so."""
        frame = self._frame
        assert frame is not None
        if frame.format.name not in _WITH_LUMA:
            return None
        plane: Any = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # keeps what it is a view of
        return np.asarray(rows[: frame.height, : frame.width], np.uint8)

    def close(self) -> None:
        """Release the file, and at once what the decoder holds: it and this hold each other."""
        self._frames, self._frame = iter(()), None
        self._container.close()
        vars(self).pop("_stream", None)  # closing the container leaves its decoder open

    def _decoded(self) -> Iterator[Any]:
        with suppress(*self._failures):  # a file that breaks off ends there
            for packet in self._container.demux(self._stream):
                if packet.pts is not None:
                    heapq.heappush(self._waiting, packet.pts)
                    self.end_s = max(self.end_s, self._seconds(packet.pts))
                with suppress(*self._failures):  # a damaged picture
                    yield from (frame for frame in packet.decode() if frame.pts is not None)

    def _seconds(self, pts: int) -> float:
        assert self._stream.time_base is not None
        return float(pts * self._stream.time_base)


def _is_fit(container: av.container.InputContainer) -> bool:
    """Whether pictures of it can be left out, and carry a time: bare streams of H.264 do not."""
    streams = container.streams.video
    if not streams or streams[0].codec_context.name not in _CODECS:
        return False
    return streams[0].time_base is not None and streams[0].start_time is not None
