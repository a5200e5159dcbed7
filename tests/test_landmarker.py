"""The real model on a real person (NASA's picture of Eileen Collins, public domain)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from posture_cam.errors import ModelError
from posture_cam.ids import Landmark
from posture_cam.pose.landmarker import PoseLandmarker
from posture_cam.pose.model_store import ModelFile, find_model
from posture_cam.records import Frame, Pose
from posture_cam.settings import load_settings

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SETTINGS = load_settings().pose
SIZE_WH = (1280, 720)
SHOULDERS = [Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER]
EARS = [Landmark.LEFT_EAR, Landmark.RIGHT_EAR]


def scene(person_rgb: np.ndarray, *placed: tuple[float, float, float]) -> np.ndarray:
    """People at (left, top, height), fractions of the picture's height, on grey; the last one in front."""
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), 200, np.uint8)
    for left, top, height in placed:
        size = round(height * SIZE_WH[1])
        # Head and shoulders only: the picture's right half is a model of a rocket.
        part = cv2.resize(person_rgb[:, :400], (round(size * 400 / 512), size), interpolation=cv2.INTER_AREA)
        x, y = round(left * SIZE_WH[1]), round(top * SIZE_WH[1])
        shown = part[: max(0, SIZE_WH[1] - y), max(0, -x) : max(0, SIZE_WH[0] - x)]
        image[y : y + shown.shape[0], max(0, x) : max(0, x) + shown.shape[1]] = shown
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def frame(time_s: float, image_bgr: np.ndarray) -> Frame:
    return Frame(round(time_s * 30), time_s, image_bgr)


@pytest.fixture
def landmarker() -> Iterator[PoseLandmarker]:
    with PoseLandmarker(find_model(), SETTINGS) as made:
        yield made


def nose_x(pose: Pose) -> float:
    """In heights of the picture."""
    return float(pose.landmarks[Landmark.NOSE, 0]) * SIZE_WH[0] / SIZE_WH[1]


def test_head_and_shoulders_of_a_real_person_are_found(
    landmarker: PoseLandmarker, astronaut: np.ndarray
) -> None:
    pose = landmarker.estimate(frame(0.0, cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR)))
    assert pose is not None
    assert pose.image_size_wh == (512, 512)
    x, y = (pose.landmarks[:, :2] * 512).T
    # Read off the picture by eye.
    assert (x[Landmark.NOSE], y[Landmark.NOSE]) == (pytest.approx(225, abs=15), pytest.approx(120, abs=20))
    assert y[Landmark.LEFT_SHOULDER] > y[Landmark.NOSE] + 80
    assert x[Landmark.LEFT_SHOULDER] > x[Landmark.RIGHT_SHOULDER] + 120
    assert pose.visibility[Landmark.NOSE] > 0.9


def test_nobody_in_an_empty_picture(landmarker: PoseLandmarker) -> None:
    assert landmarker.estimate(frame(0.0, np.full((480, 640, 3), 127, np.uint8))) is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 2, 3), (49, 65, 3), (2160, 3840, 3)])
def test_any_size_of_picture_is_taken(landmarker: PoseLandmarker, shape: tuple[int, int, int]) -> None:
    assert landmarker.estimate(frame(0.0, np.zeros(shape, np.uint8))) is None


def test_times_closer_than_a_millisecond_are_taken(landmarker: PoseLandmarker, astronaut: np.ndarray) -> None:
    image = cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR)
    for number in range(4):
        assert landmarker.estimate(frame(number * 1e-4, image)) is not None


def follow(landmarker: PoseLandmarker, images: list[np.ndarray], start_s: float = 0.0) -> list[Pose | None]:
    return [landmarker.estimate(frame(start_s + number / 5, image)) for number, image in enumerate(images)]


def test_the_largest_person_is_taken(astronaut: np.ndarray) -> None:
    for large_x, small_x in ((0.9, 0.1), (0.1, 1.2)):
        with PoseLandmarker(find_model(), SETTINGS) as fresh:
            poses = follow(fresh, [scene(astronaut, (small_x, 0.3, 0.5), (large_x, 0.15, 0.85))] * 5)
        assert poses[-1] is not None
        assert nose_x(poses[-1]) == pytest.approx(large_x + 0.85 * 225 / 512, abs=0.1)


def test_the_person_is_kept_when_somebody_walks_by_behind(
    landmarker: PoseLandmarker, astronaut: np.ndarray
) -> None:
    sitter = (0.7, 0.15, 0.85)
    images = [scene(astronaut, sitter)] * 10
    images += [scene(astronaut, (step, 0.05, 0.5), sitter) for step in np.linspace(-0.3, 1.6, 20)]
    images += [scene(astronaut, sitter)] * 10
    poses = follow(landmarker, images)
    assert all(pose is not None for pose in poses)
    expected = 0.7 + 0.85 * 225 / 512
    assert [nose_x(pose) for pose in poses if pose is not None] == pytest.approx(
        [expected] * len(poses), abs=0.12
    )


def test_somebody_far_behind_an_empty_chair_is_not_the_person(
    landmarker: PoseLandmarker, astronaut: np.ndarray
) -> None:
    follow(landmarker, [scene(astronaut, (0.7, 0.1, 0.9))] * 10)
    poses = follow(landmarker, [scene(astronaut, (0.2, 0.2, 0.35))] * 15, start_s=2.0)
    assert all(pose is None for pose in poses)


def test_the_person_is_found_again_after_leaving(landmarker: PoseLandmarker, astronaut: np.ndarray) -> None:
    sitting, empty = scene(astronaut, (0.7, 0.15, 0.85)), scene(astronaut)
    follow(landmarker, [sitting] * 5)
    assert follow(landmarker, [empty] * 10, 1.0)[-1] is None
    assert follow(landmarker, [sitting] * 10, 3.0)[-1] is not None


def test_the_same_recording_gives_the_same_poses(astronaut: np.ndarray) -> None:
    images = [scene(astronaut, (0.7 + 0.01 * number, 0.15, 0.85)) for number in range(10)]
    runs = []
    for _ in range(2):
        with PoseLandmarker(find_model(), SETTINGS) as fresh:
            runs.append(follow(fresh, images))
    for one, other in zip(*runs, strict=True):
        assert one is not None
        assert other is not None
        assert np.array_equal(one.landmarks, other.landmarks)


def test_a_bundle_that_mediapipe_refuses_is_said(tmp_path: Path) -> None:
    path = tmp_path / "own.task"
    path.write_bytes(b"nothing that MediaPipe knows")
    with pytest.raises(ModelError, match="cannot use the model"):
        PoseLandmarker(ModelFile("own", path, "0" * 64), SETTINGS)


def test_somebody_alone_who_moves_at_once_is_not_lost(
    landmarker: PoseLandmarker, astronaut: np.ndarray
) -> None:
    assert landmarker.estimate(frame(0.0, scene(astronaut, (0.0, 0.1, 0.9)))) is not None
    moved = scene(astronaut, (0.95, 0.1, 0.9))
    seen = [landmarker.estimate(frame(time_s, moved)) for time_s in (0.2, 0.4, 0.6)]
    found = [nose_x(pose) for pose in seen if pose is not None]
    assert len(found) >= 2
    assert found[-1] > 1.2


def at_ten_seconds() -> np.ndarray:
    """A sitter, seen by a laptop's camera."""
    capture = cv2.VideoCapture(str(SAMPLES / "desk-laptop.mp4"))
    capture.set(cv2.CAP_PROP_POS_MSEC, 10_000)
    image = capture.read()[1]
    capture.release()
    return np.asarray(image, np.uint8)


def test_a_sitter_whose_head_is_hidden_is_still_somebody(landmarker: PoseLandmarker) -> None:
    image = at_ten_seconds()
    pose = landmarker.estimate(frame(0.0, image))
    assert pose is not None
    height, width = image.shape[:2]
    head = pose.landmarks[: Landmark.MOUTH_RIGHT + 1, :2] * (width, height)
    (left, top), (right, bottom) = head.min(axis=0), head.max(axis=0)
    size = bottom - top
    covered = image.copy()
    covered[
        max(0, round(top - size)) : round(bottom + 0.4 * size),
        max(0, round(left - 0.6 * size)) : round(right + 0.6 * size),
    ] = 90
    follow(landmarker, [image] * 5, start_s=0.2)
    hidden = follow(landmarker, [covered] * 40, start_s=1.2)
    # A jump of the tracker may cost a look.
    assert not any(one is None and other is None for one, other in pairwise(hidden))
    assert sum(pose is None for pose in hidden) <= 4


def test_an_empty_place_is_not_tracked_for_long(landmarker: PoseLandmarker) -> None:
    capture = cv2.VideoCapture(str(SAMPLES / "desk-laptop.mp4"))
    frame_rate = capture.get(cv2.CAP_PROP_FPS)
    poses = {}
    number = 0
    while (read := capture.read())[0] and number < 58 * frame_rate:
        if number % round(frame_rate / 5) == 0 and number > 50 * frame_rate:
            poses[number / frame_rate] = landmarker.estimate(frame(number / frame_rate, read[1]))
        number += 1
    capture.release()
    assert any(pose is not None for time_s, pose in poses.items() if time_s < 51)
    assert not any(pose is not None for time_s, pose in poses.items() if time_s > 55)  # left at 52 s


def test_a_count_does_not_make_the_tracker_lose_who_bends_over() -> None:
    """A count looks once at each person, and reads somebody blurred and bent over as far too small."""
    capture = cv2.VideoCapture(str(SAMPLES / "desk-oblique.mp4"))
    frame_rate = capture.get(cv2.CAP_PROP_FPS)
    often = SETTINGS.model_copy(update={"census_every_s": 0.4})
    shoulders_y = []
    number = 0
    with PoseLandmarker(find_model(), often) as landmarker:
        while (read := capture.read())[0] and number < 49 * frame_rate:
            if number % round(frame_rate / 5) == 0 and number > 37 * frame_rate:
                soft = np.asarray(cv2.GaussianBlur(cv2.resize(read[1], SIZE_WH), (0, 0), 2.5), np.uint8)
                pose = landmarker.estimate(frame(number / frame_rate, soft))
                assert pose is not None
                shoulders_y.append(float(pose.landmarks[SHOULDERS, 1].mean()))
            number += 1
    capture.release()
    # Close to the screen all the time; a restarted tracker puts the shoulders a tenth of the picture higher.
    assert np.ptp(shoulders_y[20:]) < 0.03


def test_a_face_close_to_the_camera_goes_on_being_tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shoulders lie below the picture, unseen as with an empty chair."""
    image = at_ten_seconds()
    begun_anew = []
    let_go = PoseLandmarker._let_go

    def noted(self: PoseLandmarker, image: np.ndarray, frame: Frame) -> None:
        begun_anew.append(frame.timestamp_s)
        let_go(self, image, frame)

    monkeypatch.setattr(PoseLandmarker, "_let_go", noted)
    with PoseLandmarker(find_model(), SETTINGS) as landmarker:
        pose = landmarker.estimate(frame(0.0, image))
        assert pose is not None
        ears, shoulders = (pose.landmarks[pair, 1].mean() for pair in (EARS, SHOULDERS))
        face = image[: round(float(ears + 0.35 * (shoulders - ears)) * image.shape[0])]
    with PoseLandmarker(find_model(), SETTINGS) as landmarker:
        seen = follow(landmarker, [face] * 60)
    assert sum(pose is not None for pose in seen) > 55
    assert not begun_anew
