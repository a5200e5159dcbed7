"""MediaPipe's Pose Landmarker; the only module that imports mediapipe."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.closing import Closing
from posture_cam.errors import ModelError
from posture_cam.ids import LANDMARK_COUNT, Landmark
from posture_cam.pose.landmark_names import MEDIAPIPE
from posture_cam.pose.lazy_modules import loaded_later
from posture_cam.pose.model_store import ModelFile
from posture_cam.pose.person import Figure, PersonFollower, crop_shift_of, index_of_tracked
from posture_cam.records import Frame, Pose
from posture_cam.settings import PoseSettings, SparingSettings

# MediaPipe loads all its tasks, and matplotlib to draw charts; they take most of the time to import it.
_TASKS = "mediapipe.tasks.python"
_UNUSED = [f"{_TASKS}.{name}" for name in ("audio", "decision", "retrieval", "text")]
with loaded_later("matplotlib", "matplotlib.pyplot", *_UNUSED):
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

_CENSUS_WHEN_UNSURE_S, _CENSUS_AFTER_JUMP_S = 1.0, 0.3
# The middle of 0 to 255, which shows neither light nor shadow.
_GREY = 127
# The time that MediaPipe is told has passed before a second look at the same picture, times the clock factor,
# so that it does not smooth; shorter than the time between two looks.
_SECOND_LOOK_AFTER_S = 0.1
# Measured: a neck that had come upright read 5 deg at the first and second look, 2 deg at the third.
_LOOKS_AT_MOST = 3
_SHOULDERS = np.array([Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER])
# An empty chair that is tracked has shoulders of 0.01; a person whose head is hidden shows shoulders.
_NO_SHOULDERS_BELOW = 0.1
# A person behind the chair shows them clearly; a face close to the camera does not.
_SHOULDERS_FROM = 0.5
# How much of the surroundings stays visible around the person that tracking is restarted on, in sizes.
_WINDOW_ABOVE, _WINDOW_BELOW, _WINDOW_ASIDE = 0.6, 3.0, 0.75


class PeopleCounter:
    """Finds all people in single pictures; shared by several landmarkers, on any threads.

    Args:
        model: The pose model.
        settings: How to find a person.
    """

    def __init__(self, model: ModelFile, settings: PoseSettings) -> None:
        self._model, self._settings = model, settings
        self._all: vision.PoseLandmarker | None = None  # created on first use: a one-off of 0.1 s
        self._in_use, self._users = Lock(), 0

    def join(self) -> Self:
        """Register a user."""
        with self._in_use:
            self._users += 1
        return self

    def count(self, image_rgb: NDArray[np.uint8], size_wh: tuple[int, int]) -> list[Figure]:
        """Where the people in a picture are.

        Args:
            image_rgb: H x W x 3.
            size_wh: The size of the picture before it was scaled down.

        Raises:
            ModelError: MediaPipe refuses the model, or failed on the picture.
        """
        with self._in_use:
            if self._all is None:
                people = self._settings.max_people
                self._all = _create(self._model, self._settings, vision.RunningMode.IMAGE, people)
            try:
                result = self._all.detect(_as_mp(image_rgb))
            except (RuntimeError, ValueError) as error:
                raise ModelError(f"MediaPipe failed on a picture: {_first_line(error)}") from error
        return [
            Figure.of(
                np.array([(point.x, point.y) for point in landmarks]),
                size_wh,
                has_shoulders=max(landmarks[one].presence or 0.0 for one in _SHOULDERS) >= _SHOULDERS_FROM,
            )
            for landmarks in result.pose_landmarks
        ]

    def leave(self) -> None:
        """Unregister a user; the last user releases the model."""
        with self._in_use:
            self._users -= 1
            if not self._users and self._all is not None:
                with suppress(RuntimeError):  # closing fails again after a failure, which was reported
                    self._all.close()
                self._all = None


class PoseLandmarker(Closing):
    """Finds the landmarks of one person: the largest, followed steadily when others pass.

    One tracker in VIDEO mode does the work (asking MediaPipe for two people costs 60 % more on every
    frame, as the detector then never rests).  A second one in IMAGE mode counts the people only when
    a new person is tracked, when the tracked person jumps or shows no shoulders, and every few seconds.  If
    the tracker follows the wrong person, it is restarted on a picture that shows only the right one; if it
    follows nobody, on an empty picture.

    Args:
        model: The pose model.
        settings: How to find a person.
        sparing: Given if looks are far apart.  MediaPipe smooths landmarks, and the area where it looks for
            the person, over several looks.  That suits a stream; with few looks the pose is only half there.
            So its smoothing is disabled, and when the person has jumped, the picture is looked at twice: the
            second time in the right area.
        counter: Shared with other landmarkers; if not given, a new one is created.

    Raises:
        ModelError: MediaPipe refuses the model.
    """

    landmark_names = MEDIAPIPE
    running_mode = "VIDEO"

    def __init__(
        self,
        model: ModelFile,
        settings: PoseSettings,
        sparing: SparingSettings | None = None,
        counter: PeopleCounter | None = None,
    ) -> None:
        self._model = model
        self._settings = settings
        self._sparing = sparing
        # To prevent smoothing, MediaPipe's time has to advance by more, even within a picture.
        step_s = 0.001 if sparing is None else sparing.clock_factor * _SECOND_LOOK_AFTER_S
        self._least_ms = round(1000 * step_s)
        self._tracked: Pose | None = None  # at the last look
        self._tracker = _create(model, settings, vision.RunningMode.VIDEO, 1)
        self._counter = (counter or PeopleCounter(model, settings)).join()
        self._follower = PersonFollower()
        self._last_ms = -1
        self._counted_s = -np.inf
        self._was_followed = False  # since the last count

    @property
    def model(self) -> str:
        """Name and checksum of the model."""
        return self._model.identity

    def another(self) -> PoseLandmarker:
        """A second landmarker of the same model, which shares the counter of people."""
        return PoseLandmarker(self._model, self._settings, self._sparing, self._counter)

    def estimate(self, frame: Frame) -> Pose | None:
        """The pose of the person at the desk, or None if nobody is seen.

        Raises:
            ModelError: MediaPipe failed on the picture.
        """
        pose = self._estimate(frame)
        self._was_followed = self._was_followed or pose is not None
        return pose

    def _estimate(self, frame: Frame) -> Pose | None:
        image = self._prepare(frame.image_bgr)
        pose = self._track(image, frame)
        if pose is None:
            return None
        time_s = frame.timestamp_s
        has_shoulders = bool(pose.presence[_SHOULDERS].max() >= _NO_SHOULDERS_BELOW)
        figure = Figure.of(pose.landmarks, pose.image_size_wh, has_shoulders=has_shoulders)
        is_expected = self._follower.is_expected(figure, time_s)
        if self._is_count_due(time_s, is_sure=is_expected and has_shoulders, is_expected=is_expected):
            people = self._counter.count(image, pose.image_size_wh)
            tracked = index_of_tracked(figure, people)
            if tracked is not None:
                people[tracked] = figure  # the tracker is more accurate
            self._counted_s, self._was_followed = time_s, False
            chosen = self._follower.choose(people, time_s)
            if not people and not has_shoulders:
                self._let_go(image, frame)  # an empty chair may be tracked for a long time
                return None
            if chosen is None and people:
                return None
            # If the count saw nobody at all, the tracked person is taken: VIDEO mode detects slightly more.
            if chosen is not None and chosen != tracked:
                pose = self._restart_on(image, people[chosen], frame)
                if pose is None:
                    return None
                figure = Figure.of(pose.landmarks, pose.image_size_wh)
            is_expected = True
        return self._followed(pose, figure, time_s, is_expected)

    def _followed(self, pose: Pose, figure: Figure, time_s: float, is_expected: bool) -> Pose | None:
        if not is_expected:
            return None
        self._follower.follow(figure, time_s)
        return pose

    def _is_count_due(self, time_s: float, *, is_sure: bool, is_expected: bool) -> bool:
        since_s = abs(time_s - self._counted_s)  # looks may go back in time
        # A jump: the person moved, or the tracker switched to somebody else.
        if not is_expected and self._was_followed:
            return since_s >= _CENSUS_AFTER_JUMP_S
        if not is_sure or self._follower.is_challenged():
            return since_s >= _CENSUS_WHEN_UNSURE_S
        return since_s >= self._settings.census_every_s

    def _prepare(self, image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image_bgr.shape[:2]
        scale = self._settings.max_side_px / max(width, height)
        if scale < 1:
            size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
            image_bgr = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA).astype(
                np.uint8, copy=False
            )
        return cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def _track(self, image: NDArray[np.uint8], frame: Frame) -> Pose | None:
        if self._sparing is None:
            return self._look(image, frame, frame.timestamp_s)
        # MediaPipe crops by the pose before: after a movement, by a wrong one, until the pose comes to rest.
        before, found, clock_s = self._tracked, None, frame.timestamp_s
        for _ in range(_LOOKS_AT_MOST):
            pose = self._look(image, frame, self._sparing.clock_factor * clock_s)
            if pose is None:
                break  # a fast person may not be found the second time; then the first look is used
            is_settled = before is not None and crop_shift_of(before, pose) <= self._sparing.again_scales
            before = found = pose
            if is_settled:
                break
            clock_s += _SECOND_LOOK_AFTER_S
        self._tracked = found
        return found

    def _look(self, image: NDArray[np.uint8], frame: Frame, clock_s: float) -> Pose | None:
        # MediaPipe counts in whole milliseconds and refuses a time that does not advance.
        self._last_ms = max(round(clock_s * 1000), self._last_ms + self._least_ms)
        try:
            result = self._tracker.detect_for_video(_as_mp(image), self._last_ms)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"MediaPipe failed on a picture: {_first_line(error)}") from error
        if not result.pose_landmarks:
            return None
        return _as_pose(result, frame)

    def _let_go(self, image: NDArray[np.uint8], frame: Frame) -> None:
        """Show the tracker an empty picture, so that it searches again next time."""
        self._track(np.full_like(image, _GREY), frame)

    def _restart_on(self, image: NDArray[np.uint8], figure: Figure, frame: Frame) -> Pose | None:
        """Make the tracker lose its person, then show it one picture with only this person."""
        self._let_go(image, frame)
        height, width = image.shape[:2]
        left, right = ((figure.centre_x + side * _WINDOW_ASIDE * figure.size) * height for side in (-1, 1))
        top = (figure.centre_y - _WINDOW_ABOVE * figure.size) * height
        bottom = (figure.centre_y + _WINDOW_BELOW * figure.size) * height
        window = (
            slice(max(0, round(top)), min(height, round(bottom))),
            slice(max(0, round(left)), min(width, round(right))),
        )
        alone = np.full_like(image, _GREY)
        alone[window] = image[window]
        return self._track(alone, frame)

    def close(self) -> None:
        """Release what is open."""
        with suppress(RuntimeError):  # as for the counter
            self._tracker.close()
        self._counter.leave()


def _create(
    model: ModelFile, settings: PoseSettings, mode: vision.RunningMode, people: int
) -> vision.PoseLandmarker:
    confidence = settings.min_confidence
    try:
        return vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(model.path)),
                running_mode=mode,
                num_poses=people,
                min_pose_detection_confidence=confidence,
                min_pose_presence_confidence=confidence,
                min_tracking_confidence=confidence,
            )
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"MediaPipe cannot use the model {model.path}: {_first_line(error)}",
            "posture-cam doctor shows what is installed.",
        ) from error


def _as_mp(image_rgb: NDArray[np.uint8]) -> mp.Image:
    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image_rgb))


def _as_pose(result: vision.PoseLandmarkerResult, frame: Frame) -> Pose | None:
    points, world = result.pose_landmarks[0], result.pose_world_landmarks[0]
    landmarks = np.array([(point.x, point.y, point.z) for point in points])
    world_landmarks = np.array([(point.x, point.y, point.z) for point in world])
    if (
        landmarks.shape[0] != LANDMARK_COUNT
        or not np.isfinite(landmarks).all()
        or not np.isfinite(world_landmarks).all()
    ):
        return None
    return Pose(
        timestamp_s=frame.timestamp_s,
        landmarks=landmarks,
        world_landmarks=world_landmarks,
        visibility=np.array([point.visibility or 0.0 for point in points]),
        presence=np.array([point.presence or 0.0 for point in points]),
        image_size_wh=(frame.image_bgr.shape[1], frame.image_bgr.shape[0]),
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
