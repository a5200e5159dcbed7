"""The frozen records that flow between the stages; no input or output, no algorithms.

Units are part of the names (`_deg`, `_s`, `_px`).  A value that could not be measured is an absent key or
None, never 0 or NaN.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from posture_cam.ids import (
    JUDGED_STATES,
    LANDMARK_COUNT,
    AlertKind,
    Command,
    Doubt,
    Feature,
    Label,
    Measure,
    NeutralOrigin,
    Reason,
    Severity,
    Stance,
    State,
    View,
)
from posture_cam.kinds import Count, Encoded, Pixels, Rate, Seconds, Shaped, UnknownPixels, Words

FloatArray = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The properties of a source, known before it is read; `duration_s` None means live or unknown."""

    name: Words
    width_px: UnknownPixels
    height_px: UnknownPixels
    frame_rate: Rate | None
    duration_s: Seconds | None
    is_live: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture: H x W x 3, blue-green-red, 8 bit."""

    index: int
    timestamp_s: float
    image_bgr: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """The landmarks of one person.

    Attributes:
        landmarks: (33, 3), x and y as fractions of the picture's width and height, z on x's scale.
        world_landmarks: (33, 3), metres from the middle of the hips; None if the model gives none.
        visibility: (33,), 0 to 1.
        presence: (33,), 0 to 1.
        image_size_wh: Width and height of the picture in pixels.
    """

    timestamp_s: float
    landmarks: Annotated[FloatArray, Shaped((LANDMARK_COUNT, 3))]
    world_landmarks: Annotated[FloatArray, Shaped((LANDMARK_COUNT, 3))] | None
    visibility: Annotated[FloatArray, Shaped((LANDMARK_COUNT,))]
    presence: Annotated[FloatArray, Shaped((LANDMARK_COUNT,))]
    image_size_wh: tuple[Pixels, Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One moment of a source.

    Attributes:
        index: The number of the frame in the source.
        pose: The pose found there; None if the model's last look saw nobody.
        is_reused: The model did not look at this picture; the pose of an earlier look holds.
        has_moved: The pose differs from that of the sample before: in a recording it is changing into that of
            the next look, live it is one seen earlier.
    """

    index: int
    timestamp_s: float
    pose: Pose | None
    is_reused: bool = False
    has_moved: bool = False

    @property
    def is_held(self) -> bool:
        """Whether the pose is that of the last look, unchanged."""
        return self.is_reused and not self.has_moved


@dataclass(frozen=True, slots=True)
class Features:
    """Quantities of one pose that need no neutral: angles in degrees, lengths as ratios.

    `values` is empty if the pose cannot be used; `reason` then says why.  `pose` is the pose they come from,
    for the angle estimator.
    """

    timestamp_s: float
    view: View
    values: Mapping[Feature, float]
    confidence: float
    reason: Reason | None = None
    pose: Pose | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A sample and its features, computed once and judged as often as needed."""

    sample: Sample
    features: Features


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures that are judged and shown, with units; measures that could not be taken are missing.

    `errors` holds, for measures of the learned estimator, half the width of the interval that contains the
    true value nine times in ten.
    """

    timestamp_s: float
    view: View
    values: Mapping[Measure, float]
    confidence: float
    reason: Reason | None = None
    errors: Mapping[Measure, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomPoints:
    """Points of the room around the person (ORB), as text: places and comparisons of brightness, no picture.

    Attributes:
        points: Base64 of pairs of 16 bits: shares of the picture's width and height.
        descriptors: Base64 of 32 bytes for each point.
        image_size_wh: The size of the picture.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    points: Encoded
    descriptors: Encoded
    image_size_wh: tuple[Pixels, Pixels]

    @property
    def is_whole(self) -> bool:
        """Whether every point has a descriptor."""
        try:
            points, described = (
                len(b64decode(one, validate=True)) for one in (self.points, self.descriptors)
            )
        except ValueError:
            return False
        return points % 4 == 0 and described == 8 * points


@dataclass(frozen=True, slots=True)
class Correction:
    """A moment that was judged wrongly, by what the person says of it.

    Attributes:
        made_at: ISO 8601 with zone.
        pose: The landmarks of the moment.
        neutral: Those of the neutral posture then, so that corrections outlast a new calibration.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    made_at: Words
    label: Label
    pose: Pose = field(compare=False, repr=False)
    neutral: Pose = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Neutral:
    """A person's own upright posture, with which everything is compared.

    Attributes:
        source: The name of the file or the camera it comes from, or `average`.
        view: The view it was taken from.
        centre: Median of each feature.
        spread: Median absolute deviation of each feature.
        pose: Median of each landmark, for the estimator and the ghost; None for the average person.
        slouch: The person's own slouch as measures relative to this posture, or empty.
        corrections: Moments that were judged wrongly, in order of time.
        room: Points of the room at that time, by which it can follow the camera; or None.
        carried_error_deg: How much less certain angles are because it has followed the camera.
        start_s, end_s: The stretch of a recording that it was taken from, or None.
        alike_s: The duration of other stretches in the same posture that were also used.
        is_personal: False for the average person, which is used if no own neutral is known.
        stance: Whether it was taken sitting or standing.
        displays: How many displays were connected then; None if unknown.
        device: The camera's own name, which stays when its number changes; or empty.
        others: Other neutral postures of the same profile: standing, other cameras, other seats.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    created_at: Words
    source: Words
    view: View
    centre: Mapping[Feature, float]
    spread: Mapping[Feature, float]
    sample_count: Count
    context: Mapping[Feature, float] = field(default_factory=dict)
    model: Words = ""
    running_mode: Words = ""
    image_size_wh: tuple[Pixels, Pixels] = (0, 0)
    version: Words = ""
    pose: Pose | None = field(default=None, compare=False, repr=False)
    slouch: Mapping[Measure, float] = field(default_factory=dict)
    corrections: tuple[Correction, ...] = ()
    room: RoomPoints | None = field(default=None, compare=False, repr=False)
    carried_error_deg: float = 0.0
    start_s: float | None = None
    end_s: float | None = None
    alike_s: float = 0.0
    is_personal: bool = True
    stance: Stance = Stance.SITTING
    displays: Count | None = None
    device: Words = ""
    others: tuple[Neutral, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """A judged measure outside its good range; `penalty` runs from 0 to 1."""

    measure: Measure
    value: float
    severity: Severity
    penalty: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The judgement of one moment.

    Attributes:
        state: The state that a live run would show now.
        since_s: When that state began, as far as known by now (it may lie before this moment).
        score: 0 to 100, or None where nothing sagittal could be measured.
        findings: Worst first.
        coverage: Which groups of measures could be judged.
        reason: Why nothing could be judged now, if so (the state may persist all the same).
        doubt: The reason to doubt the neutral posture, or None.
    """

    timestamp_s: float
    state: State
    since_s: float
    score: int | None
    findings: tuple[Finding, ...]
    coverage: tuple[str, ...]
    confidence: float
    reason: Reason | None = None
    doubt: Doubt | None = None

    @property
    def is_judged(self) -> bool:
        """Whether this moment counts: an unjudged moment causes no alert and enters no statistics."""
        return self.state in JUDGED_STATES


@dataclass(frozen=True, slots=True)
class Tip:
    """A piece of advice, and the section of the article that supports it."""

    id: str
    fault: str
    text: str
    section: str
    kind: str


@dataclass(frozen=True, slots=True)
class Alert:
    """The moment, and the reason, to speak to the user.

    A question asks whether the neutral posture still fits, before faults count against the user.  `measure`
    is None for a break and when the camera has moved.  A break offers an `exercise`, by its name; a change
    offers to stand up, or to sit down.
    """

    timestamp_s: float
    measure: Measure | None
    held_s: float
    message: str
    tip: Tip
    kind: AlertKind = AlertKind.FAULT
    exercise: str | None = None


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """An event of a live source; while `trouble` lasts, it has no pictures worth judging.

    Attributes:
        timestamp_s: When it was noticed.
        trouble: The trouble that has begun, or None: pictures are back.
        message: One sentence for the user.
        since_s: When it began.
        until_s: When it ended, if it is already over.
        is_end: The source has ended for good.
    """

    timestamp_s: float
    trouble: Reason | None
    message: str
    since_s: float
    until_s: float | None = None
    is_end: bool = False


def _nobody(_is_done: bool, _words: str) -> None:
    """Answer nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A command from another program.

    Attributes:
        value: What the command takes: for PAUSE whether to pause (None: the other way round), for SNOOZE
            minutes (0 ends it; None: the other way round), for SILENCE whether alerts are off, for CALIBRATE
            True if a stored posture may be replaced, or a stance and perhaps "replace", for SENSITIVITY
            levels, for PROFILE a name.
        answer: Called once, with whether it was done, and with what was said.
    """

    command: Command
    value: bool | float | str | tuple[str, ...] | None = None
    answer: Callable[[bool, str], None] = _nobody


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """The record that an output receives for each sample.

    Attributes:
        held_s: How long this moment counts for; 0 while it happens.
        alert: The alert given to the user now.
        corrected: The alert that the user has just answered by sitting well.
        frame: The picture, for outputs of a live run; never stored.
        latency_s: The time from the picture to this judgement, in a live run.
        stance: Sitting or standing, by the neutral posture in use; None if the profile knows only one.
    """

    sample: Sample
    measures: Measures
    assessment: Assessment
    held_s: float
    alert: Alert | None = None
    corrected: Alert | None = None
    frame: Frame | None = field(default=None, repr=False)
    latency_s: float | None = None
    stance: Stance | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of time that is final: one observation for as long as it holds, or a gap between two.

    `observation` is None in a gap.
    """

    start_s: float
    end_s: float
    state: State
    reason: Reason | None
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of one state."""

    start_s: Seconds
    end_s: Seconds
    state: State
    worst: Measure | None = None


@dataclass(frozen=True, slots=True)
class Statistic:
    """How a measure was distributed over time; signed values, as measured.

    `error` is the mean half width of the 90 % interval, where the measure has one.
    """

    mean: float
    min: float
    p5: float
    p95: float
    max: float
    error: float | None = None


@dataclass(frozen=True, slots=True)
class FaultTime:
    """How long a measure was outside its good range, its worst value, and its longest stretches there."""

    measure: Measure
    total_s: float
    worst: float
    stretches: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """The summary of a whole recording or run."""

    source: SourceInfo
    neutral: Neutral | None
    neutral_origin: NeutralOrigin | None
    profile: str | None
    duration_s: float
    seconds_by_state: Mapping[State, float]
    score: int | None
    episodes: tuple[Episode, ...]
    alerts: tuple[Alert, ...]
    statistics: Mapping[Measure, Statistic]
    faults: tuple[FaultTime, ...]
    unjudged_s_by_reason: Mapping[Reason, float]
    longest_hold: tuple[float, float] | None
    tips: tuple[Tip, ...]
    views: Mapping[View, float]
    model: str
    sample_count: int
    look_count: int
    notes: tuple[str, ...] = ()
    partial: bool = False
    estimator: str | None = None
    breaks: tuple[tuple[float, float], ...] = ()
    is_live: bool = False
    seconds_by_stance: Mapping[Stance, float] = field(default_factory=dict)
    stance_changes: int = 0

    @property
    def judged_s(self) -> float:
        """Seconds that could be judged."""
        return sum(self.seconds_by_state.get(state, 0.0) for state in JUDGED_STATES)
