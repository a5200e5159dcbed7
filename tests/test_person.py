from __future__ import annotations

import pytest

from posture_cam.pose.person import Figure, PersonFollower, index_of_tracked
from tests.builders import front_pose

SITTER = Figure(0.5, 0.5, 0.6)


def followed(until_s: float = 10.0) -> PersonFollower:
    follower = PersonFollower()
    for tenth in range(int(until_s * 10)):
        follower.follow(SITTER, tenth / 10)
    return follower


def test_a_figure_is_measured_in_heights_of_the_picture() -> None:
    wide = front_pose(size_wh=(1280, 720), width=200.0)
    tall = front_pose(size_wh=(720, 1280), width=200.0)
    pixels = [Figure.of(p.landmarks, p.image_size_wh).size * p.image_size_wh[1] for p in (wide, tall)]
    assert pixels[0] == pytest.approx(pixels[1])


def test_the_largest_is_chosen_first() -> None:
    assert PersonFollower().choose([Figure(0.2, 0.4, 0.2), SITTER, Figure(0.8, 0.4, 0.3)], 0.0) == 1


def test_the_same_person_is_kept_while_somebody_passes() -> None:
    follower = followed()
    passer_by = Figure(0.9, 0.5, 1.2)
    assert follower.choose([passer_by, SITTER], 10.0) == 1
    assert follower.is_challenged()
    assert follower.choose([SITTER], 11.0) == 0
    assert not follower.is_challenged()


def test_somebody_larger_who_stays_takes_over() -> None:
    follower = followed()
    other = Figure(1.2, 0.5, 1.0)
    assert follower.choose([other, SITTER], 10.0) == 1
    follower.follow(SITTER, 12.0)
    assert follower.choose([other, SITTER], 12.0) == 1
    follower.follow(SITTER, 14.5)
    assert follower.choose([other, SITTER], 14.5) == 0


def test_a_small_figure_behind_an_empty_chair_is_nobody() -> None:
    follower = followed()
    assert follower.choose([Figure(0.6, 0.4, 0.2)], 10.5) is None


def test_after_some_time_anybody_may_sit_down_but_no_passer_by() -> None:
    follower = followed()
    assert follower.choose([Figure(0.2, 0.5, 0.5)], 60.0) == 0
    assert follower.choose([Figure(0.2, 0.5, 0.1)], 60.0) is None


def test_a_person_who_moves_is_still_the_same() -> None:
    follower = PersonFollower()
    for step in range(50):
        figure = Figure(0.3 + 0.01 * step, 0.5, 0.5)
        assert step == 0 or follower.is_expected(figure, step * 0.2)
        follower.follow(figure, step * 0.2)


def test_after_a_large_passer_by_the_sitter_is_known_again_at_once() -> None:
    follower = followed()
    for tenth in range(100, 140):
        follower.follow(Figure(0.5, 0.5, 1.3), tenth / 10)
    assert follower.choose([SITTER], 14.1) == 0


def test_somebody_small_who_stays_is_the_person_at_the_desk_after_all() -> None:
    follower = PersonFollower()
    for tenth in range(200):
        follower.follow(Figure(0.5, 0.5, 1.3), tenth / 10)
    small = Figure(0.5, 0.5, 0.4)
    chosen = [follower.choose([small], 30.0 + second) for second in range(12)]
    assert chosen == [None] * 10 + [0] * 2


def test_what_is_tracked_is_whoever_is_counted_there_however_small_they_came_out() -> None:
    passer_by = Figure(1.1, 0.4, 0.3)
    assert index_of_tracked(SITTER, [passer_by, Figure(0.45, 0.45, 0.29)]) == 1
    assert index_of_tracked(Figure(1.1, 0.4, 0.32), [passer_by, SITTER]) == 0


def test_of_two_in_one_place_the_tracked_one_is_of_its_size() -> None:
    behind = Figure(0.57, 0.36, 0.34)
    sitter = Figure(0.5, 0.42, 0.6)
    assert index_of_tracked(Figure(0.52, 0.40, 0.36), [sitter, behind]) == 1


def test_a_tracker_that_holds_nobody_counted_or_a_part_of_somebody_holds_nobody() -> None:
    assert index_of_tracked(Figure(1.2, 0.5, 0.4), [SITTER]) is None
    assert index_of_tracked(Figure(0.5, 0.45, 0.35), [SITTER]) is None
    assert index_of_tracked(Figure(0.5, 0.5, 1.6), [SITTER]) is None
    assert index_of_tracked(SITTER, []) is None


def test_somebody_behind_an_empty_chair_is_not_the_chair_but_a_face_without_shoulders_is_itself() -> None:
    chair = Figure(0.5, 0.5, 0.6, has_shoulders=False)
    behind = Figure(0.5, 0.4, 0.4)
    assert index_of_tracked(chair, [behind]) is None
    assert index_of_tracked(chair, [Figure(0.5, 0.5, 0.5, has_shoulders=False)]) == 0
    assert index_of_tracked(SITTER, [Figure(0.5, 0.5, 0.5, has_shoulders=False)]) == 0


def test_looks_may_go_back_in_time() -> None:
    follower = followed()
    follower.follow(SITTER, 14.0)
    assert follower.is_expected(SITTER, 12.0)
    other = Figure(1.2, 0.5, 1.0)
    assert follower.choose([other, SITTER], 14.0) == 1
    assert follower.choose([other, SITTER], 12.5) == 1
    follower.follow(SITTER, 12.5)
    # Somebody larger is there from 12.5 s on, and takes over four seconds later.
    assert follower.choose([other, SITTER], 16.0) == 1
    assert follower.choose([other, SITTER], 16.5) == 0
