"""The neutral posture follows a camera that turns: exact for built rooms, and in runs on turned pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posture_cam.errors import NeutralError
from posture_cam.ids import Command, Landmark, Measure, Reason, State
from posture_cam.pose.carrying import Turn, room_points, turn_between
from posture_cam.pose.pose_log import PoseLog
from posture_cam.pose.room import room_mask
from posture_cam.profiles import load_profile, save_profile
from posture_cam.records import Neutral, Pose
from posture_cam.session.calibration import CalibrationRequest, calibrate
from posture_cam.session.following import carried
from posture_cam.session.monitor import MonitorRequest, monitor
from posture_cam.settings import load_settings
from tests.builders import front_pose
from tests.conftest import SAMPLES
from tests.test_monitor import Kept, ScriptedSource, neutral  # noqa: F401

SIZE_WH = (640, 360)
FOCAL_W = 0.9
Image = NDArray[np.uint8]


def matrix(focal_w: float, size_wh: tuple[int, int] = SIZE_WH) -> NDArray[np.float64]:
    width, height = size_wh
    return np.array([[focal_w * width, 0, width / 2], [0, focal_w * width, height / 2], [0, 0, 1.0]])


def rotation(pan_deg: float = 0.0, tilt_deg: float = 0.0, roll_deg: float = 0.0) -> NDArray[np.float64]:
    parts = [(0, 0, roll_deg), (tilt_deg, 0, 0), (0, pan_deg, 0)]
    first, second, third = (np.asarray(cv2.Rodrigues(np.radians(np.array(one, float)))[0]) for one in parts)
    return np.asarray(first @ second @ third)


def turned(image: Image, turn: NDArray[np.float64], zoom: float = 1.0, light: float = 1.0) -> Image:
    """What a camera that has turned sees, with a sensor's noise."""
    height, width = image.shape[:2]
    homography = (
        matrix(FOCAL_W * zoom, (width, height)) @ turn @ np.linalg.inv(matrix(FOCAL_W, (width, height)))
    )
    seen = cv2.warpPerspective(image, homography, (width, height)).astype(float) * light
    return np.clip(seen + np.random.default_rng(1).normal(0, 2, seen.shape), 0, 255).astype(np.uint8)


def wall(seed: int, size_wh: tuple[int, int] = SIZE_WH) -> Image:
    """A plain wall with pictures on it."""
    rng = np.random.default_rng(seed)
    width, height = size_wh
    found = np.full((height, width, 3), 170, np.uint8)
    for _ in range(25):
        wide, high = (int(rng.integers(size // 14, size // 5)) for size in (width, height))
        x, y = int(rng.integers(0, width - wide)), int(rng.integers(0, height - high))
        small = rng.integers(0, 255, (max(high // 8, 2), max(wide // 8, 2), 3), dtype=np.uint8)
        found[y : y + high, x : x + wide] = cv2.resize(small, (wide, high), interpolation=cv2.INTER_CUBIC)
    return found


TURNS = [
    (0, 5, 0, 1.0, 1.0),
    (0, -10, 0, 1.0, 0.85),
    (8, 0, 0, 1.0, 1.2),
    (-4, 0, 2, 1.0, 1.0),
    (0, 0, -2, 1.08, 1.0),
    (3, 8, 1, 0.93, 1.0),
]


def test_a_turn_is_read_off_the_room_or_refused_but_never_wrong() -> None:
    found = 0
    for pan_deg, tilt_deg, roll_deg, zoom, light in TURNS:
        true = rotation(pan_deg, tilt_deg, roll_deg)
        angle_deg = math.degrees(math.acos((np.trace(true) - 1) / 2))
        for seed in range(4):
            room = wall(seed)
            turn = turn_between(room_points(room, None), room_points(turned(room, true, zoom, light), None))
            if turn is not None:
                found += 1
                assert turn.angle_deg == pytest.approx(angle_deg, rel=0.15, abs=0.3)
                assert turn.zoom == pytest.approx(zoom, abs=0.02)
    assert found >= 0.85 * 4 * len(TURNS)


def test_what_is_no_turn_is_none() -> None:
    room = wall(1)
    points = room_points(room, None)
    nudged = rotation(0, 6, 0)
    plain = np.full_like(room, 170)
    assert turn_between(points, room_points(wall(2), None)) is None
    assert turn_between(points, room_points(plain, None)) is None
    assert turn_between(room_points(plain, None), room_points(turned(plain, nudged), None)) is None
    assert turn_between(points, room_points(room[:, :480], None)) is None
    assert turn_between(points, room_points(turned(room, rotation(40, 0, 0)), None)) is None
    # A camera moved to the side: near things move further than far ones.
    far, near = wall(3), wall(4)
    is_near = np.zeros(room.shape[:2], bool)
    is_near[:, ::2] = False
    is_near[60:300, 200:440] = True
    before, after = far.copy(), np.roll(far, 12, axis=1)
    before[is_near] = near[is_near]
    moved = np.roll(is_near, 60, axis=1)
    after[moved] = np.roll(near, 60, axis=1)[moved]
    turn = turn_between(room_points(before, None), room_points(after, None))
    assert turn is None or turn.angle_deg < 3.0  # the far wall alone, which hardly moves


def test_a_pose_is_carried_as_the_turned_camera_sees_it() -> None:
    rng = np.random.default_rng(5)
    body = rng.normal((0, 0, 1.2), (0.3, 0.3, 0.15), (33, 3))  # metres, before the camera
    true, zoom = rotation(5, -9, 2), 1.06

    def seen(directions: NDArray[np.float64], focal_w: float) -> NDArray[np.float64]:
        pixels = (matrix(focal_w) @ directions.T).T
        return np.asarray(pixels[:, :2] / pixels[:, 2:] / SIZE_WH)

    flat = np.concatenate([seen(body, FOCAL_W), np.zeros((33, 1))], axis=1)
    pose = Pose(0.0, flat, body - body[Landmark.LEFT_HIP], np.ones(33), np.ones(33), SIZE_WH)
    there = Turn(true, zoom, FOCAL_W * 16 / 9, 0.0).carry(pose)
    assert np.allclose(there.landmarks[:, :2], seen(body @ true.T, FOCAL_W * zoom), atol=1e-9)
    assert there.world_landmarks is not None
    assert np.allclose(there.world_landmarks, (body - body[Landmark.LEFT_HIP]) @ true.T)


def test_a_posture_that_leaves_the_picture_is_not_carried(neutral: Neutral) -> None:  # noqa: F811
    small = Turn(rotation(0, 4, 0), 1.0, FOCAL_W * 16 / 9, 0.002)
    there = carried(neutral, small, load_settings())
    assert there is not None
    assert there.carried_error_deg == pytest.approx(small.error_deg)
    assert there.centre.keys() == neutral.centre.keys()
    behind = replace(neutral, pose=front_pose(shoulder_tilt_deg=0.0, turn_deg=170.0))
    assert carried(behind, small, load_settings()) is None


@pytest.fixture
def furnished(sample_poses, tmp_path: Path) -> ScriptedSource:  # type: ignore[no-untyped-def]
    """The sample with pictures on its wall; the test sets when the camera turns, and how."""
    source = ScriptedSource(lambda now_s: (now_s % 8.0, lambda image: image), 30.0)
    pose = next(one.pose for one in PoseLog(sample_poses("desk-monitor")).samples() if one.pose)
    behind = wall(6, (source._images[0].shape[1], source._images[0].shape[0]))
    is_room = room_mask(behind.shape, pose)[..., None] > 0
    source._images = [np.where(is_room, behind, image).astype(np.uint8) for image in source._images]
    return source


def watched(source: ScriptedSource, plan: list[tuple[float, Command]] | None = None) -> Kept:
    kept = Kept(plan or [])
    monitor(MonitorRequest(0, datetime.now(UTC)), load_settings(), [kept], source=source)
    return kept


@pytest.mark.parametrize("tilt_deg", [-8.0, 5.0])
def test_a_lid_that_moves_ends_nothing(
    tilt_deg: float,
    furnished: ScriptedSource,
    neutral: Neutral,  # noqa: F811
) -> None:
    furnished._picture_at = lambda now_s: (
        now_s % 8.0,
        (lambda image: turned(image, rotation(0, tilt_deg, 0))) if now_s > 12.0 else (lambda image: image),
    )
    kept = watched(furnished)
    told = [event.message for event in kept.events if "carried over" in event.message]
    assert len(told) == 1
    assert f"about {abs(tilt_deg):.0f}°" in told[0]
    after = [one for one in kept.seen if one.assessment.timestamp_s > 20.0]
    assert not any(one.assessment.reason == Reason.CAMERA_MOVED for one in after)
    good = sum(one.assessment.state == State.GOOD for one in after)
    assert good >= 0.95 * len(after)
    necks = [one.measures.values.get(Measure.NECK_INCLINATION_CHANGE, 0.0) for one in after]
    assert abs(float(np.median(necks))) < 3.0


def test_a_calibration_of_yesterday_serves_with_the_lid_at_another_angle(
    furnished: ScriptedSource,
    neutral: Neutral,  # noqa: F811
) -> None:
    source = furnished
    watched(source, [(2.0, Command.CALIBRATE), (3.0, Command.CALIBRATE)])
    stored = load_profile("default")
    assert stored.room is not None
    assert 2_000 < len(stored.room.descriptors) < 60_000
    source.now_s = 0.0
    source._picture_at = lambda now_s: (
        now_s % 8.0,
        lambda image: turned(image, rotation(3, -8, 1), light=0.9),
    )
    kept = watched(source)
    assert any("turned since your calibration" in event.message for event in kept.events)
    judged = [one for one in kept.seen if one.assessment.timestamp_s > 5.0]
    assert sum(one.assessment.state == State.GOOD for one in judged) >= 0.95 * len(judged)
    save_profile("default", replace(stored, room=None))
    assert load_profile("default").room is None


def test_a_correction_after_the_camera_has_turned_keeps_what_was_carried(
    furnished: ScriptedSource,
    neutral: Neutral,  # noqa: F811
) -> None:
    furnished._picture_at = lambda now_s: (
        now_s % 8.0,
        (lambda image: turned(image, rotation(0, 0, 8))) if now_s > 10.0 else (lambda image: image),
    )
    kept = watched(furnished, [(20.0, Command.SITS_WELL)])
    assert len(load_profile("default").corrections) == 1
    after = [one for one in kept.seen if one.assessment.timestamp_s > 21.0]
    tilts = [one.measures.values.get(Measure.HEAD_TILT_CHANGE, 0.0) for one in after]
    assert abs(float(np.median(tilts))) < 3.0
    assert sum(one.assessment.state == State.GOOD for one in after) >= 0.95 * len(after)


def test_there_and_back_leaves_no_error_behind(furnished: ScriptedSource, neutral: Neutral) -> None:  # noqa: F811
    def picture(now_s: float):  # type: ignore[no-untyped-def]
        angle_deg = 6.0 if int(now_s // 10) % 2 else 0.0
        return now_s % 8.0, lambda image: turned(image, rotation(0, angle_deg, 0))

    furnished._picture_at, furnished._end_s = picture, 60.0
    kept = watched(furnished)
    neck = Measure.NECK_INCLINATION_CHANGE

    def error_deg(start_s: float) -> float:
        some = [one for one in kept.seen if start_s + 7.0 < one.assessment.timestamp_s < start_s + 10.0]
        return float(np.median([one.measures.errors.get(neck, 9.0) for one in some]))

    assert error_deg(50.0) < error_deg(10.0) + 1.0
    assert error_deg(40.0) < error_deg(0.0) + 1.0


def test_a_calibration_by_a_recording_keeps_the_room_unless_it_should_not() -> None:
    request = CalibrationRequest(recording=SAMPLES / "desk-side.mp4", at_s=(0.0, 8.0))
    room = calibrate(request).neutral.room
    assert room is not None
    assert room.is_whole
    without = calibrate(replace(request, profile="other", keep_room=False)).neutral
    assert without.room is None
    assert without.centre == pytest.approx(load_profile("default").centre)


def test_a_damaged_room_is_refused_as_a_damaged_profile(neutral: Neutral) -> None:  # noqa: F811
    room = room_points(wall(1), None)
    for damaged in (replace(room, points=room.points[:-8]), replace(room, descriptors="AAA")):
        save_profile("default", replace(neutral, room=damaged))
        with pytest.raises(NeutralError, match="damaged"):
            load_profile("default")
