"""Corrections: limits learned from them, and where they are kept; and the dial of sensitivity."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from posture_cam.assessment import Judge, learned_factors
from posture_cam.assessment.learning import LEAST_FACTOR, MOST_FACTOR
from posture_cam.assessment.scoring import limited, score, state_of, stretched
from posture_cam.config import load_config
from posture_cam.errors import NeutralError, UsageError
from posture_cam.ids import Command, Label, Measure, State, View
from posture_cam.measures import load_measures
from posture_cam.profiles import (
    MOST_CORRECTIONS,
    add_correction,
    forget_corrections,
    load_profile,
    profile_path,
    restore_profile,
    save_profile,
)
from posture_cam.records import Measures, Neutral
from posture_cam.session.learning import correction_of, own_factors, words_of_limits
from posture_cam.session.neutrals import load_estimator
from posture_cam.settings import load_settings
from posture_cam.words import seat_words
from tests.builders import side_pose
from tests.running import run
from tests.test_monitor import CLIP, ScriptedSource, neutral, same, watched  # noqa: F401

SETTINGS = load_settings()
TABLE = load_measures("estimated")
NECK, TRUNK, TILT = (
    Measure.NECK_INCLINATION_CHANGE,
    Measure.TRUNK_INCLINATION_CHANGE,
    Measure.HEAD_TILT_CHANGE,
)
SHARE = SETTINGS.state.error_share


def moment(neck: float = 0.0, trunk: float = 0.0, tilt: float = 0.0) -> Measures:
    """A moment with sure estimates."""
    return Measures(
        0.0, View.FRONT, {NECK: neck, TRUNK: trunk, TILT: tilt}, 0.9, None, {NECK: 0.0, TRUNK: 0.0}
    )


def is_good(measures: Measures, factors: dict[Measure, float]) -> bool:
    table = limited(TABLE, factors)
    told = stretched(measures.values, measures.errors, table, SHARE)
    scored = score(measures.values, table, corrected=told)
    assert scored.score is not None
    return state_of(scored.score) == State.GOOD


def learned(*corrections: tuple[Measures, Label]) -> dict[Measure, float]:
    return learned_factors(corrections, TABLE, SETTINGS.state)


def test_what_was_called_bad_and_is_said_to_be_good_widens_the_limits_that_spoke() -> None:
    forward = moment(neck=14.0, trunk=1.0)
    factors = learned(*[(forward, Label.GOOD)] * 6)
    assert not is_good(forward, {})
    assert is_good(forward, factors)
    assert factors[NECK] > 1.4
    assert factors[TRUNK] == pytest.approx(1.0, abs=0.02)
    assert TILT not in factors


def test_what_was_called_good_and_is_said_to_be_bad_narrows_what_spoke_most() -> None:
    slight = moment(neck=6.0, trunk=2.0, tilt=1.0)
    factors = learned(*[(slight, Label.BAD)] * 6)
    assert is_good(slight, {})
    assert not is_good(slight, factors)
    assert factors[NECK] < 0.7
    assert TILT not in factors


def test_a_tilt_is_learned_by_itself() -> None:
    factors = learned(*[(moment(tilt=-12.0), Label.GOOD)] * 6)
    assert set(factors) == {TILT}
    assert factors[TILT] > 1.8


def test_what_is_judged_as_said_changes_nothing() -> None:
    assert learned((moment(neck=2.0), Label.GOOD), (moment(neck=25.0, trunk=20.0), Label.BAD)) == {}
    assert learned((moment(neck=-20.0), Label.BAD)) == {}


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.builds(moment, *[st.floats(-60, 60)] * 3),
            st.sampled_from(list(Label)),
        ),
        max_size=60,
    )
)
def test_any_history_of_corrections_keeps_factors_in_bounds_and_each_moves_towards_what_was_said(
    history: list[tuple[Measures, Label]],
) -> None:
    before: dict[Measure, float] = {}
    for count in range(1, len(history) + 1):
        factors = learned(*history[:count])
        assert factors == learned(*history[:count])
        assert all(LEAST_FACTOR <= one <= MOST_FACTOR for one in factors.values())
        for name, one in factors.items():
            if history[count - 1][1] == Label.GOOD:
                assert one >= before.get(name, 1.0) - 1e-9
            else:
                assert one <= before.get(name, 1.0) * 1.4
        before = factors


def test_corrections_are_kept_listed_and_taken_back(neutral: Neutral) -> None:  # noqa: F811
    assert neutral.pose is not None
    for number in range(3):
        label = Label.BAD if number % 2 else Label.GOOD
        made_at = datetime(2026, 11, 29, 9, number, tzinfo=UTC)
        add_correction("default", correction_of(neutral.pose, neutral.pose, label, made_at))
    kept = load_profile("default").corrections
    assert [one.label for one in kept] == [Label.GOOD, Label.BAD, Label.GOOD]
    assert kept[1].made_at == "2026-11-29T09:01:00+00:00"
    assert np.allclose(kept[0].pose.landmarks, neutral.pose.landmarks, atol=1e-5)
    shown = run("profiles", "show", "default")
    assert "2026-11-29 09:01  I slouch" in shown.stdout
    told = json.loads(run("profiles", "show", "default", "--json").stdout)
    assert [one["label"] for one in told["corrections"]] == ["good", "bad", "good"]
    assert "landmarks" not in json.dumps(told)
    assert run("profiles", "forget", "default").returncode == 2
    done = run("profiles", "forget", "default", "--last", "1")
    assert "Forgotten: 1 correction of default" in done.stderr
    assert [one.label for one in load_profile("default").corrections] == [Label.GOOD, Label.BAD]
    assert forget_corrections("default") == 2
    assert load_profile("default").corrections == ()
    with pytest.raises(NeutralError):
        forget_corrections("nobody")


def test_a_new_calibration_keeps_the_corrections_and_of_many_the_oldest_are_dropped(neutral: Neutral) -> None:  # noqa: F811
    assert neutral.pose is not None
    made_at = datetime(2026, 11, 29, 9, tzinfo=UTC)
    one = correction_of(side_pose(neck_deg=40.0), side_pose(), Label.GOOD, made_at)
    save_profile("default", replace(neutral, corrections=(one,) * MOST_CORRECTIONS))
    assert profile_path("default").stat().st_size < 1_500_000
    save_profile("default", neutral)
    kept = load_profile("default")
    assert len(kept.corrections) == MOST_CORRECTIONS
    last = correction_of(side_pose(neck_deg=40.0), side_pose(), Label.BAD, made_at)
    assert [c.label for c in add_correction("default", last).corrections[-2:]] == [Label.GOOD, Label.BAD]
    assert len(load_profile("default").corrections) == MOST_CORRECTIONS
    # They are measured against their own neutral posture, not against the present one.
    factors = own_factors(replace(kept, corrections=(one,) * 3), SETTINGS, load_estimator())
    assert factors[NECK] > 1.2
    words = words_of_limits(replace(kept, corrections=(one,) * 3), factors, {})
    assert words[0].startswith("Your limit for head forward is now")
    assert "instead of 9°, from 3 corrections." in words[0]


def test_a_limit_among_the_strongly_bent_is_said_to_be_one() -> None:
    (words,) = words_of_limits(Neutral("", "test", View.FRONT, {}, {}, 1), {NECK: 2.4}, {})
    assert words.endswith("RULA calls more than 20° strongly bent.")


def test_a_correction_of_a_live_run_is_said_kept_and_judged_by(neutral: Neutral) -> None:  # noqa: F811
    plain, _ = watched()
    summary, kept = watched(plan=[(17.0 + 2.5 * number, Command.SITS_WELL) for number in range(3)])
    assert sum("Your limit for head forward is now" in words for words in kept.words) >= 2
    corrections = load_profile("default").corrections
    assert [one.label for one in corrections] == [Label.GOOD] * 3
    assert summary.seconds_by_state[State.FAIR] < plain.seconds_by_state[State.FAIR] - 5.0
    assert summary.seconds_by_state[State.POOR] > 10.0
    again, _ = watched()
    assert any("Your limit for head forward is now" in note for note in again.notes)
    assert again.seconds_by_state[State.FAIR] < plain.seconds_by_state[State.FAIR] - 5.0


def test_what_is_not_measured_or_not_stored_is_not_corrected(neutral: Neutral) -> None:  # noqa: F811
    black: Callable[[np.ndarray], np.ndarray] = np.zeros_like
    _, kept = watched(ScriptedSource(lambda _: (2.0, black), 12.0), [(8.0, Command.SLOUCHES)])
    assert any("You are not measured" in words for words in kept.words)
    assert load_profile("default").corrections == ()
    Path(profile_path("default")).unlink()
    _, kept = watched(ScriptedSource(lambda now_s: (now_s % 8.0, same), 12.0), [(10.0, Command.SLOUCHES)])
    assert any("nothing to correct" in words for words in kept.words)


def test_the_dial_changes_limits_for_all_faults_or_for_one() -> None:
    forward = {NECK: 8.0, TRUNK: 0.0, TILT: 0.0}
    measures = Measures(0.0, View.FRONT, forward, 0.9, None, {NECK: 0.5, TRUNK: 0.5})
    posture = Neutral("", "test", View.FRONT, {}, {}, 1)

    def state(*levels: str) -> State:
        judge = Judge(posture, load_config({"sensitivity": levels}).settings())
        for look in range(40):
            _, assessment = judge.judge(replace(measures, timestamp_s=look / 5))
        return assessment.state

    assert state("normal") == state("relaxed") == State.GOOD
    assert state("strict") == State.FAIR
    assert state("normal", "neck_inclination=strict") == State.FAIR
    assert state("strict", "neck-inclination = relaxed") == State.GOOD
    for wrong in ("harsh", "ankle=strict"):
        with pytest.raises(UsageError):
            load_config({"sensitivity": (wrong,)})


def test_keys_turn_the_dial_and_say_where_it_is(neutral: Neutral) -> None:  # noqa: F811
    plan = [(1.0 + number, Command.MORE_SENSITIVE) for number in range(2)]
    plan += [(4.0 + number, Command.LESS_SENSITIVE) for number in range(2)]
    _, kept = watched(ScriptedSource(lambda now_s: (now_s % 8.0, same), 10.0), plan)
    told = [words for words in kept.words if words.startswith("Sensitivity")]
    assert [words.split()[1].strip(".") for words in told] == ["strict", "strict", "normal", "relaxed"]
    assert CLIP.exists()


def test_a_run_says_how_strictly_it_was_judged(neutral: Neutral) -> None:  # noqa: F811
    source = ScriptedSource(lambda now_s: (now_s % 8.0, same), 8.0)
    plan = [(5.0, Command.LESS_SENSITIVE)]
    summary, _ = watched(source, plan, sensitivity=("strict", "head_tilt=relaxed"))
    assert [note for note in summary.notes if "sensitivity" in note] == [
        "Judged with the sensitivity strict (limits a fifth lower); head tilted to one side: "
        "relaxed (limits a quarter higher).",
        "From 0:05 on, judged with the sensitivity normal; head tilted to one side: "
        "relaxed (limits a quarter higher).",
    ]
    summary, _ = watched(ScriptedSource(lambda now_s: (now_s % 8.0, same), 4.0))
    assert not any("sensitivity" in note for note in summary.notes)


def sitting(parts: list[tuple[float, float]], **seat: object) -> tuple[Judge, list[tuple[float, State]]]:
    """States of somebody whose neck and trunk are bent by so many degrees for so many minutes."""
    settings = SETTINGS.model_copy(update={"seat": SETTINGS.seat.model_copy(update=seat)})
    judge, states, now_s = Judge(Neutral("", "test", View.FRONT, {}, {}, 1), settings), [], 0.0
    for minutes, bent_deg in parts:
        for _ in range(round(60 * minutes)):
            _, assessment = judge.judge(replace(moment(bent_deg, bent_deg), timestamp_s=now_s))
            states.append((now_s, assessment.state))
            now_s += 1.0
    return judge, states


def test_a_seat_that_changes_slowly_counts_as_good_and_a_slouch_is_still_found() -> None:
    slowly = [(3.0, degrees / 4) for degrees in range(20)]  # to nearly 5 deg within an hour
    judge, states = sitting([*slowly, (90.0, 5.0), (5.0, 14.0)])
    assert all(state == State.GOOD for now_s, state in states if 60 < now_s < 9000)
    assert 1.0 < judge.seat[NECK] <= 0.25 * 9.0
    assert states[-1][1] in (State.FAIR, State.POOR)
    off, _ = sitting([(60.0, 4.0)], follow=False)
    assert off.seat == {}


def test_what_is_judged_bad_moves_nothing_however_long_it_lasts() -> None:
    judge, states = sitting([(2.0, 0.0), (180.0, 25.0)])
    assert states[-1][1] == State.POOR
    assert judge.seat == {}


def test_the_change_of_seat_is_bounded_for_any_history() -> None:
    chance = np.random.default_rng(3)
    judge, _ = sitting([(float(chance.uniform(1, 40)), float(chance.normal(0, 9))) for _ in range(30)])
    for name, moved in judge.seat.items():
        good = TABLE[name].good
        assert good is not None
        assert abs(moved) <= 0.25 * good + 1e-9
    assert "neck inclination +2°" in seat_words({NECK: 2.2})


def test_limits_scaled_by_an_own_slouch_are_those_that_corrections_move(neutral: Neutral) -> None:  # noqa: F811
    strict = replace(neutral, slouch={NECK: 4.0})
    made_at = datetime(2026, 11, 29, 9, tzinfo=UTC)
    forward = correction_of(side_pose(neck_deg=26.0), side_pose(), Label.GOOD, made_at)
    factors = own_factors(replace(strict, corrections=(forward,) * 4), SETTINGS, load_estimator())
    assert factors[NECK] > 1.2
    words = words_of_limits(replace(strict, corrections=(forward,) * 4), factors, {})
    assert "instead of 5.4°, from 4 corrections." in words[0]


def test_what_is_forgotten_is_in_no_copy_and_what_is_restored_keeps_what_was_learned(
    neutral: Neutral,  # noqa: F811
) -> None:
    assert neutral.pose is not None
    made_at = datetime(2026, 11, 29, 9, tzinfo=UTC)
    add_correction("default", correction_of(neutral.pose, neutral.pose, Label.GOOD, made_at))
    save_profile("default", neutral)  # a new calibration; the one before is kept beside it
    copies = [path for path in profile_path("default").parent.rglob("*.json") if path.is_file()]
    assert len(copies) == 2
    assert all('"label": "good"' in path.read_text("utf-8") for path in copies)
    forget_corrections("default")
    assert not any('"label"' in path.read_text("utf-8") for path in copies)
    add_correction("default", correction_of(neutral.pose, neutral.pose, Label.BAD, made_at))
    assert [one.label for one in restore_profile("default").corrections] == [Label.BAD]


def test_a_key_that_is_held_is_one_correction(neutral: Neutral) -> None:  # noqa: F811
    plan = [(4.0 + number / 10, Command.SITS_WELL) for number in range(15)]
    watched(ScriptedSource(lambda now_s: (now_s % 8.0, same), 10.0), plan)
    assert len(load_profile("default").corrections) == 1
