"""Poses and judgements built from a known truth.

A pose is built from the angles it has to show, so that a test can compare results with its own input.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np

from posture_cam.ids import Landmark, Measure, Reason, Severity, State, View
from posture_cam.records import Assessment, Finding, Measures, Pose, Sample, SourceInfo

SIZE_WH = (640, 480)
TRUNK_PX, NECK_PX = 160.0, 80.0
SOURCE = SourceInfo("built.mp4", *SIZE_WH, frame_rate=30.0, duration_s=None)


def upwards(length_px: float, inclination_deg: float, facing: int) -> np.ndarray:
    """A line that rises by a length at an inclination towards where the person faces; y points down."""
    angle = math.radians(inclination_deg)
    return np.array((facing * math.sin(angle), -math.cos(angle))) * length_px


def side_pose(
    timestamp_s: float = 0.0,
    *,
    neck_deg: float = 18.0,
    trunk_deg: float = -5.0,
    facing: int = -1,
    sink_cm: float = 0.0,
    scale: float = 1.0,
    turn_deg: float = 90.0,
    size_wh: tuple[int, int] = SIZE_WH,
) -> Pose:
    """Somebody in profile whose image shows exactly these inclinations; `facing` -1 is to the left."""
    xy = np.full((33, 2), np.nan)
    hips = np.array((0.5 * size_wh[0], 0.85 * size_wh[1] + scale * TRUNK_PX * sink_cm / 47.0))
    shoulders = hips + upwards(scale * TRUNK_PX, trunk_deg, facing)
    ears = shoulders + upwards(scale * NECK_PX, neck_deg, facing)
    # Half the shoulder line as it appears in the picture; the closer to profile, the shorter.
    across = np.array((max(2.0, 90.0 * abs(math.cos(math.radians(turn_deg)))), 0.0)) * scale
    for pair, middle in (
        ((Landmark.LEFT_EAR, Landmark.RIGHT_EAR), ears),
        ((Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER), shoulders),
        ((Landmark.LEFT_HIP, Landmark.RIGHT_HIP), hips),
        ((Landmark.LEFT_EYE, Landmark.RIGHT_EYE), ears + np.array((facing * 30.0, -4.0)) * scale),
        ((Landmark.MOUTH_LEFT, Landmark.MOUTH_RIGHT), ears + np.array((facing * 32.0, 20.0)) * scale),
    ):
        xy[pair[0]], xy[pair[1]] = middle + across, middle - across
    xy[Landmark.NOSE] = ears + np.array((facing * 40.0, 8.0)) * scale
    xy[np.isnan(xy[:, 0])] = shoulders
    return _pose(timestamp_s, xy, turn_deg=facing * turn_deg, size_wh=size_wh)


def front_pose(
    timestamp_s: float = 0.0,
    *,
    ratio: float = 0.6,
    width: float = 200.0,
    shoulder_tilt_deg: float = 0.0,
    head_tilt_deg: float = 0.0,
    yaw_deg: float = 0.0,
    nose_below: float = 0.25,
    elevation_deg: float = 0.0,
    size_wh: tuple[int, int] = SIZE_WH,
    centre_x: float = 0.5,
    turn_deg: float = 0.0,
) -> Pose:
    """Somebody facing the camera.

    `ratio` is the height of the ears over the shoulders divided by shoulder width, `nose_below` the height of
    the ears over the nose divided by face height.  A tilt lowers the person's left.  `turn_deg` is the turn
    of the shoulders that world landmarks show; the picture stays as it is.
    """
    xy = np.full((33, 2), np.nan)
    shoulders = np.array((centre_x * size_wh[0], 0.7 * size_wh[1]))
    ears = shoulders - np.array((0.0, ratio * width))
    ear_gap, face = 0.45 * width, 0.25 * width
    eye_gap = nose_below * face / (0.29 + 0.015 * elevation_deg)

    def pair(names: tuple[Landmark, Landmark], middle: np.ndarray, gap: float, tilt_deg: float = 0.0) -> None:
        tilt = math.radians(tilt_deg)
        half = np.array((math.cos(tilt), math.sin(tilt))) * gap / 2
        xy[names[0]], xy[names[1]] = middle + half, middle - half

    pair((Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER), shoulders, width, shoulder_tilt_deg)
    pair((Landmark.LEFT_HIP, Landmark.RIGHT_HIP), shoulders + np.array((0.0, 1.3 * width)), 0.7 * width)
    pair((Landmark.LEFT_EAR, Landmark.RIGHT_EAR), ears, ear_gap, head_tilt_deg)
    pair((Landmark.LEFT_EYE, Landmark.RIGHT_EYE), ears, eye_gap, head_tilt_deg)
    pair((Landmark.MOUTH_LEFT, Landmark.MOUTH_RIGHT), ears + np.array((0.0, face)), 0.2 * width)
    nose_x = 0.62 * ear_gap * math.tan(math.radians(yaw_deg))
    xy[Landmark.NOSE] = ears + np.array((nose_x, nose_below * face))
    xy[np.isnan(xy[:, 0])] = shoulders
    return _pose(timestamp_s, xy, turn_deg=turn_deg, size_wh=size_wh)


def _pose(timestamp_s: float, xy: np.ndarray, *, turn_deg: float, size_wh: tuple[int, int]) -> Pose:
    landmarks = np.zeros((33, 3))
    landmarks[:, :2] = xy / size_wh
    world = np.zeros((33, 3))
    turn = math.radians(turn_deg)
    half = np.array((math.cos(turn), 0.0, math.sin(turn))) * 0.18
    world[Landmark.LEFT_SHOULDER], world[Landmark.RIGHT_SHOULDER] = half, -half
    return Pose(timestamp_s, landmarks, world, np.ones(33), np.ones(33), size_wh)


def unseen(pose: Pose, *names: Landmark) -> Pose:
    """The same pose with some landmarks out of sight."""
    visibility = pose.visibility.copy()
    visibility[list(names)] = 0.05
    return replace(pose, visibility=visibility)


Maker = Callable[[float], Pose | None]


@dataclass(slots=True)
class Film:
    """A run of samples, written as a list of postures that are held for some seconds."""

    rate_hz: float = 5.0
    samples: list[Sample] = field(default_factory=list)
    now_s: float = 0.0
    seed: int = 7
    noise_px: float = 0.0

    def hold(self, seconds: float, make: Maker) -> Film:
        """Add samples of one posture; `make` takes the time."""
        rng = np.random.default_rng(self.seed + len(self.samples))
        for _ in range(round(seconds * self.rate_hz)):
            pose = make(self.now_s)
            if pose is not None and self.noise_px:
                shaken = pose.landmarks.copy()
                shaken[:, :2] += rng.normal(0.0, self.noise_px, (33, 2)) / pose.image_size_wh
                pose = replace(pose, landmarks=shaken)
            self.samples.append(Sample(len(self.samples), self.now_s, pose))
            self.now_s = round(self.now_s + 1.0 / self.rate_hz, 6)
        return self

    def nobody(self, seconds: float) -> Film:
        """Add samples in which nobody is seen."""
        return self.hold(seconds, lambda _: None)

    def gap(self, seconds: float) -> Film:
        """Leave out some time."""
        self.now_s += seconds
        return self


def side(**angles: float) -> Maker:
    """Makes a side pose for any time."""
    return lambda time_s: side_pose(time_s, **angles)  # type: ignore[arg-type]


def front(**values: float) -> Maker:
    """Makes a front pose for any time."""
    return lambda time_s: front_pose(time_s, **values)  # type: ignore[arg-type]


def assessments(parts: Iterable[tuple[float, State]], rate_hz: float = 1.0) -> Iterator[Assessment]:
    """Judgements of states held for some seconds, with a neck that bends in fair and poor ones."""
    now_s = 0.0
    for seconds, state in parts:
        since_s = now_s
        for _ in range(round(seconds * rate_hz)):
            yield assessment(now_s, state, since_s)
            now_s += 1.0 / rate_hz


def assessment(now_s: float, state: State, since_s: float | None = None) -> Assessment:
    """One judgement of a state, with findings that would lead to it."""
    findings = {
        State.FAIR: (Finding(Measure.NECK_INCLINATION_CHANGE, 15.0, Severity.MILD, 0.3),),
        State.POOR: (Finding(Measure.NECK_INCLINATION_CHANGE, 30.0, Severity.POOR, 0.6),),
    }.get(state, ())
    scores = {State.GOOD: 95, State.FAIR: 70, State.POOR: 40}
    reason = {State.AWAY: Reason.NOBODY, State.UNJUDGED: Reason.HEAD_HIDDEN}.get(state)
    return Assessment(
        timestamp_s=now_s,
        state=state,
        since_s=now_s if since_s is None else since_s,
        score=scores.get(state),
        findings=findings,
        coverage=("sagittal",) if state in scores else (),
        confidence=0.9,
        reason=reason,
    )


def measures(now_s: float, values: dict[Measure, float], reason: Reason | None = None) -> Measures:
    """Measures of one moment, seen from the left side."""
    return Measures(now_s, View.SIDE_LEFT, MappingProxyType(values), 0.9, reason)


def write_video(
    path: Path,
    images_rgb: Iterable[np.ndarray],
    times_s: Iterable[float] | None = None,
    *,
    rate: int = 10,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """A video with exactly these pictures at exactly these times; options are those of the codec."""
    container = av.open(str(path), "w")
    stream: Any = container.add_stream(codec, rate=rate)
    stream.pix_fmt = pixels
    stream.options = options or {}
    base = Fraction(1, 1000)
    stream.codec_context.time_base = base
    times = None if times_s is None else list(times_s)
    for number, image in enumerate(images_rgb):
        if number == 0:
            stream.width, stream.height = image.shape[1], image.shape[0]
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = round((number / rate if times is None else times[number]) * 1000)
        frame.time_base = base
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    container.close()
    return path


def turn_by_90_deg(path: Path) -> Path:
    """Mark an MP4 as filmed with the camera on its side, as phones do, in the matrix of its track header."""
    return mark(path, (0, 1, -1, 0))


def mark(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Mark an MP4 as to be shown turned or mirrored: (x, y) goes to (ax + cy, bx + dy), y pointing down."""
    content = bytearray(path.read_bytes())
    matrix_at = content.index(b"tkhd") + 44
    a, b, c, d = (one << 16 for one in matrix)
    content[matrix_at : matrix_at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def stripes(number: int, size_wh: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A picture that carries its own number as eight black or white columns."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for bit in range(8):
        if number >> bit & 1:
            image[:, bit * size_wh[0] // 8 : (bit + 1) * size_wh[0] // 8] = 255
    return image


def read_stripes(image: np.ndarray) -> int:
    """The number that `stripes` wrote."""
    width = image.shape[1]
    return sum(1 << bit for bit in range(8) if image[:, (2 * bit + 1) * width // 16].mean() > 127)
