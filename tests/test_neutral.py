from __future__ import annotations

import pytest

from posture_cam.assessment import NeutralFinder, build_neutral, take_stretch
from posture_cam.assessment.neutral import Stretch
from posture_cam.geometry import FeatureExtractor
from posture_cam.ids import Feature, View
from posture_cam.records import Features
from posture_cam.settings import load_settings
from tests.builders import Film, Maker, front, side, side_pose

SETTINGS = load_settings()


def features(film: Film) -> list[Features]:
    extractor = FeatureExtractor(SETTINGS)
    return [extractor.extract(sample.timestamp_s, sample.pose) for sample in film.samples]


def found(film: Film) -> Stretch | None:
    finder = NeutralFinder(SETTINGS)
    for moment in features(film):
        finder.add(moment)
    return finder.find()


UPRIGHT, SLOUCH = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=40.0, trunk_deg=14.0)


@pytest.mark.parametrize("rate_hz", [2.0, 5.0, 30.0])
def test_the_upright_stretch_is_found_wherever_it_stands(rate_hz: float) -> None:
    film = Film(rate_hz, noise_px=0.4).hold(20.0, SLOUCH).hold(6.0, UPRIGHT).hold(20.0, SLOUCH)
    stretch = found(film)
    assert stretch is not None
    assert 19.5 <= stretch.start_s < stretch.end_s <= 26.5
    assert stretch.view == View.SIDE_LEFT
    assert stretch.is_plausible


def test_of_equally_upright_stretches_the_earliest_is_taken() -> None:
    film = Film(noise_px=0.4).hold(8.0, UPRIGHT).hold(10.0, SLOUCH).hold(8.0, UPRIGHT)
    stretch = found(film)
    assert stretch is not None
    assert stretch.start_s < 4.0


def test_a_posture_that_does_not_come_back_is_not_taken_for_being_the_first() -> None:
    film = Film(noise_px=0.4).hold(5.0, side(neck_deg=18.0, trunk_deg=-5.0, sink_cm=-4.0)).hold(6.0, SLOUCH)
    for _ in range(3):
        film = film.hold(8.0, UPRIGHT).hold(6.0, SLOUCH)
    stretch = found(film)
    assert stretch is not None
    assert 10.5 <= stretch.start_s < 19.0
    assert {int((start_s - 11.0) // 14.0) for start_s, _ in stretch.alike_s} == {0, 1, 2}


def test_more_time_in_the_same_posture_is_taken_too_but_no_other_posture_and_no_other_place() -> None:
    a_little_forward = side(neck_deg=24.0, trunk_deg=-3.0)
    moved = side(neck_deg=18.0, trunk_deg=-5.0, sink_cm=4.0)
    film = Film(noise_px=0.4).hold(8.0, UPRIGHT).hold(12.0, SLOUCH).hold(8.0, a_little_forward)
    stretch = found(film.hold(8.0, moved).hold(8.0, UPRIGHT).hold(10.0, SLOUCH))
    assert stretch is not None
    first, *more = stretch.alike_s
    assert first == (stretch.start_s, stretch.end_s)
    assert first[1] <= 8.5
    assert all(35.5 <= start_s < end_s <= 44.5 for start_s, end_s in more)
    assert sum(end_s - start_s for start_s, end_s in more) > 5.0
    assert stretch.more_s == pytest.approx(sum(end_s - start_s for start_s, end_s in more))


def test_of_short_holds_all_of_it_is_taken() -> None:
    film = Film(noise_px=0.4)
    for _ in range(6):
        film = film.hold(5.6, UPRIGHT).hold(6.0, SLOUCH)
    stretch = found(film)
    assert stretch is not None
    assert sum(end_s - start_s for start_s, end_s in stretch.alike_s) > 27.0


def test_time_before_the_chosen_stretch_is_taken_too_and_all_of_the_recording_counts() -> None:
    film = Film(noise_px=0.4)
    for _ in range(10):
        film = film.hold(12.0, UPRIGHT).hold(12.0, SLOUCH)
    stretch = found(film)
    assert stretch is not None
    middles_s = [(start_s + end_s) / 2 for start_s, end_s in stretch.alike_s]
    assert {int(middle_s // 24.0) for middle_s in middles_s} == set(range(10))
    assert all(middle_s % 24.0 < 13.0 for middle_s in middles_s)


@pytest.mark.parametrize("make", [UPRIGHT, front()])
def test_no_more_than_a_minute_of_it_is_taken(make: Maker) -> None:
    stretch = found(Film(noise_px=0.4).hold(300.0, make))
    assert stretch is not None
    assert 57.0 <= sum(end_s - start_s for start_s, end_s in stretch.alike_s) <= 64.0


def test_leaning_back_is_not_taken_for_upright() -> None:
    recline = side(neck_deg=2.0, trunk_deg=-28.0)
    for film in (
        Film(noise_px=0.4).hold(8.0, recline).hold(8.0, UPRIGHT).hold(8.0, SLOUCH),
        Film(noise_px=0.4).hold(8.0, SLOUCH).hold(8.0, UPRIGHT).hold(8.0, recline),
    ):
        stretch = found(film)
        assert stretch is not None
        assert 7.5 <= stretch.start_s <= 14.0


def test_sunk_down_is_not_taken_for_upright() -> None:
    film = Film(noise_px=0.4).hold(20.0, side(sink_cm=8.0)).hold(8.0, UPRIGHT)
    stretch = found(film)
    assert stretch is not None
    assert stretch.start_s >= 19.0


def test_a_person_who_never_sits_upright_has_no_plausible_neutral() -> None:
    stretch = found(Film(noise_px=0.4).hold(30.0, SLOUCH))
    assert stretch is not None
    assert not stretch.is_plausible


TILTED = front(head_tilt_deg=18.0, shoulder_tilt_deg=3.0)
LEANING = front(head_tilt_deg=22.0, shoulder_tilt_deg=11.0)
ROLL_DEG = 5.0


@pytest.mark.parametrize(
    ("off", "upright"),
    [
        (side(neck_deg=-38.0, trunk_deg=-50.0), UPRIGHT),
        (side(neck_deg=0.0, trunk_deg=-40.0), UPRIGHT),
        (TILTED, front()),
        (LEANING, front()),
    ],
    ids=["lying back", "slid down", "head tilted", "leaning"],
)
def test_a_posture_that_is_off_most_of_the_time_is_not_upright(off: Maker, upright: Maker) -> None:
    stretch = found(Film(noise_px=0.4).hold(30.0, off).hold(6.0, upright).hold(30.0, off))
    assert stretch is not None
    assert stretch.is_plausible
    assert 29.5 <= stretch.start_s < stretch.end_s <= 36.5
    only = found(Film(noise_px=0.4).hold(30.0, off))
    assert only is not None
    assert not only.is_plausible


def test_a_camera_that_is_not_level_tilts_head_and_shoulders_alike() -> None:
    upright = front(head_tilt_deg=ROLL_DEG, shoulder_tilt_deg=ROLL_DEG)
    tilted = front(head_tilt_deg=ROLL_DEG - 20.0, shoulder_tilt_deg=ROLL_DEG)
    stretch = found(Film(noise_px=0.4).hold(10.0, tilted).hold(10.0, upright))
    assert stretch is not None
    assert stretch.is_plausible
    assert stretch.start_s >= 9.5


def test_leaning_sideways_most_of_the_time_does_not_make_it_a_view_from_three_quarters() -> None:
    turned = front(head_tilt_deg=20.0, shoulder_tilt_deg=6.0, turn_deg=32.0)
    stretch = found(Film(noise_px=0.4).hold(6.0, front()).hold(30.0, turned))
    assert stretch is not None
    assert stretch.view == View.FRONT
    assert stretch.end_s <= 6.5


def test_landmarks_that_tremble_do_not_pass_for_somebody_who_moves() -> None:
    film = Film(rate_hz=30.0, noise_px=2.5).hold(6.0, side(neck_deg=40.0)).hold(6.0, UPRIGHT)
    stretch = found(film.hold(6.0, side(neck_deg=40.0)))
    assert stretch is not None
    assert stretch.is_plausible
    assert 5.5 <= stretch.start_s < stretch.end_s <= 12.5
    calm = found(Film(rate_hz=30.0).hold(6.0, UPRIGHT))
    assert calm is not None
    trembling = found(Film(rate_hz=30.0, noise_px=2.5).hold(6.0, UPRIGHT))
    assert trembling is not None
    assert trembling.end_s - trembling.start_s > 0.8 * (calm.end_s - calm.start_s)


def test_a_person_who_never_sits_still_has_none() -> None:
    film = Film()
    for number in range(100):
        film.hold(0.2, side(neck_deg=20.0 + 30.0 * (number % 2)))
    assert found(film) is None


def test_a_stretch_shorter_than_three_seconds_will_not_do() -> None:
    assert found(Film().hold(2.4, UPRIGHT)) is None
    assert found(Film().hold(3.0, UPRIGHT)) is not None


@pytest.mark.parametrize("rate_hz", [2.0, 5.0, 30.0])
@pytest.mark.parametrize("before_s", [0.0, 10.0])
def test_three_seconds_between_others_will_do(before_s: float, rate_hz: float) -> None:
    film = Film(rate_hz=rate_hz, noise_px=0.4)
    if before_s:
        film.hold(before_s, SLOUCH)
    stretch = found(film.hold(3.2, UPRIGHT).hold(20.0, SLOUCH))
    assert stretch is not None
    assert stretch.is_plausible
    assert stretch.start_s == pytest.approx(before_s, abs=0.2)


def test_a_stretch_never_spans_a_gap() -> None:
    film = Film().hold(2.0, UPRIGHT).gap(10.0).hold(2.0, UPRIGHT)
    assert found(film) is None


def test_from_the_front_the_tall_and_far_posture_is_neutral() -> None:
    tall, slouched, close = front(ratio=0.6), front(ratio=0.45, width=220.0), front(ratio=0.6, width=280.0)
    film = Film(noise_px=0.4).hold(12.0, slouched).hold(12.0, close).hold(6.0, tall).hold(6.0, slouched)
    stretch = found(film)
    assert stretch is not None
    assert stretch.view == View.FRONT
    assert 23.5 <= stretch.start_s <= 27.5


def test_below_the_eyes_a_head_that_rises_in_the_picture_is_no_better_posture() -> None:
    low = {"elevation_deg": -22.0, "nose_below": -0.1}
    upright, slouched = front(ratio=0.6, width=180.0, **low), front(ratio=0.66, width=260.0, **low)
    stretch = found(Film(noise_px=0.4).hold(15.0, slouched).hold(8.0, upright))
    assert stretch is not None
    assert stretch.start_s >= 14.0


def test_turning_the_head_for_long_is_not_neutral() -> None:
    film = Film(noise_px=0.3).hold(8.0, front(yaw_deg=50.0)).hold(20.0, front())
    stretch = found(film)
    assert stretch is not None
    assert stretch.start_s >= 7.5


def test_the_neutral_holds_the_median_and_spread_of_every_feature() -> None:
    film = Film().hold(2.0, side(neck_deg=17.0)).hold(2.0, side(neck_deg=18.0)).hold(2.0, side(neck_deg=19.0))
    moments = take_stretch(features(film.nobody(1.0)))
    neutral = build_neutral(
        moments,
        created_at="",
        source="a.mp4",
        model="m",
        running_mode="VIDEO",
        image_size_wh=(640, 480),
        version="0",
    )
    assert neutral.centre[Feature.NECK_PROFILE] == pytest.approx(18.0)
    assert neutral.spread[Feature.NECK_PROFILE] == pytest.approx(1.0)
    assert neutral.sample_count == 30
    assert (neutral.start_s, neutral.end_s) == (0.0, pytest.approx(5.8))
    assert neutral.pose is not None
    middle = side_pose(neck_deg=18.0)
    assert neutral.pose.landmarks == pytest.approx(middle.landmarks)
    assert neutral.pose.world_landmarks == pytest.approx(middle.world_landmarks)


def test_moments_of_another_view_are_left_out() -> None:
    film = Film().hold(2.0, front()).hold(5.0, side())
    taken = take_stretch(features(film))
    assert {moment.view for moment in taken} == {View.SIDE_LEFT}
    assert take_stretch(features(film), View.THREE_QUARTER) == []
