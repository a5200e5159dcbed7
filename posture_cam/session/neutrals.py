"""Finds the neutral posture for a session, and checks whether it fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from posture_cam import __version__
from posture_cam.assessment import NeutralFinder, Stretch, build_neutral, nearest_of, put_first, take_stretch
from posture_cam.geometry import AngleEstimator, average_neutral, compare
from posture_cam.ids import Feature, Measure, View
from posture_cam.measures import load_measures
from posture_cam.paths import bundled_model
from posture_cam.pose.pose_log import PoseLogHeader
from posture_cam.profiles import all_of, is_same_camera
from posture_cam.records import Features, Neutral
from posture_cam.session.poses import Poses
from posture_cam.settings import Settings
from posture_cam.words import words_of

ESTIMATOR_FILE = "angle_estimator.npz"
# Shoulders this much wider or narrower than at calibration mean another seat or another camera.
_WIDTH_OFF_BY = 0.3
FIRST_S = 60.0
# Interval of the moments compared with the neutral posture, and how many of them have to be near it.
_LOOKED_EVERY_S, _LEAST_NEAR = 1.0, 3
_AHEAD_DEG, _SQUEEZED_BY = 20.0, 0.2
_SAGITTAL = (Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE)
# The elevation read from a level head is accurate to 8 to 10 deg (geometry/features.py).
_ELEVATION_OFF_BY_DEG = 15.0


def load_estimator() -> AngleEstimator:
    """The learned angle estimator that ships with the program.

    Raises:
        ModelError: Its weights are missing or damaged.
    """
    return AngleEstimator.load(bundled_model(ESTIMATOR_FILE))


def moments_of(poses: Poses, *stretches_s: tuple[float, float]) -> list[Features]:
    """The features of some stretches of a recording; each stretch is a start and an end in seconds."""
    return [
        look.features
        for look in poses.looks
        if any(start_s <= look.sample.timestamp_s <= end_s for start_s, end_s in stretches_s)
    ]


def steady_stretch(poses: Poses, settings: Settings) -> tuple[Stretch | None, View | None]:
    """The most upright steady stretch of a recording and the most frequent view; None if not found."""
    finder = NeutralFinder(settings)
    for look in poses.looks:
        finder.add(look.features)
    return finder.find(), finder.main_view


def found_neutral(poses: Poses, settings: Settings) -> Neutral | None:
    """The neutral posture from that stretch and similar ones, else from the side the average one.

    A recording in which nobody ever sits upright gets a note that says so.
    """
    stretch, view = steady_stretch(poses, settings)
    found = None
    if stretch is not None and stretch.is_plausible:
        moments = moments_of(poses, *stretch.alike_s)
        found = neutral_from(moments, poses.header, settings, stretch.view)
    if stretch is not None and found is not None:
        return replace(found, start_s=stretch.start_s, end_s=stretch.end_s, alike_s=stretch.more_s)
    if stretch is not None and not stretch.is_plausible:
        what = "level" if stretch.view == View.FRONT else "upright"
        poses.notes.append(
            f"Not {what} at any steady moment: no posture in this recording can be your neutral one."
        )
    return average_neutral(view) if view is not None and view.is_side else None


def neutral_from(
    features: list[Features],
    header: PoseLogHeader,
    settings: Settings,
    view: View | None = None,
    *,
    is_stored: bool = False,
) -> Neutral | None:
    """The neutral posture from some moments, or None if too few of them are usable.

    Args:
        features: The moments.
        header: The source of the moments.
        settings: How many moments are needed.
        view: Use only moments in this view; None takes the most frequent view.
        is_stored: The posture becomes a profile, with the time of its creation.
    """
    usable = take_stretch(features, view)
    if len(usable) < settings.neutral.min_samples:
        return None
    return build_neutral(
        usable,
        created_at=datetime.now(UTC).isoformat(timespec="seconds") if is_stored else "",
        source=header.source.name,
        model=header.model,
        running_mode=header.running_mode,
        image_size_wh=(header.source.width_px, header.source.height_px),
        version=__version__,
    )


def misfits(profile: Neutral, header: PoseLogHeader, first: list[Features], settings: Settings) -> list[str]:
    """The ways in which a stored neutral posture does not fit a run, each with advice.

    The camera's position is judged only from moments in which the person sits about as at calibration: a
    slouch looks like a camera that stands higher.

    Args:
        profile: The neutral posture.
        header: What is known of the run.
        first: Usable moments of its first minute (`first_minute`).
        settings: Settings for the comparison.
    """
    size_wh = (header.source.width_px, header.source.height_px)
    pairs = {
        "model": (profile.model, header.model),
        "running mode of MediaPipe": (profile.running_mode, header.running_mode),
        "size of picture": (_size_words(profile.image_size_wh), _size_words(size_wh)),
    }
    if header.source.is_live and not profile.device:  # where its own name is known, that was compared
        pairs["camera"] = (profile.source, header.source.name)
    notes = [
        f"The profile was made with another {what} ({then}, here {now}); results may be off. "
        "Calibrate again for this setup."
        for what, (then, now) in pairs.items()
        if then != now
    ]
    seen = {view: sum(moment.view == view for moment in first) for view in View}
    if first and seen[profile.view] < len(first) / 2:
        main = max(seen, key=lambda view: seen[view])
        notes.append(
            f"The profile was made from {words_of(profile.view)}, but this camera sees {words_of(main)}; "
            "what cannot be compared is not judged. Calibrate from where this camera stands."
        )
    if is_squeezed(profile, first):
        notes.append(
            "Your face has another shape in the picture than at calibration, as if it were squeezed; "
            "results may be off. Check the camera's format, or calibrate again for this setup."
        )
    upright = _near_neutral([one for one in first if one.view == profile.view], profile, settings)
    return notes + _camera_misfits(profile, upright)


def fitting(neutral: Neutral, source: str, displays: int | None, device: str = "") -> Neutral:
    """The neutral posture of a profile that is compared with first, and beside it those it may give way to.

    Those of this camera, if there are any, by its own name or else by its number; of these, those taken with
    as many displays or an unknown number; the last taken first.  Those from a recording stand in for stances
    that this camera has none of.

    Args:
        neutral: A profile.
        source: The name of the camera.
        displays: How many displays are connected; None if unknown.
        device: The camera's own name; empty if unknown.
    """
    known = all_of(neutral)
    here = [one for one in known if is_same_camera(one, source, device)] or known
    if displays is not None:
        here.sort(key=lambda one: one.displays != displays)  # keeps the order otherwise
        here = [one for one in here if one.displays in (displays, None)] or here
    stances = {one.stance for one in here}
    recorded = [one for one in known if not _is_live(one.source) and one.stance not in stances]
    known = [*here, *recorded]
    return put_first(known[0], known)


def _is_live(source: str) -> bool:
    """Whether the name of a source is that of a camera or a stream."""
    return source.startswith("camera ") or "://" in source


def is_squeezed(profile: Neutral, first: Sequence[Features]) -> bool:
    """Whether faces are wider or narrower in relation to their height than at calibration, by the median.

    Compares the distance of the eyes divided by the height of the face, for heads that look ahead.  The
    median over a rendered sitting is within 13 % of the neutral in 98 of 100 sittings; a 4:3 picture shown
    as 16:9 changes it by 33 %.
    """
    then = _face_shape(profile.centre, profile.image_size_wh)
    now = [
        shape
        for moment in first
        if moment.view == profile.view == View.FRONT
        and moment.pose is not None
        and abs(moment.values.get(Feature.HEAD_YAW, math.inf)) <= _AHEAD_DEG
        and (shape := _face_shape(moment.values, moment.pose.image_size_wh)) is not None
    ]
    if then is None or len(now) < _LEAST_NEAR:
        return False
    change = float(np.median(now)) / then - 1.0
    return not -_SQUEEZED_BY / (1 + _SQUEEZED_BY) < change < _SQUEEZED_BY


def _face_shape(values: Mapping[Feature, float], size_wh: tuple[int, int]) -> float | None:
    eyes, face = values.get(Feature.EYE_DISTANCE_BY_WIDTH), values.get(Feature.FACE_HEIGHT)
    if eyes is None or face is None or face <= 0:
        return None
    return eyes * size_wh[0] / (face * size_wh[1])


def _near_neutral(moments: Sequence[Features], profile: Neutral, settings: Settings) -> list[Features]:
    """The moments, at most one a second, in which neck and trunk measure about as in the neutral posture."""
    if profile.pose is None:
        return []
    limits, estimates = load_measures("estimated"), load_estimator().against(profile.pose)
    near: list[Features] = []
    looked_s = -math.inf
    for moment in moments:
        if moment.timestamp_s - looked_s < _LOOKED_EVERY_S:
            continue
        looked_s = moment.timestamp_s
        estimate = estimates.of(moment.pose) if moment.pose is not None else None
        measures = compare(moment, profile, settings, estimate)
        changes = [(measures.values.get(name), limits[name].good) for name in _SAGITTAL]
        if measures.reason is None and all(
            change is not None and good is not None and abs(change) < good for change, good in changes
        ):
            near.append(moment)
    return near if len(near) >= _LEAST_NEAR else []


def nearest(neutral: Neutral, poses: Poses) -> Neutral:
    """The neutral posture of a profile that the first minute of a recording is nearest to."""
    known = all_of(neutral)
    return put_first(nearest_of(known, first_minute(poses)), known)


def first_minute(poses: Poses) -> list[Features]:
    """The usable moments of the first minute in which the person is seen."""
    usable: list[Features] = []
    for look in poses.looks:
        if look.features.reason is None:
            if usable and look.features.timestamp_s - usable[0].timestamp_s > FIRST_S:
                break
            usable.append(look.features)
    return usable


def _camera_misfits(profile: Neutral, moments: list[Features]) -> list[str]:
    """Sentences on a camera position or a size of the person that differs from calibration."""
    then = {**profile.centre, **profile.context}

    def change_of(name: Feature) -> tuple[float, float] | None:
        """The median of a feature in these moments, and its value at calibration."""
        now = [moment.values[name] for moment in moments if name in moment.values]
        return (float(np.median(now)), then[name]) if now and name in then else None

    notes = []
    elevations = change_of(Feature.CAMERA_ELEVATION)
    if profile.view == View.FRONT and elevations is not None:
        higher_deg = elevations[0] - elevations[1]
        if abs(higher_deg) > _ELEVATION_OFF_BY_DEG:
            words = "higher" if higher_deg > 0 else "lower"
            notes.append(
                f"The camera seems to stand {words} than at calibration, by about {abs(higher_deg):.0f}°; "
                "results may be off. Calibrate for this setup."
            )
    turns = change_of(Feature.SHOULDER_YAW)
    if profile.view == View.THREE_QUARTER and turns is not None and turns[0] * turns[1] < 0:
        notes.append(
            "The profile was made from the other side of you; results may be off. Calibrate for this setup."
        )
    widths = change_of(Feature.SHOULDER_WIDTH)
    if widths is not None and widths[1] > 0 and not profile.view.is_side:
        change = widths[0] / widths[1] - 1.0
        if abs(change) > _WIDTH_OFF_BY:
            words = "larger" if change > 0 else "smaller"
            notes.append(
                f"You are {100 * abs(change):.0f} % {words} in the picture than at calibration: another seat "
                "or another camera? Calibrate again for this setup."
            )
    return notes


def _size_words(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]} x {size_wh[1]}"
