"""Cameras that are not the right one: told by name and by picture, and said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posture_cam.ids import Reason
from posture_cam.pose import open_estimator
from posture_cam.pose.carrying import room_points
from posture_cam.pose.pose_log import PoseLog
from posture_cam.pose.room import BackgroundWatch, has_colour
from posture_cam.profiles import all_of, load_profile, save_profile
from posture_cam.records import Neutral
from posture_cam.session.live_run import LiveRun
from posture_cam.session.looking import Looking
from posture_cam.session.neutrals import fitting
from posture_cam.settings import load_settings
from posture_cam.source import DeviceKind, kind_of_device
from tests.test_monitor import Kept, ScriptedSource, neutral  # noqa: F401
from tests.test_several_neutrals import AtDesk

SETTINGS = load_settings()
Picture = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Integrated Camera", None),
        ("HD Pro Webcam C920", None),
        ("FaceTime HD Camera", None),
        ("Virgo First Camera", None),
        ("Integrated IR Camera", DeviceKind.INFRARED),
        ("USB2.0 FHD UVC WebCam: Infrared", DeviceKind.INFRARED),
        ("OBS Virtual Camera", DeviceKind.VIRTUAL),
        ("Dummy video device (0x0000)", DeviceKind.VIRTUAL),
    ],
)
def test_a_name_tells_an_infrared_or_a_virtual_camera(name: str, kind: DeviceKind | None) -> None:
    assert kind_of_device(name) == kind


def watched(source: ScriptedSource, profile: Neutral, device: str) -> Kept:
    kept = Kept()
    with open_estimator("full", SETTINGS, is_sparse=True) as estimator:
        LiveRun(
            settings=SETTINGS,
            sinks=[kept],
            source=source,
            estimator=estimator,
            looking=Looking(SETTINGS, SETTINGS.motion.look_every_s),
            background=BackgroundWatch(SETTINGS.background),
            profile_name="default",
            neutral=profile,
            has_estimator=True,
            eco=lambda: False,
            started_at=datetime.now(UTC),
            device=device,
        ).watch(lambda: False)
    return kept


def same(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


@pytest.mark.parametrize(
    ("device", "picture", "told"),
    [
        ("HD Webcam", same, ""),
        ("Other Webcam", same, "This is another camera than at calibration"),
        ("HD Webcam IR", same, "HD Webcam IR is an infrared camera"),
        ("OBS Virtual Camera", same, "it shows you only while its program sends"),
        ("HD Webcam", grey, "The picture has no colour"),
    ],
)
def test_what_is_wrong_with_a_camera_is_said_once(
    device: str,
    picture: Picture,
    told: str,
    neutral: Neutral,  # noqa: F811
) -> None:
    source = ScriptedSource(lambda now_s: (now_s % 8.0, picture), 12.0)
    kept = watched(source, replace(neutral, device="HD Webcam"), device)
    about = ("another camera", "infrared", "virtual camera")
    words = [one for one in kept.words if any(some in one for some in about)]
    assert (sum(told in one for one in words) == 1) if told else (words == [])


def test_a_mirrored_picture_is_told_by_the_room_and_not_judged(
    sample_poses: Callable[[str], Path],
    neutral: Neutral,  # noqa: F811
) -> None:
    at_desk = AtDesk(sample_poses)
    source: Any = at_desk.source
    pose = next(one.pose for one in PoseLog(sample_poses("desk-monitor")).samples() if one.pose)
    own = replace(neutral, room=room_points(at_desk.sits(source._images[0]), pose))
    for is_mirrored in (False, True):
        source.now_s, source._end_s = 0.0, 12.0
        source._picture_at = lambda now_s, flip=is_mirrored: (
            now_s % 8.0,
            lambda image: np.ascontiguousarray(at_desk.sits(image)[:, :: -1 if flip else 1]),
        )
        kept = watched(source, own, "")
        assert any("mirrored" in event.message for event in kept.events) is is_mirrored
        late = [one.assessment.reason for one in kept.seen if one.assessment.timestamp_s > 3.0]
        assert (set(late) == {Reason.PICTURE_CHANGED}) is is_mirrored


def test_another_camera_under_the_same_number_gets_its_own_neutral_posture(neutral: Neutral) -> None:  # noqa: F811
    for device in ("HD Webcam", "Docked Webcam"):
        save_profile("desk", replace(neutral, source="camera 0", device=device), is_of_camera=True)
    profile = load_profile("desk")
    assert [one.device for one in all_of(profile)] == ["Docked Webcam", "HD Webcam"]
    assert fitting(profile, "camera 0", None, "HD Webcam").device == "HD Webcam"
    # The same camera under another number is still itself.
    assert fitting(profile, "camera 2", None, "HD Webcam").device == "HD Webcam"


def test_colour_is_told_from_noise() -> None:
    rng = np.random.default_rng(2)
    base = rng.integers(30, 220, (360, 640, 1)).repeat(3, axis=2)
    noisy = np.clip(base + rng.normal(0, 3, base.shape), 0, 255).astype(np.uint8)
    assert not has_colour(noisy)
    noisy[100:160, 100:200, 2] = 250
    assert has_colour(noisy)
