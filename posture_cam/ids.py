"""The ids by which things are stored and compared; words.py and data/measures.toml have the words for people.

Nothing here needs numpy, so that programs that only show what was judged start quickly.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any, Self

from pydantic_core import CoreSchema, core_schema

from posture_cam.plain import clean

LONGEST_ID = 200


class Id(StrEnum):
    """An id that is stored, by any version of posture_cam."""

    @classmethod
    def kept(cls, value: str) -> Self:
        """The member with that value; an id that this version does not know becomes a new member."""
        if value in cls.__members__.values():
            return cls(value)
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown

    @classmethod
    def _read(cls, value: object) -> Self:
        if not isinstance(value, str) or len(value) > LONGEST_ID:
            raise ValueError("no id")
        return cls.kept(clean(value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """How pydantic reads the id."""
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.to_string_ser_schema()
        )


class Landmark(IntEnum):
    """The landmarks of MediaPipe's pose model that posture_cam uses, by their index."""

    NOSE = 0
    LEFT_EYE = 2
    RIGHT_EYE = 5
    LEFT_EAR = 7
    RIGHT_EAR = 8
    MOUTH_LEFT = 9
    MOUTH_RIGHT = 10
    LEFT_SHOULDER = 11
    RIGHT_SHOULDER = 12
    LEFT_ELBOW = 13
    RIGHT_ELBOW = 14
    LEFT_WRIST = 15
    RIGHT_WRIST = 16
    LEFT_HIP = 23
    RIGHT_HIP = 24


LANDMARK_COUNT = 33


# Without these landmarks a sitter cannot be judged.
HEAD_AND_SHOULDERS = (
    Landmark.NOSE,
    Landmark.LEFT_EAR,
    Landmark.RIGHT_EAR,
    Landmark.LEFT_SHOULDER,
    Landmark.RIGHT_SHOULDER,
)


class View(Id):
    """The side from which the camera sees the person; left and right name the visible side of the body."""

    FRONT = "front"
    THREE_QUARTER = "three_quarter"
    SIDE_LEFT = "side_left"
    SIDE_RIGHT = "side_right"

    @property
    def is_side(self) -> bool:
        """Whether the camera sees the person from either side."""
        return self in (View.SIDE_LEFT, View.SIDE_RIGHT)


class Measure(Id):
    """Every measure by name; data/measures.toml explains each measure and holds its limits.

    `change` in a name means relative to the neutral posture.
    """

    NECK_INCLINATION = "neck_inclination_deg"
    NECK_INCLINATION_CHANGE = "neck_inclination_change_deg"
    TRUNK_INCLINATION = "trunk_inclination_deg"
    TRUNK_INCLINATION_CHANGE = "trunk_inclination_change_deg"
    LEANING_BACK = "leaning_back_deg"
    NECK_FLEXION_CHANGE = "neck_flexion_change_deg"
    CRANIOVERTEBRAL_ANGLE = "craniovertebral_angle_deg"
    SINKING = "sinking_cm"
    EAR_DROP = "ear_drop_cm"
    HEAD_DROP = "head_drop_percent"
    APPROACH = "approach_percent"
    SHOULDER_TILT_CHANGE = "shoulder_tilt_change_deg"
    HEAD_TILT_CHANGE = "head_tilt_change_deg"
    LATERAL_LEAN_CHANGE = "lateral_lean_change_deg"
    HEAD_YAW_CHANGE = "head_yaw_change_deg"
    HEAD_PITCH_CHANGE = "head_pitch_change_deg"
    VIEWING_DISTANCE = "viewing_distance_cm"
    STILLNESS = "stillness_min"


class Feature(Id):
    """Quantities of one pose that need no neutral posture; geometry/features.py says how each is measured.

    `ratio` in a value means a share of the picture's height, unless the name gives another reference.
    """

    SHOULDER_YAW = "shoulder_yaw_deg"
    SHOULDER_WIDTH = "shoulder_width_ratio"
    SHOULDER_X = "shoulder_x_ratio"
    SHOULDER_Y = "shoulder_y_ratio"
    EAR_Y = "ear_y_ratio"
    TRUNK_LENGTH = "trunk_length_ratio"
    NECK_PROFILE = "neck_profile_deg"
    TRUNK_PROFILE = "trunk_profile_deg"
    EAR_SHOULDER = "ear_shoulder_ratio"
    SHOULDER_TILT = "shoulder_tilt_deg"
    HEAD_TILT = "head_tilt_deg"
    HEAD_YAW = "head_yaw_deg"
    LATERAL_LEAN = "lateral_lean_deg"
    FACE_HEIGHT = "face_height_ratio"
    EYE_DISTANCE_BY_WIDTH = "eye_distance_by_width_ratio"
    NOSE_BELOW_EARS = "nose_below_ears_ratio"
    CAMERA_ELEVATION = "camera_elevation_deg"


class Movement(StrEnum):
    """Movements of exercises, by name; geometry/movement.py says how each is measured.

    Movements with two sides are positive towards the person's left.
    """

    SHOULDER_RISE = "shoulder_rise_percent"
    SIDE_BEND = "side_bend_deg"
    HEAD_TURN = "head_turn_deg"
    NECK_SIDE_BEND = "neck_side_bend_deg"
    LEANING_BACK = "leaning_back_deg"
    DRAWING_BACK = "drawing_back_deg"
    TRUNK_TURN = "trunk_turn_deg"
    RISING = "rising_percent"
    ARM_RAISE = "arm_raise_percent"


class Severity(IntEnum):
    """How far a measure is from its good range."""

    OK = 0
    MILD = 1
    POOR = 2


class State(Id):
    """The state of a moment."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    AWAY = "away"
    UNJUDGED = "unjudged"


JUDGED_STATES = (State.GOOD, State.FAIR, State.POOR)


class Reason(Id):
    """Why a moment could not be judged, by an id that is stored; words.py has the words."""

    NOBODY = "nobody"
    HEAD_HIDDEN = "head_hidden"
    TOO_SMALL = "too_small"
    LOOKING_AWAY = "looking_away"
    LOOKING_DOWN = "looking_down"
    SHOULDERS_OUT = "shoulders_out"
    UNSURE = "unsure"
    NO_NEUTRAL = "no_neutral"
    OTHER_VIEW = "other_view"
    NOT_MEASURABLE = "not_measurable"
    FAULT_HIDDEN = "fault_hidden"
    SETTLING = "settling"
    GAP = "gap"
    CAMERA_GONE = "camera_gone"
    CAMERA_BUSY = "camera_busy"
    BLACK = "black"
    FROZEN = "frozen"
    ASLEEP = "asleep"
    PAUSED = "paused"
    CALIBRATING = "calibrating"
    CAMERA_MOVED = "camera_moved"
    PICTURE_CHANGED = "picture_changed"
    ON_ITS_SIDE = "on_its_side"


class NeutralOrigin(Id):
    """The origin of a run's neutral posture."""

    GIVEN = "given"
    PROFILE = "profile"
    FOUND = "found"
    AVERAGE = "average"
    RUN = "run"


class Stance(Id):
    """How a person works at the desk."""

    SITTING = "sitting"
    STANDING = "standing"


class Hint(StrEnum):
    """The instructions of a calibration, given one at a time."""

    NOBODY = "nobody"
    TOO_DARK = "too_dark"
    FACE_HIDDEN = "face_hidden"
    SHOULDERS_OUT = "shoulders_out"
    MOVE_BACK = "move_back"
    COME_CLOSER = "come_closer"
    ON_ITS_SIDE = "on_its_side"
    TURN = "turn"
    HOLD_STILL = "hold_still"
    STAY = "stay"


class Doubt(StrEnum):
    """Reasons to doubt the neutral posture."""

    UNPROVEN = "unproven"
    CAMERA_MOVED = "camera_moved"
    PICTURE_CHANGED = "picture_changed"


class Misfit(StrEnum):
    """Signs that a neutral posture no longer fits."""

    SITS_ELSEWHERE = "sits_elsewhere"
    PICTURE_CHANGED = "picture_changed"


class Label(Id):
    """What a person says of a moment."""

    GOOD = "good"
    BAD = "bad"


class AlertKind(Id):
    """The subject of an alert."""

    FAULT = "fault"
    QUESTION = "question"
    BREAK = "break"
    CHANGE = "change"


class Command(StrEnum):
    """Commands to a running monitor."""

    QUIT = "quit"
    PAUSE = "pause"
    CALIBRATE = "calibrate"
    SNOOZE = "snooze"
    STILL_FITS = "still_fits"
    SITS_WELL = "sits_well"
    SLOUCHES = "slouches"
    MORE_SENSITIVE = "more_sensitive"
    LESS_SENSITIVE = "less_sensitive"
    SENSITIVITY = "sensitivity"
    PROFILE = "profile"
    SILENCE = "silence"
    HELP = "help"
