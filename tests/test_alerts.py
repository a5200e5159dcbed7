from __future__ import annotations

from itertools import pairwise

import pytest

from posture_cam.alerts import AlertPolicy
from posture_cam.records import Alert, Measure, State
from posture_cam.settings import load_settings
from tests.builders import assessments

SETTINGS = load_settings().alerts
GOOD, FAIR, POOR, AWAY, UNJUDGED = State


def alerts(*parts: tuple[float, State], rate_hz: float = 1.0) -> list[Alert]:
    policy = AlertPolicy(SETTINGS)
    given = (policy.update(assessment) for assessment in assessments(parts, rate_hz))
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
    assert given[0].message == "In the chair for 30 min."
    assert given[0].tip.kind == "break"


def test_a_minute_away_from_the_chair_counts_as_a_break_and_a_moment_does_not() -> None:
    assert times(alerts((1500, GOOD), (90, AWAY), (1000, GOOD))) == []
    assert times(alerts((1500, GOOD), (30, AWAY), (1000, GOOD))) == pytest.approx([1800.0])


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 5.0])
def test_it_goes_by_timestamps_whatever_the_rate(rate_hz: float) -> None:
    given = alerts((60, GOOD), (60, POOR), rate_hz=rate_hz)
    assert times(given) == pytest.approx([90.0], abs=2.0)
