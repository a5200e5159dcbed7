"""The annotated video: every frame of the recording, with what was measured drawn on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.care.tips import TipRotation
from posture_cam.errors import OutputError
from posture_cam.files import naming, written_whole
from posture_cam.ids import State
from posture_cam.media import av
from posture_cam.outputs.screen.overlay import Overlay, Scene, draw_timeline
from posture_cam.records import (
    Alert,
    Assessment,
    FloatArray,
    Frame,
    Neutral,
    Observation,
    SessionSummary,
    SourceInfo,
    Tip,
)

ALERT_SHOWN_S = 8.0
# Between samples further apart than this the skeleton is left out rather than guessed.
_INTERPOLATED_WITHIN_S = 1.0
_TIME_BASE = Fraction(1, 90_000)
_DEFAULT_FRAME_RATE = 30.0
_MAX_FRAME_RATE = 120.0


class _Encoder(Protocol):
    def write(self, image_bgr: NDArray[np.uint8], timestamp_s: float) -> None: ...
    def close(self) -> None: ...


class AnnotatedVideo:
    """Draws observations onto the frames between them and writes them as an MP4, whole or not at all.

    The video is H.264, which plays everywhere, with the recording's own times.

    Args:
        target: The file.
        source: What is known of the recording.
        frames: Every frame of the recording again, in order.
        neutral: Drawn as the ghost.
    """

    def __init__(
        self, target: Path, source: SourceInfo, frames: Iterator[Frame], neutral: Neutral | None
    ) -> None:
        self._target = target
        self._source = source
        self._frames = frames
        self._overlay = Overlay(neutral)
        self._next: Frame | None = None
        self._last: Observation | None = None
        self._alert: Alert | None = None
        self._tips = TipRotation()
        self._tip: Tip | None = None
        self._stretches: list[tuple[float, float, State]] = []
        self._encoder: _Encoder | None = None
        self._stack = ExitStack()
        self._temporary = target

    def write(self, observation: Observation) -> None:
        """Draw and write all frames from the last observation up to this one.

        Raises:
            OutputError: The video cannot be written.
            SourceError: The frames cannot be read again.
        """
        last, self._last = self._last, observation
        if last is not None:
            self._write_until(observation.assessment.timestamp_s, last, observation)

    def finish(self, summary: SessionSummary) -> None:
        """Write the frames after the last observation.

        Raises:
            OutputError: The video cannot be written.
        """
        if self._last is not None:
            self._write_until(summary.duration_s, self._last, self._last)
        if self._encoder is None:
            raise OutputError(f"{self._target} is not written: there is no picture to write.")
        encoder, self._encoder = self._encoder, None
        with naming(self._target):
            encoder.close()

    def _write_until(self, end_s: float, before: Observation, after: Observation) -> None:
        for frame in self._frames_until(end_s):
            if before.alert is not None:
                self._alert = before.alert
            if self._alert and frame.timestamp_s - self._alert.timestamp_s > ALERT_SHOWN_S:
                self._alert = None
            image = frame.image_bgr.copy()
            landmarks, visibility = _landmarks_between(before, after, frame.timestamp_s)
            self._choose_tip(before.assessment)
            scene = Scene(before.measures, before.assessment, landmarks, visibility, self._tip, self._alert)
            self._overlay.draw(image, scene)
            self._note_state(frame.timestamp_s, before.assessment.state)
            draw_timeline(image, self._stretches)
            self._encode(image, frame.timestamp_s)

    def _choose_tip(self, assessment: Assessment) -> None:
        """Keep one tip for as long as the person sits badly, against the worst fault at the start."""
        if assessment.state not in (State.FAIR, State.POOR):
            self._tip = None
        elif self._tip is None and assessment.findings:
            self._tip = self._tips.next(assessment.findings[0].measure)

    def _frames_until(self, end_s: float) -> Iterator[Frame]:
        while True:
            frame = self._next if self._next is not None else next(self._frames, None)
            self._next = frame
            if frame is None or frame.timestamp_s >= end_s - 1e-6:
                return
            self._next = None
            yield frame

    def _note_state(self, time_s: float, state: State) -> None:
        total_s = max(self._source.duration_s or 0.0, time_s, 1e-6)
        share = time_s / total_s
        if self._stretches and self._stretches[-1][2] == state:
            self._stretches[-1] = (self._stretches[-1][0], share, state)
        else:
            start = self._stretches[-1][1] if self._stretches else share
            self._stretches.append((start, share, state))

    def _encode(self, image_bgr: NDArray[np.uint8], timestamp_s: float) -> None:
        if self._encoder is None:
            height, width = image_bgr.shape[:2]
            frame_rate = min(self._source.frame_rate or _DEFAULT_FRAME_RATE, _MAX_FRAME_RATE)
            with naming(self._target):
                self._encoder = _H264(self._temporary, (_even(width), _even(height)), frame_rate)
        with naming(self._target):
            self._encoder.write(image_bgr, timestamp_s)

    def __enter__(self) -> Self:
        self._temporary = self._stack.enter_context(written_whole(self._target))
        return self

    def __exit__(self, *error: Any) -> None:
        if self._encoder is not None:
            self._encoder.close()
        self._stack.__exit__(*error)


def _even(size_px: int) -> int:
    return max(2, size_px + size_px % 2)


def _landmarks_between(
    before: Observation, after: Observation, time_s: float
) -> tuple[FloatArray | None, FloatArray | None]:
    """Landmarks at a time between two samples, and their visibility."""
    first, second = before.sample.pose, after.sample.pose
    if first is None:
        return None, None
    seen = np.minimum(first.visibility, first.presence)
    gap_s = after.assessment.timestamp_s - before.assessment.timestamp_s
    if second is None or before is after:
        near = time_s - before.assessment.timestamp_s <= _INTERPOLATED_WITHIN_S
        return (first.landmarks[:, :2], seen) if near else (None, None)
    if gap_s > _INTERPOLATED_WITHIN_S:
        return None, None
    share = (time_s - before.assessment.timestamp_s) / gap_s
    seen = np.minimum(seen, np.minimum(second.visibility, second.presence))
    return first.landmarks[:, :2] * (1 - share) + second.landmarks[:, :2] * share, seen


class _H264:
    """H.264 written with PyAV, at the true times."""

    def __init__(self, path: Path, size_wh: tuple[int, int], frame_rate: float) -> None:
        self._size_wh = size_wh
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream(
            "libx264", rate=Fraction(frame_rate).limit_denominator(1001)
        )
        self._stream.width, self._stream.height = size_wh
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "23", "preset": "veryfast"}
        self._stream.codec_context.time_base = _TIME_BASE
        self._last_pts = -1

    def write(self, image_bgr: NDArray[np.uint8], timestamp_s: float) -> None:
        frame = av.VideoFrame.from_ndarray(_padded(image_bgr, self._size_wh), format="bgr24")
        frame.pts = self._last_pts = max(round(timestamp_s / _TIME_BASE), self._last_pts + 1)
        frame.time_base = _TIME_BASE
        self._mux(frame)

    def close(self) -> None:
        self._mux(None)
        self._container.close()

    def _mux(self, frame: Any) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            raise OSError(str(error)) from error


def _padded(image_bgr: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture with even sides, as the codecs require; odd ones repeat their last row or column."""
    height, width = image_bgr.shape[:2]
    missing = (size_wh[1] - height, size_wh[0] - width)
    if missing == (0, 0):
        return image_bgr
    if min(missing) < 0 or max(missing) > 1:  # the recording changes its size midway
        return cv2.resize(image_bgr, size_wh).astype(np.uint8, copy=False)
    return np.pad(image_bgr, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
