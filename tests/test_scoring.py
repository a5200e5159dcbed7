from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture_cam.assessment.scoring import penalty, score, state_of, stretched
from posture_cam.ids import Measure, Severity, State
from posture_cam.measures import load_measures

TABLE = load_measures()
NECK, TRUNK = Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-30.0, 0.0), (0.0, 0.0), (5.0, 0.0), (10.0, 0.2), (15.0, 0.3), (20.0, 0.4), (50.0, 1.0), (90.0, 1.0)],
)
def test_penalty_has_its_corners_at_half_good_good_poor_and_2_5_times_poor(
    value: float, expected: float
) -> None:
    assert penalty(TABLE[NECK], value) == pytest.approx(expected)


def test_a_measure_with_two_sides_counts_by_its_size() -> None:
    info = TABLE[Measure.SHOULDER_TILT_CHANGE]
    assert penalty(info, -6.0) == penalty(info, 6.0) == pytest.approx(0.4)


def test_leaning_back_is_judged_by_limits_of_its_own() -> None:
    assert penalty(TABLE[TRUNK], -15.0) == 0.0
    assert penalty(TABLE[TRUNK], 15.0) == pytest.approx(0.3)
    assert penalty(TABLE[Measure.LEANING_BACK], 15.0) == pytest.approx(0.2)


def test_signs_of_slouching_add_up_to_the_root_of_the_sum_of_squares() -> None:
    table = load_measures("estimated")
    good = {name: info.good for name, info in table.items() if info.good is not None}
    values = {name: 0.6 * good[name] for name in (NECK, TRUNK, Measure.SINKING, Measure.EAR_DROP)}
    nothing = dict.fromkeys(values, 0.0)
    together = stretched(values, nothing, table, 0.2)
    assert [together[name] / good[name] for name in values] == pytest.approx([1.2] * 4)
    alone = stretched({NECK: 7.0, TRUNK: -20.0}, {NECK: 5.0, TRUNK: 5.0}, table, 0.2)
    assert alone == pytest.approx({NECK: 8.0, TRUNK: -21.0})
    back = {Measure.LEANING_BACK: 20.0, NECK: 8.0}
    assert stretched(back, dict.fromkeys(back, 0.0), table, 0.2) == pytest.approx(back)


def test_lower_is_worse() -> None:
    assert penalty(TABLE[Measure.HEAD_DROP], -16.0) == pytest.approx(0.4)
    assert penalty(TABLE[Measure.HEAD_DROP], 16.0) == 0.0
    distance = TABLE[Measure.VIEWING_DISTANCE]
    assert penalty(distance, 80.0) == 0.0
    assert penalty(distance, 50.0) == pytest.approx(0.2)
    assert penalty(distance, 40.0) == pytest.approx(0.4)


@given(st.sampled_from([name for name, info in TABLE.items() if info.group]), st.floats(-500, 500))
def test_every_penalty_lies_between_0_and_1(name: Measure, value: float) -> None:
    assert 0.0 <= penalty(TABLE[name], value) <= 1.0


@given(st.floats(0, 60), st.floats(0, 60))
def test_more_bending_never_scores_better(one: float, other: float) -> None:
    less, more = sorted((one, other))
    first, second = (score({NECK: value}, TABLE).score for value in (less, more))
    assert first is not None
    assert second is not None
    assert first >= second


def test_without_a_sagittal_measure_there_is_no_score() -> None:
    scored = score({Measure.SHOULDER_TILT_CHANGE: 9.0}, TABLE)
    assert scored.score is None
    assert scored.coverage == ("lateral",)


def test_the_worst_of_a_group_speaks_and_groups_join_as_cubes() -> None:
    assert score({NECK: 20.0, TRUNK: 10.0}, TABLE).score == 60
    # (0.4^3 + (0.6 * 0.4)^3)^(1/3) = 0.427
    assert score({NECK: 20.0, Measure.SHOULDER_TILT_CHANGE: 6.0}, TABLE).score == 57


def test_findings_are_worst_first_with_their_severity() -> None:
    findings = score({NECK: 12.0, TRUNK: 30.0, Measure.SINKING: 1.0}, TABLE).findings
    assert [finding.measure for finding in findings] == [TRUNK, NECK]
    assert [finding.severity for finding in findings] == [Severity.POOR, Severity.MILD]


def test_approach_is_sagittal_only_where_the_camera_is_low() -> None:
    values = {Measure.APPROACH: 20.0}
    assert score(values, TABLE).score is None
    assert score(values, TABLE, camera_is_low=True).score == 60


@pytest.mark.parametrize(
    ("value", "state"), [(80, State.GOOD), (79, State.FAIR), (60, State.FAIR), (59, State.POOR)]
)
def test_states_by_score(value: int, state: State) -> None:
    assert state_of(value) == state


def test_limits_of_leaving_are_stricter_than_those_of_entering() -> None:
    assert score({NECK: 9.0}, TABLE).score > 80  # type: ignore[operator]
    assert score({NECK: 9.0}, TABLE, scale=0.7).score < 80  # type: ignore[operator]


def test_shown_measures_are_never_judged() -> None:
    for name in (
        Measure.NECK_INCLINATION,
        Measure.CRANIOVERTEBRAL_ANGLE,
        Measure.HEAD_YAW_CHANGE,
        Measure.STILLNESS,
    ):
        assert score({NECK: 0.0, name: 1000.0}, TABLE).score == 100
