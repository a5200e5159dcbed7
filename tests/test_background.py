"""A moved camera is distinguished from a moved person, even in rooms with few points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posture_cam.ids import Doubt
from posture_cam.pose.pose_log import PoseLog
from posture_cam.pose.room import BackgroundWatch
from posture_cam.records import Pose
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.settings import load_settings
from tests.conftest import SAMPLES, Made

CLIPS = ["desk-monitor", "desk-laptop", "desk-oblique", "desk-side"]
SETTINGS = load_settings().background


def pictures(clip: str, *indices: int) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(SAMPLES / f"{clip}.mp4"))
    images = {}
    for index in range(max(indices) + 1):
        got, image = capture.read()
        assert got
        if index in indices:
            images[index] = np.asarray(image, np.uint8)
    capture.release()
    return [images[index] for index in indices]


def moved(image: NDArray[np.uint8], x_px: float, y_px: float, light: float = 0.0) -> NDArray[np.uint8]:
    size = (image.shape[1], image.shape[0])
    matrix = np.array([[1.0, 0.0, x_px], [0.0, 1.0, y_px]])
    shifted = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(shifted.astype(float) * (1 + light), 0, 255).astype(np.uint8)


@pytest.fixture
def pose_at(sample_poses: Callable[[str], Path]) -> Callable[[str, float], Pose | None]:
    def pose(clip: str, time_s: float) -> Pose | None:
        samples = list(PoseLog(sample_poses(clip)).samples())
        return min(samples, key=lambda sample: abs(sample.timestamp_s - time_s)).pose

    return pose


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("shift_px", [(24.0, 30.0), (-30.0, 0.0), (0.0, 36.0)])
def test_a_shift_of_the_camera_is_measured_while_the_person_slouches(
    clip: str, shift_px: tuple[float, float], pose_at: Callable[[str, float], Pose | None]
) -> None:
    upright, slouched = pictures(clip, 20, 200)
    watch = BackgroundWatch(SETTINGS)
    assert watch.shift(upright, pose_at(clip, 2.0)) is None  # the first look has nothing to compare with
    same = watch.shift(slouched, pose_at(clip, 20.0))
    assert same is not None
    assert same.percent < 0.7
    pose = pose_at(clip, 20.0)
    assert pose is not None
    landmarks = pose.landmarks.copy()
    landmarks[:, :2] += np.array(shift_px) / (slouched.shape[1], slouched.shape[0])
    shift = watch.shift(moved(slouched, *shift_px, light=0.15), replace(pose, landmarks=landmarks))
    assert shift is not None
    assert shift.percent == pytest.approx(100 * np.hypot(*shift_px) / slouched.shape[1], abs=1.0)


@pytest.mark.parametrize("clip", CLIPS)
def test_a_whole_clip_of_movement_never_moves_the_camera(clip: str, made_once: Made) -> None:
    # As in a live run, each picture is compared with the pose that the model found in it.
    recording = SAMPLES / f"{clip}.mp4"
    path = made_once(
        f"{clip}.each-second.poses.jsonl",
        lambda target: analyze(AnalysisRequest(recording, rate_hz=1.0, poses=target)),
    )
    samples = list(PoseLog(path).samples())
    images = pictures(clip, *[sample.index for sample in samples])
    watch = BackgroundWatch(SETTINGS.model_copy(update={"looks": 1}))
    for image, sample in zip(images, samples, strict=True):
        assert not watch.compare(image, sample.pose, sample.timestamp_s), sample.timestamp_s


def test_moved_and_back_need_agreeing_looks() -> None:
    (image,) = pictures("desk-side", 20)
    watch = BackgroundWatch(SETTINGS)
    told = []
    for step, shift in enumerate((0.0, 0.0, 40.0, 0.0, 40.0, 40.0, 40.0, 0.0, 0.0)):
        if watch.compare(moved(image, shift, 0.0), None, 2.0 * step):
            told.append((step, watch.doubt))
    assert told == [(5, Doubt.CAMERA_MOVED), (8, None)]
    assert not watch.is_due(17.0)
    assert watch.is_due(18.0)


def test_a_bare_wall_cannot_tell() -> None:
    wall = np.full((360, 640, 3), 180, np.uint8)
    watch = BackgroundWatch(SETTINGS)
    assert watch.shift(wall, None) is None
    assert watch.shift(wall, None) is None


def test_a_camera_that_moves_on_is_told_again() -> None:
    (image,) = pictures("desk-side", 20)
    watch = BackgroundWatch(SETTINGS)
    shifts = (0.0, 40.0, 40.0, 40.0, 80.0, 80.0, 80.0, 0.0, 0.0)
    told = [
        (step, watch.doubt)
        for step, shift in enumerate(shifts)
        if watch.compare(moved(image, shift, 0.0), None, 2.0 * step)
    ]
    assert told == [(2, Doubt.CAMERA_MOVED), (5, Doubt.CAMERA_MOVED), (8, None)]


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("share", [0.75, 4 / 3])
def test_a_picture_squeezed_by_a_capture_card_has_another_shape(clip: str, share: float) -> None:
    (image,) = pictures(clip, 20)
    height, width = image.shape[:2]
    squeezed = np.zeros_like(image)
    inner = np.asarray(cv2.resize(image, (round(min(share, 1.0) * width), height)), np.uint8)
    if share < 1.0:
        aside = (width - inner.shape[1]) // 2
        squeezed[:, aside : aside + inner.shape[1]] = inner
    else:
        cut = round(width * (1 - 1 / share) / 2)
        squeezed = np.asarray(cv2.resize(image[:, cut : width - cut], (width, height)), np.uint8)
    watch = BackgroundWatch(SETTINGS)
    told = [watch.compare(one, None, 2.0 * step) for step, one in enumerate((image, squeezed, squeezed))]
    assert told == [False, False, True]
    assert watch.doubt == Doubt.PICTURE_CHANGED
