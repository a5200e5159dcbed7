"""A look at a desk: distance, height and direction of the camera, and the light."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from posture_cam.errors import NothingJudged
from posture_cam.geometry import FeatureExtractor, average_neutral, compare
from posture_cam.geometry.points import SHOULDERS
from posture_cam.ids import Feature, Measure, View
from posture_cam.pose import open_estimator
from posture_cam.records import Frame, Pose
from posture_cam.settings import Settings, load_settings
from posture_cam.words import words_of

# Chosen: two looks a second for half a minute, of which six have to show somebody.
LOOK_S = 30.0
_RATE_HZ = 2.0
_LEAST_LOOKS = 6
# OSHA's eTool: 20 to 40 inches from eyes to screen.
CLOSE_CM, FAR_CM = 51.0, 102.0
# The elevation read from a level head is accurate to 8 to 10 deg.
LOW_BELOW_DEG = -15.0
_USUAL_FOVS_DEG = (55.0, 75.0)
# Brightness of the whole picture: a dark face alone may be dark skin.
_DARK_BELOW, _IN_SHADE_BELOW = 35.0, 60.0
# A window overexposes a picture; a white wall does not.
_GLARING, _GLARING_SHARE = 250, 0.3
_LEAST_BESIDE = 0.1


@dataclass(frozen=True, slots=True)
class DeskLook:
    """The findings of the camera.

    Attributes:
        values: Values by name; the name contains the unit.
        lines: The same in sentences, with what could not be measured.
        findings: Names of items whose criteria are not met.
    """

    values: dict[str, float | str]
    lines: tuple[str, ...]
    findings: frozenset[str]


@dataclass(slots=True)
class _Sightings:
    distances_cm: tuple[list[float], ...]
    elevations_deg: list[float] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    on_face: list[float] = field(default_factory=list)
    around: list[float] = field(default_factory=list)
    glaring: list[float] = field(default_factory=list)


def look_at_workspace(place: int | str | Path, should_stop: Callable[[], bool]) -> DeskLook:
    """Look at a desk for half a minute.

    Args:
        place: A camera's number, a stream's address, or a recording.
        should_stop: Asked at each look.

    Raises:
        SourceError: It cannot be opened or read.
        NothingJudged: The person was hardly seen.
        ModelError: The model is missing, wrong, or cannot be fetched.
    """
    settings = load_settings()
    extractor, nobody = FeatureExtractor(settings), average_neutral(View.FRONT)
    by_fov = [_with_fov(settings, fov_deg) for fov_deg in _fovs_deg(settings)]
    seen = _Sightings(tuple([] for _ in by_fov))
    with ExitStack() as stack:
        landmarker = stack.enter_context(open_estimator("full", settings))
        for frame in _frames(place, stack):
            if frame.timestamp_s > LOOK_S or should_stop():
                break
            pose = landmarker.estimate(frame)
            features = extractor.extract(frame.timestamp_s, pose)
            if features.reason is not None or pose is None:
                continue
            seen.views.append(features.view)
            for kept, value in zip(
                (seen.on_face, seen.around, seen.glaring), _light(frame, pose), strict=True
            ):
                kept.append(value)
            if Feature.CAMERA_ELEVATION in features.values:
                seen.elevations_deg.append(features.values[Feature.CAMERA_ELEVATION])
            for found, one in zip(seen.distances_cm, by_fov, strict=True):
                values = compare(features, nobody, one).values
                if Measure.VIEWING_DISTANCE in values:
                    found.append(values[Measure.VIEWING_DISTANCE])
    if len(seen.views) < _LEAST_LOOKS and should_stop():
        return DeskLook({}, ("The look was ended too early to tell anything.",), frozenset())
    if len(seen.views) < _LEAST_LOOKS:
        raise NothingJudged(
            "You were hardly seen, so nothing can be told of your desk.",
            "Head and shoulders should be in the picture; or answer questions only: --no-camera",
        )
    return _told(seen, settings)


def _fovs_deg(settings: Settings) -> tuple[float, ...]:
    """The field of view from the settings, or else the narrowest and the widest usual ones."""
    own_deg = settings.camera.horizontal_fov_deg
    return (own_deg,) if own_deg > 0 else _USUAL_FOVS_DEG


def _with_fov(settings: Settings, fov_deg: float) -> Settings:
    camera = settings.camera.model_copy(update={"horizontal_fov_deg": fov_deg})
    return settings.model_copy(update={"camera": camera})


def _frames(place: int | str | Path, stack: ExitStack) -> Iterator[Frame]:
    from posture_cam.source import VideoFile, open_device, paced

    if isinstance(place, Path):
        return stack.enter_context(VideoFile(place, _RATE_HZ)).frames()
    return paced(stack.enter_context(open_device(place)), _RATE_HZ)


def _light(frame: Frame, pose: Pose) -> tuple[float, float, float]:
    """Brightness of the face and beside the person, 0 to 255, and the glaring share of the latter."""
    height, width = frame.image_bgr.shape[:2]
    head = pose.landmarks[:11, :2] * (width, height)
    low, high = np.clip(head.min(0), 0, (width - 1, height - 1)), np.clip(head.max(0), 1, (width, height))
    (left, top), (right, bottom) = low.astype(int), np.maximum(high.astype(int), low.astype(int) + 1)
    grey = frame.image_bgr[:, :, 1]
    shoulders = np.sort(pose.landmarks[list(SHOULDERS), 0]) * width
    beside = np.ones(width, bool)
    beside[max(0, int(shoulders[0])) : max(0, int(shoulders[1]))] = False
    around = grey[:, beside] if beside.mean() > _LEAST_BESIDE else grey
    return float(grey[top:bottom, left:right].mean()), float(around.mean()), float((around > _GLARING).mean())


def _told(seen: _Sightings, settings: Settings) -> DeskLook:
    values: dict[str, float | str] = {}
    lines, findings = [], set()
    view = max(set(seen.views), key=seen.views.count)
    values["view"] = view.value
    lines.append(f"The camera sees you from {words_of(view)}.")
    if view != View.FRONT:
        findings.add("camera-aside")
        lines.append("Distance and height cannot be told from there.")
    if view == View.FRONT and all(seen.distances_cm):
        # With a wider field of view, the same face in the picture means a closer person.
        ends_cm = sorted(float(np.median(one)) for one in seen.distances_cm)
        values["viewing_distance_min_cm"] = round(ends_cm[0])
        values["viewing_distance_max_cm"] = round(ends_cm[-1])
        fovs = " to ".join(f"{fov_deg:g}" for fov_deg in _fovs_deg(settings))
        distance = " to ".join(f"{end_cm:.0f}" for end_cm in ends_cm)
        lines.append(
            f"Eyes to camera: {distance} cm, for a field of view of {fovs}° (that of most webcams)."
            if len(ends_cm) > 1
            else f"Eyes to camera: {distance} cm, for a field of view of {fovs}°."
        )
        if ends_cm[-1] < CLOSE_CM:
            findings.add("too-close")
        elif ends_cm[0] > FAR_CM:
            findings.add("too-far")
    if view == View.FRONT and seen.elevations_deg:
        elevation_deg = float(np.median(seen.elevations_deg))
        values[Feature.CAMERA_ELEVATION] = round(elevation_deg)
        where = "above" if elevation_deg > 0 else "below"
        lines.append(
            f"The camera stands about {abs(elevation_deg):.0f}° {where} your eyes (give or take 10°)."
        )
        if elevation_deg < LOW_BELOW_DEG:
            findings.add("camera-low")
    on_face, around = float(np.median(seen.on_face)), float(np.median(seen.around))
    values["face_brightness"], values["picture_brightness"] = round(on_face), round(around)
    lines.append(
        f"Light: the picture is {_brightness_words(around)}, your face {_brightness_words(on_face)} in it."
    )
    if max(on_face, around) < _DARK_BELOW:
        findings.add("too-dark")
    elif float(np.median(seen.glaring)) > _GLARING_SHARE and on_face < _IN_SHADE_BELOW:
        findings.add("against-light")
    return DeskLook(values, tuple(lines), frozenset(findings))


def _brightness_words(value: float) -> str:
    return "dark" if value < _DARK_BELOW else "dim" if value < 2 * _DARK_BELOW else "bright"
