from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from posture_cam.alerts import AlertPolicy
from posture_cam.care.exercises import exercise_for
from posture_cam.ids import AlertKind, Doubt, Measure, State
from posture_cam.records import Alert
from posture_cam.settings import load_settings
from tests.builders import assessments

SETTINGS = load_settings().alerts
GOOD, FAIR, POOR, AWAY, UNJUDGED = State


def alerts(*parts: tuple[float, State], rate_hz: float = 1.0) -> list[Alert]:
    policy = AlertPolicy(SETTINGS)
    given = (policy.decide(assessment) for assessment in assessments(parts, rate_hz))
    return [alert for alert in given if alert is not None]


def times(given: list[Alert]) -> list[float]:
    return [alert.timestamp_s for alert in given]


def test_poor_posture_speaks_after_its_dwell() -> None:
    (alert,) = alerts((60, GOOD), (60, POOR))
    assert alert.timestamp_s == pytest.approx(90.0)
    assert alert.measure == Measure.NECK_INCLINATION_CHANGE
    assert alert.held_s == pytest.approx(30.0)
    assert alert.tip.fault == "neck_inclination_change_deg"
    assert alert.message == "Head forward for 30 s."


def test_fair_posture_is_given_longer() -> None:
    assert times(alerts((10, GOOD), (119, FAIR))) == []
    assert times(alerts((10, GOOD), (200, FAIR))) == pytest.approx([130.0])


def test_good_posture_and_an_empty_chair_are_left_in_peace() -> None:
    assert alerts((1700, GOOD)) == []
    assert alerts((3600, AWAY)) == []
    assert alerts((3600, UNJUDGED)) == []


def test_short_faults_do_not_add_up() -> None:
    assert alerts(*([(25, POOR), (20, GOOD)] * 20)) == []


def test_the_cool_down_doubles_while_ignored() -> None:
    given = [alert for alert in alerts((10, GOOD), (3300, POOR)) if alert.measure is not None]
    assert times(given) == pytest.approx([40.0, 340.0, 940.0, 2140.0])


def test_a_correction_makes_the_cool_down_short_again() -> None:
    ignored = [(10, GOOD), (700, POOR)]  # alerts at 40 and 340 s; the next one would be at 940
    given = alerts(*ignored, (20, GOOD), (100, POOR))
    assert times(given) == pytest.approx([40.0, 340.0, 760.0])


def test_a_moment_of_good_posture_is_no_correction() -> None:
    (alert,) = alerts((10, GOOD), (20, POOR), (3, GOOD), (40, POOR))
    assert alert.timestamp_s == pytest.approx(63.0)
    assert alert.held_s == pytest.approx(53.0)


def test_leaving_the_chair_ends_the_fault() -> None:
    assert alerts((10, GOOD), (25, POOR), (30, AWAY), (25, POOR)) == []


def test_time_unseen_is_not_held_against_anyone() -> None:
    assert alerts((10, GOOD), (25, POOR), (60, UNJUDGED), (25, POOR)) == []


def test_never_more_than_six_an_hour() -> None:
    given = alerts(*([(10, GOOD), (290, POOR)] * 48))
    for alert in given:
        in_hour = [t for t in times(given) if alert.timestamp_s <= t < alert.timestamp_s + 3600]
        assert len(in_hour) <= 6
    assert len(given) >= 20


def test_the_same_tip_never_comes_twice_running() -> None:
    given = alerts(*([(10, GOOD), (590, POOR)] * 20))
    assert len(given) > 10
    for one, following in pairwise(given):
        assert one.tip.id != following.tip.id


def test_a_break_is_suggested_after_half_an_hour_in_the_chair_and_again_later() -> None:
    given = alerts((4000, GOOD))
    assert times(given) == pytest.approx([1800.0, 3600.0])
    assert [alert.measure for alert in given] == [None, None]
    assert [alert.held_s for alert in given] == pytest.approx([1800.0, 3600.0])
    assert given[0].message.startswith("In the chair for 30 min.")
    assert given[0].exercise == "stand-up"  # no fault: the exercise against sitting still
    assert given[0].tip.kind == "break"


def test_a_minute_away_from_the_chair_counts_as_a_break_and_a_moment_does_not() -> None:
    assert times(alerts((1500, GOOD), (90, AWAY), (1000, GOOD))) == []
    assert times(alerts((1500, GOOD), (30, AWAY), (1000, GOOD))) == pytest.approx([1800.0])


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 5.0])
def test_it_goes_by_timestamps_whatever_the_rate(rate_hz: float) -> None:
    given = alerts((60, GOOD), (60, POOR), rate_hz=rate_hz)
    assert times(given) == pytest.approx([90.0], abs=2.0)


def policy_alerts(policy: AlertPolicy, *parts: tuple[float, State], start_s: float = 0.0) -> list[Alert]:
    given = []
    for one in assessments(parts):
        moved = replace(one, timestamp_s=one.timestamp_s + start_s, since_s=one.since_s + start_s)
        given.append(policy.decide(moved))
    return [alert for alert in given if alert is not None]


# test_trust.py covers how doubt about the neutral posture affects alerts.


def test_a_fault_in_doubt_is_put_as_a_question() -> None:
    policy = AlertPolicy(SETTINGS)
    given = [policy.decide(replace(one, doubt=Doubt.UNPROVEN)) for one in assessments([(60, POOR)])]
    (question,) = (one for one in given if one is not None)
    assert question.kind == AlertKind.QUESTION
    assert question.measure == Measure.NECK_INCLINATION_CHANGE
    assert "Head forward for 30 s." in question.message
    assert "still your neutral posture" in question.message


def test_what_was_said_before_a_restart_is_not_held_against_anybody() -> None:
    policy = AlertPolicy(SETTINGS)
    assert policy_alerts(policy, (25, POOR)) == []
    policy.restart()
    assert policy_alerts(policy, (3, GOOD), (25, POOR), start_s=25.0) == []


def test_a_corrected_alert_is_told_once() -> None:
    policy = AlertPolicy(SETTINGS)
    corrected = []
    for one in assessments([(40, POOR), (60, GOOD)]):
        policy.decide(one)
        if policy.corrected is not None:
            corrected.append((one.timestamp_s, policy.corrected.timestamp_s))
    assert corrected == [(45.0, 30.0)]


def test_snooze_is_silent_and_has_a_way_back() -> None:
    policy = AlertPolicy(SETTINGS)
    assert policy.snooze(0.0) == SETTINGS.snooze_s
    assert policy_alerts(policy, (300, POOR)) == []
    assert policy.snooze(300.0) is None
    assert len(policy_alerts(policy, (60, POOR), start_s=300.0)) == 1
    policy = AlertPolicy(SETTINGS)
    policy.snooze(0.0)
    (after,) = policy_alerts(policy, (910, POOR))
    assert after.timestamp_s == pytest.approx(SETTINGS.snooze_s)


@pytest.mark.parametrize(
    ("hours", "is_quiet"), [("12:00-13:00", True), ("22:00-12:10", False), ("13-14", False)]
)
def test_quiet_hours_by_the_time_of_day(hours: str, *, is_quiet: bool) -> None:
    noon = datetime.now(UTC).astimezone().replace(hour=12, minute=15, second=0)
    policy = AlertPolicy(SETTINGS.model_copy(update={"quiet_hours": (hours,)}), started_at=noon)
    assert (policy_alerts(policy, (60, POOR)) == []) == is_quiet
    night = AlertPolicy(
        SETTINGS.model_copy(update={"quiet_hours": ("18:00-8:00",)}), started_at=noon - timedelta(hours=9)
    )
    assert policy_alerts(night, (60, POOR)) == []


@pytest.mark.parametrize("seed", range(5))
def test_eight_hours_of_mixed_sitting_are_calm(seed: int) -> None:
    """At most six alerts in any hour, of faults only while sitting badly, and the same tip never twice."""
    chance = random.Random(seed)
    parts: list[tuple[float, State]] = []
    while sum(seconds for seconds, _ in parts) < 8 * 3600:
        state = chance.choices((GOOD, FAIR, POOR, AWAY, UNJUDGED), weights=(5, 3, 4, 1, 1))[0]
        parts.append((chance.choice((8, 30, 90, 240, 900)), state))
    state_at: dict[float, State] = {}
    policy = AlertPolicy(SETTINGS)
    given: list[Alert] = []
    for one in assessments(parts):
        state_at[one.timestamp_s] = one.state
        alert = policy.decide(one)
        if alert is not None:
            given.append(alert)
    assert len(given) >= 8
    assert all(
        sum(other.timestamp_s - 3600 < one.timestamp_s <= other.timestamp_s for one in given) <= 6
        for other in given
    )
    for alert in given:
        if alert.kind != AlertKind.BREAK:
            assert state_at[alert.timestamp_s] in (FAIR, POOR)
    assert all(first.tip != second.tip for first, second in pairwise(given))


def test_a_break_offers_an_exercise_for_the_worst_fault_of_the_last_hour() -> None:
    bad = [(1790, FAIR), (60, GOOD)]
    given = [alert for alert in alerts(*bad) if alert.kind == AlertKind.BREAK]
    offered = exercise_for(Measure.NECK_INCLINATION_CHANGE, must_be_seen=True)
    assert offered is not None
    assert [alert.exercise for alert in given] == [offered.name]
    assert offered.title.lower() in given[0].message
    assert offered.is_seen_from_front
