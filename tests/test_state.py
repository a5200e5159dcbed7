from __future__ import annotations

import pytest

from posture_cam.assessment.state import StateMachine
from posture_cam.ids import Reason, State
from posture_cam.settings import load_settings

SETTINGS = load_settings()
GOOD, FAIR, POOR, AWAY, UNJUDGED = State


def machine() -> StateMachine:
    return StateMachine(SETTINGS.state, SETTINGS.sampling.max_gap_s)


def run(
    states: StateMachine, start_s: float, seconds: float, seen: State | Reason, rate_hz: float = 5.0
) -> list[tuple[float, State, float]]:
    """The judgements of a stretch: time, state, since when."""
    said = []
    for number in range(round(seconds * rate_hz)):
        now_s = start_s + number / rate_hz
        state, since_s = (
            states.judge(now_s, seen, seen) if isinstance(seen, State) else states.pause(now_s, seen)
        )
        said.append((now_s, state, since_s))
    return said


def run_between(
    states: StateMachine, start_s: float, seconds: float, rate_hz: float = 5.0
) -> list[tuple[float, State, float]]:
    """The judgements of a stretch that is good by the entering limits, and fair by the leaving limits."""
    times = [start_s + number / rate_hz for number in range(round(seconds * rate_hz))]
    return [(now_s, *states.judge(now_s, GOOD, FAIR)) for now_s in times]


@pytest.mark.parametrize("rate_hz", [2.0, 5.0, 30.0])
def test_a_change_needs_the_majority_of_three_seconds(rate_hz: float) -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD, rate_hz)
    said = run(states, 10.0, 5.0, POOR, rate_hz)
    first_s, _, since_s = next(moment for moment in said if moment[1] == POOR)
    assert 1.3 <= first_s - 10.0 <= 2.2
    assert since_s == pytest.approx(10.0, abs=1 / rate_hz)


def test_a_short_dip_changes_nothing() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    assert {state for _, state, _ in run(states, 10.0, 1.2, POOR)} == {GOOD}
    assert {state for _, state, _ in run(states, 11.2, 10.0, GOOD)} == {GOOD}


@pytest.mark.parametrize("rate_hz", [5.0, 30.0])
@pytest.mark.parametrize(("before", "seen"), [(GOOD, FAIR), (GOOD, POOR), (POOR, GOOD)])
def test_at_the_end_a_short_change_stands_as_nothing_can_object(
    before: State, seen: State, rate_hz: float
) -> None:
    states = machine()
    run(states, 0.0, 10.0, before, rate_hz)
    assert run(states, 10.0, 1.0, seen, rate_hz)[-1][1] == before
    assert states.conclude() == (seen, pytest.approx(10.0))


def test_at_the_end_a_moment_or_a_doubt_changes_nothing() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run(states, 10.0, 0.4, POOR)  # two moments
    assert states.conclude() is None
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    for start_s in (10.0, 10.4, 10.8):
        run(states, start_s, 0.2, GOOD)
        run(states, start_s + 0.2, 0.2, POOR)
    assert states.conclude() is None


@pytest.mark.parametrize("rate_hz", [1.0, 2.0])
def test_at_the_end_one_moment_alone_changes_nothing_however_few_there_are(rate_hz: float) -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD, rate_hz)
    run(states, 10.0, 1.0 / rate_hz, POOR, rate_hz)
    assert states.conclude() is None


@pytest.mark.parametrize("gone", [Reason.NOBODY, Reason.UNSURE])
def test_at_the_end_one_moment_after_none_that_could_be_judged_changes_nothing(gone: Reason) -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run(states, 10.0, 0.8, gone)
    run(states, 10.8, 0.2, POOR)
    assert states.conclude() is None


def test_at_the_end_a_moment_before_a_long_glance_does_not_speak_for_one_after_it() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run(states, 10.0, 0.2, POOR)
    run(states, 10.2, 8.0, Reason.LOOKING_DOWN)
    run(states, 18.2, 0.2, POOR)
    assert states.conclude() is None


def test_at_the_end_two_moments_that_lie_beside_the_grid_change_nothing() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    for timestamp_s in (10.0, 10.24):  # one picture late, at 24 a second
        states.judge(timestamp_s, POOR, POOR)
    assert states.conclude() is None


@pytest.mark.parametrize("last", [Reason.NOBODY, Reason.LOOKING_AWAY, Reason.UNSURE])
def test_at_the_end_what_cannot_be_judged_keeps_the_state(last: Reason) -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run(states, 10.0, 0.8, POOR)
    run(states, 10.8, 0.4, last)
    assert states.conclude() is None


def test_who_has_just_come_has_no_state_at_the_end() -> None:
    states = machine()
    assert states.conclude() is None
    run(states, 0.0, 0.2, GOOD)
    assert states.conclude() is None


def test_a_state_is_left_only_within_the_release_limits() -> None:
    states = machine()
    run(states, 0.0, 10.0, POOR)
    for number in range(50):  # good by the entering limits, fair by the leaving limits
        state, _ = states.judge(10.0 + number / 5, GOOD, POOR)
    assert state == POOR
    assert run(states, 20.0, 5.0, GOOD)[-1][1] == GOOD


@pytest.mark.parametrize(("hidden_s", "away_since_s"), [(3.0, 10.0), (8.0, 18.0)])
def test_who_is_seen_badly_and_then_not_at_all_was_leaving(hidden_s: float, away_since_s: float) -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run(states, 10.0, hidden_s, Reason.HEAD_HIDDEN)
    said = run(states, 10.0 + hidden_s, 8.0, Reason.NOBODY)
    assert said[-1][1:] == (AWAY, pytest.approx(away_since_s))


def test_one_look_that_finds_nobody_is_no_absence_however_badly_somebody_was_seen() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run(states, 10.0, 4.9, Reason.HEAD_HIDDEN)
    assert run(states, 15.0, 0.2, Reason.NOBODY)[-1][1] == UNJUDGED
    assert run(states, 15.2, 0.8, Reason.HEAD_HIDDEN)[-1][1] == UNJUDGED
    assert run(states, 16.0, 2.0, GOOD)[-1][1] == GOOD


def test_nobody_for_five_seconds_is_away_from_when_the_chair_was_left() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    said = run(states, 10.0, 8.0, Reason.NOBODY)
    assert said[2][1] == GOOD  # a moment in which nobody was found
    first_s, _, since_s = next(moment for moment in said if moment[1] == AWAY)
    assert first_s == pytest.approx(15.0, abs=0.21)
    assert since_s == pytest.approx(10.0)


def test_a_glance_away_keeps_the_state_for_a_while() -> None:
    states = machine()
    run(states, 0.0, 10.0, POOR)
    said = run(states, 10.0, 20.0, Reason.LOOKING_DOWN)
    assert said[0][1] == POOR
    assert said[45][1] == POOR
    assert said[-1][1] == UNJUDGED


def test_a_gap_in_the_recording_is_not_held() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    assert states.pause(40.0, Reason.HEAD_HIDDEN)[0] == UNJUDGED


def test_the_first_state_comes_quickly_and_counts_from_the_start() -> None:
    said = run(machine(), 0.0, 3.0, FAIR)
    assert said[0][1] == UNJUDGED
    first_s, state, since_s = next(moment for moment in said if moment[1] != UNJUDGED)
    assert (first_s, state, since_s) == (pytest.approx(0.4), FAIR, 0.0)


def test_after_coming_back_the_old_state_is_forgotten() -> None:
    states = machine()
    run(states, 0.0, 10.0, POOR)
    run(states, 10.0, 10.0, Reason.NOBODY)
    assert run(states, 20.0, 3.0, GOOD)[-1][1:] == (GOOD, 20.0)


@pytest.mark.parametrize("rate_hz", [5.0, 30.0])
def test_a_posture_lasts_as_long_seen_backwards(rate_hz: float) -> None:
    """Between the leaving and the entering limits, then beyond both, then between them again."""
    states = machine()
    run(states, 0.0, 10.0, GOOD, rate_hz)
    run_between(states, 10.0, 4.0, rate_hz)
    fair = run(states, 14.0, 5.0, FAIR, rate_hz)
    run_between(states, 19.0, 4.0, rate_hz)
    good = run(states, 23.0, 5.0, GOOD, rate_hz)
    assert fair[-1][1:] == (FAIR, pytest.approx(10.0))
    assert good[-1][1:] == (GOOD, pytest.approx(23.0))


def test_a_posture_between_the_limits_alone_is_never_reached() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    assert run_between(states, 10.0, 20.0)[-1][1] == GOOD


def test_how_long_ago_a_posture_began_has_an_end() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run_between(states, 10.0, 30.0)
    said = run(states, 40.0, 5.0, FAIR)
    first_s, _, since_s = next(moment for moment in said if moment[1] == FAIR)
    assert since_s == pytest.approx(first_s - SETTINGS.state.onset_s, abs=0.21)


def test_a_moment_like_it_some_time_before_a_change_is_not_its_beginning() -> None:
    states = machine()
    run(states, 0.0, 10.0, GOOD)
    run(states, 10.0, 0.4, POOR)
    run(states, 10.4, 1.0, GOOD)
    assert run(states, 11.4, 3.0, POOR)[-1][1:] == (POOR, pytest.approx(11.4))


def test_a_change_began_within_the_state_before_it() -> None:
    states = machine()
    run(states, 0.0, 10.0, FAIR)
    assert run(states, 10.0, 2.2, GOOD)[-1][1:] == (GOOD, pytest.approx(10.0))
    assert run(states, 12.2, 3.0, FAIR)[-1][1:] == (FAIR, pytest.approx(12.2))
