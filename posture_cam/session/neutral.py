"""Which neutral posture a session compares with, and whether it fits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from posture_cam import __version__
from posture_cam.assessment import NeutralFinder, Stretch, build_neutral, take_stretch
from posture_cam.geometry import AngleEstimator, FeatureExtractor
from posture_cam.pose.recorded import PoseLogHeader
from posture_cam.records import Features, Neutral, Sample, View
from posture_cam.session.poses import Poses
from posture_cam.settings import Settings, bundled_model
from posture_cam.words import words_of

ESTIMATOR_FILE = "angle_estimator.npz"
# Shoulders this much wider or narrower than at calibration mean another seat or another camera.
_WIDTH_OFF_BY = 0.3
FIRST_S = 60.0
# The elevation read off a level head is right within 8 to 10 deg (geometry/features.py).
_ELEVATION_OFF_BY_DEG = 15.0


def load_estimator() -> AngleEstimator:
    """The learned angle estimator that ships with the program.

    Raises:
        ModelError: Its weights are missing or damaged.
    """
    return AngleEstimator.load(bundled_model(ESTIMATOR_FILE))


def moments_of(
    poses: Poses, settings: Settings, *stretches_s: tuple[float, float], view: View | None = None
) -> list[Features]:
    """The features of some stretches of a recording.

    Args:
        poses: Of the recording.
        settings: For the features.
        stretches_s: Start and end of each, one after the other.
        view: From where the person is seen in them; None finds it out from all that comes before them.
    """
    read = stretches_s if view is not None else [(0.0, stretches_s[-1][1])]
    extractor, number = FeatureExtractor(settings, view), 0
    moments = []
    for sample in poses.log.samples(*read):
        while sample.timestamp_s > stretches_s[number][1]:
            number += 1
            if view is not None:  # what was seen at the end of one stretch tells nothing of the next
                extractor = FeatureExtractor(settings, view)
        moment = extractor.extract(sample.timestamp_s, sample.pose)
        if sample.timestamp_s >= stretches_s[number][0]:
            moments.append(moment)
    return moments


class NeutralSearch:
    """Looks for the neutral posture of a recording while its samples come by, in order of time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._finder, self._extractor = NeutralFinder(settings), FeatureExtractor(settings)

    def see(self, sample: Sample) -> None:
        """Take one sample."""
        self._finder.add(self._extractor.extract(sample.timestamp_s, sample.pose))

    @property
    def main_view(self) -> View | None:
        """The view that the recording mostly shows, or None where nobody could be used."""
        return self._finder.main_view

    def stretch(self) -> Stretch | None:
        """The most upright steady stretch of what came by, or None."""
        return self._finder.find()

    def neutral(self, poses: Poses) -> Neutral | None:
        """The neutral posture out of that stretch and those alike, or None.

        Args:
            poses: The same samples, once all came by.
        """
        stretch = self.stretch()
        if stretch is None or not stretch.is_plausible:
            return None
        moments = moments_of(poses, self._settings, *stretch.alike_s, view=stretch.view)
        found = neutral_from(moments, poses.log.header, self._settings, stretch.view)
        if found is None:
            return None
        return replace(found, start_s=stretch.start_s, end_s=stretch.end_s, alike_s=stretch.more_s)


def neutral_from(
    features: list[Features],
    header: PoseLogHeader,
    settings: Settings,
    view: View | None = None,
    *,
    is_stored: bool = False,
) -> Neutral | None:
    """The neutral posture out of some moments, or None where too few of them are usable.

    Args:
        features: The moments.
        header: Where they come from.
        settings: How many are needed.
        view: Only those seen from here; None takes the most frequent view.
        is_stored: It becomes a profile, with the time of its making.
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


def misfits(profile: Neutral, header: PoseLogHeader, first: list[Features]) -> list[str]:
    """Where a stored neutral posture does not fit a run, each with what to do.

    Args:
        profile: The neutral posture.
        header: What is known of the run.
        first: Usable moments of its first minute (`first_minute`).
    """
    size_wh = (header.source.width_px, header.source.height_px)
    pairs = {
        "model": (profile.model, header.model),
        "running mode of MediaPipe": (profile.running_mode, header.running_mode),
        "size of picture": (_size_words(profile.image_size_wh), _size_words(size_wh)),
    }
    if header.source.is_live:
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
    notes += _camera_misfits(profile, [moment for moment in first if moment.view == profile.view])
    widths = [moment.values["shoulder_width_ratio"] for moment in first if moment.view == profile.view]
    then_width = profile.centre.get("shoulder_width_ratio")
    if widths and then_width and not profile.view.is_side:
        change = float(np.median(widths)) / then_width - 1.0
        if abs(change) > _WIDTH_OFF_BY:
            words = "larger" if change > 0 else "smaller"
            notes.append(
                f"You are {abs(change):.0%} {words} in the picture than at calibration".replace("%", " %")
                + ": another seat or another camera? Calibrate again for this setup."
            )
    return notes


def first_minute(poses: Poses, settings: Settings) -> list[Features]:
    """The usable moments of the first minute in which the person is seen; nothing beyond it is read."""
    extractor = FeatureExtractor(settings)
    first: list[Features] = []
    for sample in poses.log.samples():
        moment = extractor.extract(sample.timestamp_s, sample.pose)
        if moment.reason is not None:
            continue
        if first and moment.timestamp_s - first[0].timestamp_s > FIRST_S:
            break
        first.append(moment)
    return first


def _camera_misfits(profile: Neutral, moments: list[Features]) -> list[str]:
    """Whether the camera stands elsewhere about the person than at calibration."""
    notes = []
    name = "camera_elevation_deg"
    then_deg = profile.context.get(name)
    seen_deg = [moment.values[name] for moment in moments if name in moment.values]
    if profile.view == View.FRONT and then_deg is not None and seen_deg:
        higher_deg = float(np.median(seen_deg)) - then_deg
        if abs(higher_deg) > _ELEVATION_OFF_BY_DEG:
            words = "higher" if higher_deg > 0 else "lower"
            notes.append(
                f"The camera seems to stand {words} than at calibration, by about {abs(higher_deg):.0f}°; "
                "results may be off. Calibrate for this setup."
            )
    turns = [moment.values["shoulder_yaw_deg"] for moment in moments]
    then_turn = profile.centre.get("shoulder_yaw_deg", 0.0)
    if profile.view == View.THREE_QUARTER and turns and float(np.median(turns)) * then_turn < 0:
        notes.append(
            "The profile was made from the other side of you; results may be off. Calibrate for this setup."
        )
    return notes


def _size_words(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]} x {size_wh[1]}"
