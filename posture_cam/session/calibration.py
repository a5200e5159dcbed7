"""Calibration: takes a person's neutral posture from a camera or a recording and stores it as a profile."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posture_cam.assessment import Calibrator, slouch_share, without_uncertain
from posture_cam.errors import NeutralError, SourceError, UsageError
from posture_cam.geometry import AngleEstimator, FeatureExtractor, compare
from posture_cam.ids import Measure, Stance
from posture_cam.measures import load_measures
from posture_cam.pose import open_estimator
from posture_cam.pose.pose_log import PoseLogHeader
from posture_cam.profiles import all_of, has_profile, load_profile, save_profile, stored_like
from posture_cam.records import Features, Frame, Neutral
from posture_cam.session.neutrals import load_estimator, moments_of, neutral_from, steady_stretch
from posture_cam.session.poses import (
    Listener,
    Poses,
    check_stretch,
    estimated_poses,
    is_recorded,
    recorded_poses,
)
from posture_cam.settings import Settings, load_settings
from posture_cam.words import clock, value_words, words_for, words_of

Say = Callable[[str, float, Frame | None], bool]
"""Called with a sentence, how much is done (0 to 1) and the picture; False ends the calibration."""

Ask = Callable[[str], bool]
"""Asks the person a question; True is yes."""

_WATCHED_AGAINST_STORED = (
    Measure.NECK_INCLINATION_CHANGE,
    Measure.TRUNK_INCLINATION_CHANGE,
    Measure.SINKING,
    Measure.EAR_DROP,
)
SIT_WELL = "Sit the way you want to sit, and look at the screen."
# Chosen: as long as a neutral posture has to be held.
_SLOUCH_MIN_S = 3.0
# A slouch that reaches less than this share of every poor limit does not count.
_SLOUCH_LEAST_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """A request for a calibration.

    Attributes:
        profile: The name to store it under.
        camera: A camera's number or a stream's address; used where `recording` is None.
        recording: A video, or recorded poses.
        at_s: The stretch of the recording to use, start and end in seconds; None looks for a suitable one.
        slouch: Ask for the person's own slouch as well (camera only).
        keep_room: Keep points of the room, by which the posture can follow the camera.
        slouch_s: The stretch of the recording that shows it.
        model: full, lite, heavy, or a path.
        stance: Whether it is taken sitting or standing.
        replace: Replace a stored posture without asking, even if the new one is worse.
    """

    profile: str = "default"
    camera: int | str = 0
    recording: Path | None = None
    at_s: tuple[float, float] | None = None
    slouch: bool = False
    keep_room: bool = True
    slouch_s: tuple[float, float] | None = None
    model: str = "full"
    stance: Stance = Stance.SITTING
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The result of a calibration; `replaced` if a profile of that name existed before."""

    profile: str
    path: Path
    neutral: Neutral
    replaced: bool


def calibrate(
    request: CalibrationRequest,
    say: Say | None = None,
    listener: Listener | None = None,
    *,
    ask: Ask | None = None,
) -> Calibrated:
    """Take a neutral posture and store it; one clearly worse than the stored one only with consent.

    Args:
        request: The request.
        say: Guides the person in front of a camera.
        listener: Follows the work on a recording.
        ask: Asks the person a question; None if there is nobody to ask.

    Raises:
        UsageError: Options that do not go together.
        SourceError: The camera, stream or recording cannot be read.
        NeutralError: The person moved, could not be seen, or sits worse than in the stored posture; the
            message gives the reason.
        ModelError: A model is missing, wrong, or cannot be fetched.
        OutputError: The profile cannot be written.
    """
    settings, listener = load_settings(), listener or Listener()
    replaced = has_profile(request.profile)  # refuses an invalid name before any work is done
    if request.recording is None and (request.at_s is not None or request.slouch_s is not None):
        raise UsageError("--at and --slouch-at name times of a recording.", "Add --from VIDEO.")
    if request.recording is not None and request.slouch:
        raise UsageError("--slouch asks in front of a camera.", "For a recording: --slouch-at START-END.")
    if request.recording is not None and is_recorded(request.recording) and request.model != "full":
        raise UsageError(
            f"--model needs the video; {request.recording.name} holds poses only.", "Name the video instead."
        )
    estimator = load_estimator()
    with ExitStack() as stack:
        if request.recording is not None:
            neutral = _from_recording(request, request.recording, settings, estimator, listener, stack)
        else:
            neutral = _from_camera(request, settings, estimator, say or (lambda *_: True), listener, stack)
        neutral = replace(neutral, stance=request.stance)
        if replaced:
            replaced = _replaced(request, neutral) is not None
        if replaced and not request.replace:
            _check_better(request, neutral, settings, estimator, ask)
    path = save_profile(request.profile, neutral, is_of_camera=request.recording is None)
    return Calibrated(request.profile, path, neutral, replaced)


def _replaced(request: CalibrationRequest, neutral: Neutral) -> Neutral | None:
    """The stored neutral posture that the new one replaces; a damaged profile is replaced as it is."""
    try:
        stored = all_of(load_profile(request.profile))
    except NeutralError:
        return neutral
    return stored_like(stored, neutral, is_of_camera=request.recording is None)


def _check_better(
    request: CalibrationRequest,
    neutral: Neutral,
    settings: Settings,
    estimator: AngleEstimator,
    ask: Ask | None,
) -> None:
    """Let the person decide where a new neutral posture is clearly worse than the stored one.

    Raises:
        NeutralError: It is worse, and the person does not want it stored.
    """
    is_of_camera = request.recording is None
    worse = worse_words(request.profile, neutral, settings, estimator, is_of_camera=is_of_camera)
    if worse and not (ask is not None and ask(f"{worse} Store it all the same?")):
        raise NeutralError(
            f"{worse} The stored one is kept.",
            "Sit upright and calibrate again; --replace stores it all the same, --profile NAME beside it.",
        )


def worse_words(
    name: str, neutral: Neutral, settings: Settings, estimator: AngleEstimator, *, is_of_camera: bool
) -> str:
    """How a neutral posture is worse than the one stored under a name, in a sentence; empty if it is not.

    Postures seen from different sides cannot be compared; a damaged profile counts as missing.
    """
    try:
        stored = stored_like(all_of(load_profile(name)), neutral, is_of_camera=is_of_camera)
    except NeutralError:
        return ""
    if stored is None or neutral.pose is None or stored.pose is None or neutral.view != stored.view:
        return ""
    moment = FeatureExtractor(settings, neutral.view).extract(0.0, neutral.pose)
    estimate = estimator.against(stored.pose).of(neutral.pose)
    values = compare(moment, stored, settings, estimate).values
    table = load_measures("estimated")
    limits = {one: table[one].good for one in _WATCHED_AGAINST_STORED} | {
        Measure.APPROACH: table[Measure.APPROACH].poor
    }
    worse = [
        f"{table[one].fault} ({value_words(one, values[one])})"
        for one, limit in limits.items()
        if limit is not None and values.get(one, 0.0) > limit
    ]
    if not worse:
        return ""
    return f"Compared with the neutral posture stored as {name}, the new one is worse: {', '.join(worse)}."


def _from_recording(
    request: CalibrationRequest,
    path: Path,
    settings: Settings,
    estimator: AngleEstimator,
    listener: Listener,
    stack: ExitStack,
) -> Neutral:
    stretches = [stretch for stretch in (request.at_s, request.slouch_s) if stretch is not None]
    if is_recorded(path):
        poses = recorded_poses(path, settings)
    else:
        poses = estimated_poses(
            path,
            settings,
            listener,
            stack,
            rate_hz=settings.sampling.rate_hz,
            model=request.model,
            stretch_s=request.at_s,
            until_s=max(end for _, end in stretches) if request.at_s is not None else None,
        )
    for stretch in stretches:
        check_stretch(stretch, poses.end_s)
    at_s = request.at_s or _steady_stretch(poses, settings)
    taken = _steady(moments_of(poses, at_s), Calibrator(settings))
    if isinstance(taken, str):
        raise NeutralError(
            f"From {clock(at_s[0])} to {clock(at_s[1])} no neutral posture can be taken: {taken}.",
            f"Choose at least {settings.calibration.min_s:g} s in which you sit upright and still, "
            "with face and shoulders in the picture: --at 0:05-0:15",
        )
    neutral = built(taken, poses.header, settings)
    if request.keep_room and not is_recorded(path):
        neutral = _with_room(neutral, path, taken[0].timestamp_s, poses.turns)
    if request.slouch_s is None:
        return neutral
    moments = moments_of(poses, request.slouch_s)
    slouched = _steady(moments, Calibrator(settings, min_s=_SLOUCH_MIN_S, may_turn=True))
    if isinstance(slouched, str):
        raise NeutralError(
            f"From {clock(request.slouch_s[0])} to {clock(request.slouch_s[1])} no slouch can be taken: "
            f"{slouched}.",
            f"Choose at least {_SLOUCH_MIN_S:g} s in which you hold it, or leave --slouch-at out.",
        )
    return _with_slouch(neutral, slouched, settings, estimator)


def _with_room(neutral: Neutral, path: Path, time_s: float, turns: int) -> Neutral:
    # Slow to import.
    from posture_cam.pose.carrying import room_points
    from posture_cam.source import VideoFile

    with VideoFile(path, turns=turns) as video:
        frame = video.picture_at(time_s)
    return neutral if frame is None else replace(neutral, room=room_points(frame.image_bgr, neutral.pose))


def _steady_stretch(poses: Poses, settings: Settings) -> tuple[float, float]:
    longer = settings.neutral.model_copy(
        update={"min_s": settings.calibration.min_s, "min_samples": settings.calibration.min_samples}
    )
    stretch, _ = steady_stretch(poses, settings.model_copy(update={"neutral": longer}))
    if stretch is None or not stretch.is_plausible:
        raise NeutralError(
            f"No {settings.calibration.min_s:g} s of upright, steady sitting were found in the recording.",
            "Name the time at which you sit the way you want to: --at 0:05-0:15",
        )
    return stretch.start_s, stretch.end_s


def _steady(moments: Iterable[Features], calibrator: Calibrator) -> list[Features] | str:
    """The longest steady run among some moments, or the reason why there is none."""
    best: list[Features] = []
    for moment in moments:
        calibrator.collect(moment)
        if calibrator.is_done and len(calibrator.kept) > len(best):
            best = list(calibrator.kept)
    return best or _refusal_words(calibrator)


def _refusal_words(calibrator: Calibrator) -> str:
    return words_for("refusal", calibrator.refusal).format(least_s=calibrator.min_s)


def built(features: list[Features], header: PoseLogHeader, settings: Settings) -> Neutral:
    """Build the neutral posture to be stored from the features that a calibrator collected."""
    neutral = neutral_from(features, header, settings, is_stored=True)
    assert neutral is not None  # a calibrator collects more than enough
    return neutral


def _with_slouch(
    neutral: Neutral, features: list[Features], settings: Settings, estimator: AngleEstimator
) -> Neutral:
    """The neutral posture with the person's own slouch added, measured against it."""
    limits = load_measures("estimated")
    assert neutral.pose is not None  # it was built just now
    estimates = estimator.against(neutral.pose).of_many(
        [one.pose for one in features if one.pose is not None]
    )
    measured = [
        without_uncertain(compare(moment, neutral, settings, estimate), limits)
        for moment, estimate in zip(features, estimates, strict=True)
    ]
    names = {name for moment in measured for name in moment.errors}
    slouch = {
        name: float(np.median([moment.values[name] for moment in measured if name in moment.values]))
        for name in sorted(names)
    }
    share = slouch_share(slouch)
    if share is None or share < _SLOUCH_LEAST_SHARE:
        raise NeutralError(
            "The slouch hardly differs from the neutral posture."
            if share is not None
            else "The slouch could not be compared with the neutral posture.",
            "Slouch the way you do when you are tired, facing the camera as before; or leave it out.",
        )
    return replace(neutral, slouch=slouch)


def _from_camera(
    request: CalibrationRequest,
    settings: Settings,
    estimator: AngleEstimator,
    say: Say,
    listener: Listener,
    stack: ExitStack,
) -> Neutral:
    # Slow to import.
    from posture_cam.pose.carrying import room_points
    from posture_cam.source import device_name, open_device, paced
    from posture_cam.source.displays import display_count

    camera = stack.enter_context(open_device(request.camera))
    landmarker = stack.enter_context(open_estimator(request.model, settings, progress=listener.download))
    header = PoseLogHeader(camera.info, landmarker.model, landmarker.running_mode, settings.sampling.rate_hz)
    extractor = FeatureExtractor(settings)

    seen: list[Frame] = []

    def moments() -> Iterator[tuple[Frame, Features]]:
        for frame in paced(camera, settings.sampling.rate_hz):
            seen[:] = [frame]
            yield frame, extractor.extract(frame.timestamp_s, landmarker.estimate(frame))
        raise SourceError(f"{camera.info.name} gives no more pictures.")  # pragma: no cover - frames() raises

    stream = moments()
    taken = guided(stream, Calibrator(settings), SIT_WELL, settings, say)
    neutral = replace(built(taken, header, settings), displays=display_count())
    if isinstance(request.camera, int):
        neutral = replace(neutral, device=device_name(request.camera))
    if request.keep_room and seen:
        neutral = replace(neutral, room=room_points(seen[0].image_bgr, neutral.pose))
    if request.slouch:
        calibrator = Calibrator(settings, min_s=_SLOUCH_MIN_S, may_turn=True)
        slouched = guided(stream, calibrator, "Now slouch the way you do when you are tired.", settings, say)
        neutral = _with_slouch(neutral, slouched, settings, estimator)
    say("Done.", 1.0, None)
    return neutral


def guided(
    stream: Iterator[tuple[Frame, Features]],
    calibrator: Calibrator,
    invitation: str,
    settings: Settings,
    say: Say,
) -> list[Features]:
    """A steady stretch in front of the camera, after a countdown; problems are reported as they occur."""
    start_s: float | None = None
    for frame, features in stream:
        start_s = frame.timestamp_s if start_s is None else start_s
        waited_s = frame.timestamp_s - start_s
        left_s = settings.calibration.countdown_s - waited_s
        if left_s > 0:
            goes_on = say(f"{invitation} {math.ceil(left_s)}", 0.0, frame)
        else:
            brightness = float(frame.image_bgr[::8, ::8].mean())
            advice = calibrator.collect(features, brightness)
            goes_on = say(words_of(advice.hint), advice.share, frame)
            if calibrator.is_done:
                return list(calibrator.kept)
        if not goes_on:
            raise NeutralError("The calibration was stopped.", "Nothing was stored.")
        if waited_s > settings.calibration.give_up_after_s:
            raise NeutralError(
                f"No steady posture could be taken in {waited_s:.0f} s: {_refusal_words(calibrator)}.",
                "Start it again when you sit comfortably, with face and shoulders in the picture.",
            )
    raise SourceError("The camera gives no more pictures.")  # pragma: no cover - the stream raises
