from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture_cam.assessment import build_neutral
from posture_cam.geometry import FeatureExtractor, average_neutral, compare
from posture_cam.geometry.features import in_profile_deg
from posture_cam.geometry.view import facing_sign, shoulder_yaw_deg
from posture_cam.ids import Feature, Landmark, Measure, Reason, View
from posture_cam.records import Features, Measures, Neutral, Pose
from posture_cam.settings import load_settings
from tests.builders import front_pose, side_pose, unseen

SETTINGS = load_settings()
SMALL = st.floats(-40.0, 60.0)


def features_of(pose: Pose | None) -> Features:
    return FeatureExtractor(SETTINGS).extract(0.0, pose)


def neutral_of(pose: Pose) -> Neutral:
    return build_neutral(
        [features_of(pose)],
        created_at="",
        source="test",
        model="",
        running_mode="",
        image_size_wh=(0, 0),
        version="",
    )


def measured(pose: Pose | None, neutral: Neutral) -> Measures:
    return compare(features_of(pose), neutral, SETTINGS)


@settings(max_examples=50, deadline=None)
@given(neck=SMALL, trunk=st.floats(-30.0, 40.0), facing=st.sampled_from((-1, 1)), scale=st.floats(0.5, 1.5))
def test_side_angles_are_those_the_pose_was_built_from(
    neck: float, trunk: float, facing: int, scale: float
) -> None:
    features = features_of(side_pose(neck_deg=neck, trunk_deg=trunk, facing=facing, scale=scale))
    assert features.values[Feature.NECK_PROFILE] == pytest.approx(neck, abs=1e-6)
    assert features.values[Feature.TRUNK_PROFILE] == pytest.approx(trunk, abs=1e-6)


def test_angles_do_not_depend_on_the_shape_of_the_picture() -> None:
    for size_wh in ((640, 480), (480, 640), (1920, 1080), (333, 777)):
        values = features_of(side_pose(neck_deg=31.0, trunk_deg=12.0, size_wh=size_wh)).values
        assert values[Feature.NECK_PROFILE] == pytest.approx(31.0)
        assert values[Feature.TRUNK_PROFILE] == pytest.approx(12.0)


@settings(max_examples=50, deadline=None)
@given(neck=SMALL, now=SMALL)
def test_changes_are_against_the_persons_own_neutral(neck: float, now: float) -> None:
    neutral = neutral_of(side_pose(neck_deg=neck, trunk_deg=-5.0))
    values = measured(side_pose(neck_deg=now, trunk_deg=7.0), neutral).values
    assert values[Measure.NECK_INCLINATION_CHANGE] == pytest.approx(now - neck, abs=1e-6)
    assert values[Measure.TRUNK_INCLINATION_CHANGE] == pytest.approx(12.0)
    assert values[Measure.NECK_FLEXION_CHANGE] == pytest.approx(now - neck - 12.0, abs=1e-6)


def test_inclination_without_a_neutral_has_the_bias_taken_off() -> None:
    pose = side_pose(neck_deg=12.5 + 30.0, trunk_deg=-5.0 + 10.0)
    values = measured(pose, average_neutral(View.SIDE_LEFT)).values
    assert values[Measure.NECK_INCLINATION] == pytest.approx(30.0)
    assert values[Measure.TRUNK_INCLINATION] == pytest.approx(10.0)
    assert values[Measure.NECK_INCLINATION_CHANGE] == pytest.approx(24.0)
    assert Measure.SINKING not in values  # nobody's shoulder height is average


def test_sinking_is_the_drop_of_the_shoulders_in_centimetres() -> None:
    neutral = neutral_of(side_pose())
    for scale in (1.0,):
        values = measured(side_pose(sink_cm=4.0, scale=scale), neutral).values
        assert values[Measure.SINKING] == pytest.approx(4.0)
        assert values[Measure.NECK_INCLINATION_CHANGE] == pytest.approx(0.0, abs=1e-9)


def test_from_the_side_without_hips_the_neck_is_measured_and_the_trunk_is_absent() -> None:
    pose = unseen(side_pose(neck_deg=40.0), Landmark.LEFT_HIP, Landmark.RIGHT_HIP)
    values = measured(pose, neutral_of(side_pose())).values
    assert values[Measure.NECK_INCLINATION_CHANGE] == pytest.approx(22.0)
    assert Measure.TRUNK_INCLINATION_CHANGE not in values
    assert Measure.TRUNK_INCLINATION not in values


@pytest.mark.parametrize(
    ("turn_deg", "view"),
    [(0.0, View.FRONT), (10.0, View.FRONT), (40.0, View.THREE_QUARTER), (85.0, View.SIDE_LEFT)],
)
def test_the_view_follows_from_the_turn_of_the_shoulders(turn_deg: float, view: View) -> None:
    assert features_of(side_pose(turn_deg=turn_deg)).view == view


def test_the_side_seen_is_the_one_turned_to_the_camera() -> None:
    assert features_of(side_pose(facing=-1)).view == View.SIDE_LEFT
    assert features_of(side_pose(facing=1)).view == View.SIDE_RIGHT
    assert facing_sign(side_pose(facing=1)) == 1.0
    assert shoulder_yaw_deg(side_pose(facing=1)) == pytest.approx(90.0)


def test_the_head_of_somebody_who_bends_far_over_does_not_turn_the_person_round() -> None:
    hanging = side_pose(facing=1, trunk_deg=80.0, neck_deg=110.0)
    xy = hanging.landmarks.copy()
    xy[Landmark.NOSE, 0] = xy[Landmark.LEFT_EAR, 0] - 0.05  # the nose is behind the ears
    extractor = FeatureExtractor(SETTINGS, View.SIDE_RIGHT)
    features = extractor.extract(0.0, replace(hanging, landmarks=xy))
    assert features.view == View.SIDE_RIGHT
    assert features.values[Feature.TRUNK_PROFILE] == pytest.approx(80.0)


def test_shoulders_too_narrow_for_the_head_are_guessed() -> None:
    pose = front_pose(width=200.0)
    xy = pose.landmarks.copy()
    shoulders = [Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER]
    middle = xy[shoulders, 0].mean()
    xy[shoulders, 0] = middle + 0.5 * (xy[shoulders, 0] - middle)
    assert features_of(pose).reason is None
    assert features_of(replace(pose, landmarks=xy)).reason == Reason.HEAD_HIDDEN


def test_somebody_at_the_least_size_does_not_flicker() -> None:
    extractor, sizes = FeatureExtractor(SETTINGS), [0.25, 0.23, 0.25, 0.23, 0.2]
    limit_px = SETTINGS.gates.min_trunk_length_px
    poses = [side_pose(float(t), scale=limit_px / 160.0 * size / 0.24) for t, size in enumerate(sizes)]
    reasons = [extractor.extract(pose.timestamp_s, pose).reason for pose in poses]
    assert reasons == [None, None, None, None, Reason.TOO_SMALL]


def test_without_any_depth_somebody_faces_the_camera() -> None:
    pose = front_pose()
    flat = pose.landmarks.copy()
    flat[:, 2] = np.nan
    assert features_of(replace(pose, landmarks=flat, world_landmarks=None)).view == View.FRONT


def test_one_odd_pose_does_not_change_the_view_but_a_lasting_turn_does() -> None:
    extractor = FeatureExtractor(SETTINGS)
    times = [number * 0.2 for number in range(20)]
    views = [
        extractor.extract(t, side_pose(t, turn_deg=85.0 if number == 5 else 30.0)).view
        for number, t in enumerate(times)
    ]
    assert set(views) == {View.THREE_QUARTER}
    views = [extractor.extract(t + 4.0, side_pose(t + 4.0, turn_deg=85.0)).view for t in times]
    assert views[0] == View.THREE_QUARTER
    assert views[-1] == View.SIDE_LEFT


def test_a_forward_lean_seen_from_three_quarters_is_turned_into_profile() -> None:
    # A camera at 45 deg azimuth, whose world landmarks read (45 - 18) / 0.626 deg.
    import math

    for true_deg in (-20.0, 5.0, 30.0):
        shown_deg = math.degrees(math.atan(math.tan(math.radians(true_deg)) * math.sin(math.radians(45.0))))
        assert in_profile_deg(shown_deg, (45.0 - 18.0) / 0.626) == pytest.approx(true_deg)


def test_from_three_quarters_only_the_neck_is_judged() -> None:
    neutral = neutral_of(side_pose(neck_deg=10.0, turn_deg=35.0))
    measures = measured(side_pose(neck_deg=25.0, turn_deg=35.0), neutral)
    assert measures.view == View.THREE_QUARTER
    assert measures.values[Measure.NECK_INCLINATION_CHANGE] > 15.0
    assert set(measures.values) == {Measure.NECK_INCLINATION_CHANGE}


def test_front_measures_are_those_the_pose_was_built_from() -> None:
    neutral = neutral_of(front_pose(ratio=0.6, width=200.0))
    pose = front_pose(ratio=0.48, width=230.0, shoulder_tilt_deg=4.0, head_tilt_deg=-7.0, yaw_deg=12.0)
    values = measured(pose, neutral).values
    assert values[Measure.APPROACH] == pytest.approx(15.0)
    assert values[Measure.HEAD_TILT_CHANGE] == pytest.approx(-7.0)
    assert values[Measure.SHOULDER_TILT_CHANGE] == pytest.approx(4.0)
    assert values[Measure.HEAD_YAW_CHANGE] == pytest.approx(12.0, abs=0.2)
    # The tilted shoulder line is as long as before, so that the ratio is kept.
    assert values[Measure.HEAD_DROP] == pytest.approx(-20.0, abs=0.5)


def test_a_head_turned_away_pauses_the_judgement_of_the_neck() -> None:
    neutral = neutral_of(front_pose())
    measures = measured(front_pose(yaw_deg=45.0, ratio=0.3), neutral)
    assert measures.reason == Reason.LOOKING_AWAY
    assert Measure.HEAD_DROP not in measures.values


def test_a_glance_down_is_no_slouch_and_a_slouch_is_no_glance() -> None:
    neutral = neutral_of(front_pose(nose_below=0.25))
    glance = measured(front_pose(nose_below=0.65, ratio=0.5), neutral)
    assert glance.reason == Reason.LOOKING_DOWN
    slouch = measured(front_pose(nose_below=0.65, ratio=0.4, width=230.0), neutral)
    assert slouch.reason is None
    assert slouch.values[Measure.HEAD_DROP] == pytest.approx(-33.3, abs=0.1)


def test_from_a_camera_below_the_eyes_head_drop_is_not_measured() -> None:
    neutral = neutral_of(front_pose(elevation_deg=-22.0, nose_below=-0.1))
    assert neutral.context[Feature.CAMERA_ELEVATION] == pytest.approx(-22.0)
    values = measured(
        front_pose(elevation_deg=-22.0, nose_below=-0.1, ratio=0.5, width=240.0), neutral
    ).values
    assert Measure.HEAD_DROP not in values
    assert values[Measure.APPROACH] == pytest.approx(20.0)


def test_nothing_is_compared_with_a_neutral_of_another_view() -> None:
    measures = measured(side_pose(neck_deg=60.0), neutral_of(front_pose()))
    assert measures.reason == Reason.OTHER_VIEW
    assert Measure.NECK_INCLINATION_CHANGE not in measures.values


def test_from_the_front_without_a_neutral_nothing_sagittal_is_said() -> None:
    measures = measured(front_pose(ratio=0.3), average_neutral(View.FRONT))
    assert measures.reason == Reason.NO_NEUTRAL
    assert not {Measure.HEAD_DROP, Measure.APPROACH} & set(measures.values)


@pytest.mark.parametrize(
    ("pose", "reason"),
    [
        (None, Reason.NOBODY),
        (unseen(front_pose(), Landmark.NOSE), Reason.HEAD_HIDDEN),
        (unseen(side_pose(), Landmark.LEFT_SHOULDER), Reason.HEAD_HIDDEN),
        (side_pose(turn_deg=170.0), Reason.HEAD_HIDDEN),
        (front_pose(width=30.0), Reason.TOO_SMALL),
        (side_pose(scale=0.2), Reason.TOO_SMALL),
    ],
)
def test_what_cannot_be_measured_is_absent_and_says_why(pose: Pose | None, reason: Reason) -> None:
    features = features_of(pose)
    assert features.reason == reason
    assert not features.values
    measures = compare(features, neutral_of(front_pose()), SETTINGS)
    assert measures.reason == reason
    assert not measures.values


def test_viewing_distance_needs_a_known_field_of_view() -> None:
    pose = front_pose(nose_below=0.25, elevation_deg=0.0)
    assert Measure.VIEWING_DISTANCE not in measured(pose, neutral_of(pose)).values
    known = SETTINGS.model_copy(
        update={"camera": SETTINGS.camera.model_copy(update={"horizontal_fov_deg": 60.0})}
    )
    values = compare(features_of(pose), neutral_of(pose), known).values
    eyes_px = 0.25 * 50.0 / 0.29
    focal_px = 320.0 / 0.57735
    assert values[Measure.VIEWING_DISTANCE] == pytest.approx(focal_px * 6.3 / eyes_px / 1.08, rel=1e-3)
