"""Check-ins, programmes and the look at a desk: signs, plans, what is stored, and what reports show."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from posture_cam.care.checkins import (
    CheckIn,
    Difficulty,
    Place,
    advice,
    load_signs,
    red_flags,
    signs_of,
    standing_flags,
)
from posture_cam.care.exercises import ExerciseDone, exercise_called
from posture_cam.care.programme import (
    PER_WEEK,
    WEEKS,
    Programme,
    change_in_pain,
    plan,
    progress,
)
from posture_cam.care.workspace import load_items, load_questions, parse_answers, tips_of
from posture_cam.errors import UsageError
from posture_cam.history import History, Writer, keep_check_in, keep_exercise, keep_programme, stop_programme
from posture_cam.history.schema import MIGRATIONS, migrate
from posture_cam.ids import Measure, State
from posture_cam.outputs.report import page_of
from posture_cam.paths import history_path
from posture_cam.session import programme
from posture_cam.session.report import of_days
from posture_cam.session.workspace import LOW_BELOW_DEG
from tests.conftest import ROOT, SAMPLES
from tests.running import run
from tests.sittings import kept_run

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DAY_S = 86_400.0


def check_in(pain: int, *, day: float = 0.0, **values: object) -> CheckIn:
    return replace(CheckIn(NOON.timestamp() + day * DAY_S, pain), **values)  # type: ignore[arg-type]


def names(now: CheckIn, *earlier: CheckIn) -> set[str]:
    return {sign.name for sign in signs_of(now, earlier)}


# Signs that call for professional help.


def test_the_five_signs_of_the_article_are_told_by_what_shows_them() -> None:
    assert names(check_in(4, since_days=2)) == set()
    assert names(check_in(4, since_days=5)) == {"lasting"}
    assert names(check_in(3, returns=True)) == {"returning"}
    assert names(check_in(3, difficult=(Difficulty.BENDING,))) == {"daily-life"}
    assert names(check_in(3, radiates=True)) == {"radiating"}
    assert names(check_in(3, wants_alternative=True)) == {"alternative"}
    articles = [sign for sign in load_signs() if sign.source == "When Should You See a Physical Therapist?"]
    assert len(articles) == 5
    assert names(check_in(7)) == {"severe"}


def test_no_pain_shows_no_sign() -> None:
    assert names(check_in(0, since_days=50, returns=True, radiates=True)) == set()


def test_pain_that_lasts_shows_in_the_check_ins_themselves() -> None:
    assert names(check_in(4, day=6), check_in(4), check_in(4, day=3)) == {"lasting"}
    assert names(check_in(2, day=6), check_in(5), check_in(4, day=3)) == set()  # it eases
    assert names(check_in(4, day=6), check_in(5), check_in(4, day=3)) == {
        "lasting"
    }  # by a point: it does not
    assert names(check_in(4, day=300), check_in(4)) == set()  # nothing is known of the months between
    assert names(check_in(4, day=6, since_days=1), check_in(4), check_in(4, day=3)) == set()  # as they say
    assert names(check_in(4, day=1), check_in(4, since_days=14)) == {"lasting"}  # as they said yesterday


def test_pain_that_was_gone_and_is_back_keeps_returning() -> None:
    assert names(check_in(3, day=20), check_in(4), check_in(0, day=5)) == {"returning"}
    assert names(check_in(3, day=0.02), check_in(4), check_in(0, day=0.01)) == set()  # the same hour


@pytest.mark.parametrize("flag", [sign.name for sign in red_flags()])
def test_red_flags_come_first_and_send_to_a_doctor(flag: str) -> None:
    signs = signs_of(check_in(2, flags=(flag,), radiates=True))
    assert signs[0].name == flag
    words = advice(signs)
    assert "physical therapist" not in words
    assert "now" in words or "doctor" in words


def test_advice_names_no_condition() -> None:
    for sign in load_signs():
        assert not re.search(r"you have (a|an) (hernia|fracture|tumou?r|infection)", sign.text)
    assert advice(()) == ""
    assert "physical therapist" in advice(signs_of(check_in(3, radiates=True)))


def test_sources_of_signs_are_the_article_or_named() -> None:
    article = (ROOT / "docs" / "article.md").read_text("utf-8")
    for sign in load_signs():
        assert sign.source in article or re.search(r"\b(1995|2020)$", sign.source)


# Programmes.

FAULTS = {Measure.NECK_INCLINATION_CHANGE: 4000.0, Measure.LATERAL_LEAN_CHANGE: 900.0}
LABELS = {Measure.NECK_INCLINATION_CHANGE: "head forward", Measure.LATERAL_LEAN_CHANGE: "leaning aside"}
MONDAY = date(2026, 11, 2)


def made(*check_ins: CheckIn, weeks: int = 6, per_week: int = 3) -> Programme:
    return plan(FAULTS, check_ins, LABELS, start=MONDAY, weeks=weeks, per_week=per_week)


def test_a_plan_answers_the_worst_faults_and_the_places_that_hurt() -> None:
    programme = made(check_in(3, places=(Place.LOWER_BACK,)))
    assert programme.session_count == 18
    for session in programme.sessions:
        assert set(session) & {"chin-tuck", "side-bend", "standing-back-extension"}
        assert len(set(session)) == len(session)
        assert any(exercise_called(name).aim == "strength" for name in session)
    assert any("head forward" in reason for reason in programme.reasons)
    assert any("lower back" in reason for reason in programme.reasons)


@pytest.mark.parametrize("pain", [3, 8])
def test_reasons_are_given_for_what_is_in_the_plan_and_for_nothing_else(pain: int) -> None:
    programme = made(check_in(pain, places=tuple(Place)))
    planned = {exercise_called(name).title for session in programme.sessions for name in session}
    reasoned = [reason.split(":")[0] for reason in programme.reasons if ":" in reason]
    assert set(reasoned) <= planned
    assert len(set(reasoned)) == len(reasoned) > 0


def test_severe_pain_plans_gentle_exercises_only() -> None:
    programme = made(check_in(8, places=(Place.LOWER_BACK,)))
    assert all(exercise_called(name).gentle for session in programme.sessions for name in session)


@pytest.mark.parametrize(("weeks", "per_week"), [(3, 2), (7, 3), (5, 1), (5, 4)])
def test_weeks_and_sessions_are_the_articles(weeks: int, per_week: int) -> None:
    with pytest.raises(UsageError):
        made(weeks=weeks, per_week=per_week)
    assert (WEEKS, PER_WEEK) == ((4, 6), (2, 3))


def whole(session: tuple[str, ...]) -> dict[str, int]:
    return {name: exercise_called(name).total for name in session}


def test_progress_counts_days_on_which_most_of_a_session_was_done() -> None:
    programme = made(per_week=2)
    first, second = programme.sessions[:2]
    done = {
        MONDAY: whole(first),
        MONDAY + timedelta(days=1): dict.fromkeys(second, 1),  # one of each is not a session
    }
    told = progress(programme, done, MONDAY + timedelta(days=1))
    assert told.done == (MONDAY,)
    assert told.due == 1
    assert told.next_names == second
    assert told.next_day == MONDAY + timedelta(days=3)


def test_a_session_that_was_missed_is_next_today() -> None:
    today = MONDAY + timedelta(days=9)
    told = progress(made(), {}, today)
    assert told.next_day == today
    assert told.due == 5
    assert told.week == 2


def test_between_sessions_lies_a_day_and_no_week_has_more_than_its_own() -> None:
    programme = made(per_week=2)
    names = set(programme.sessions[0]) | set(programme.sessions[1])
    done = {MONDAY + timedelta(days=day): whole(tuple(names)) for day in range(5)}
    told = progress(programme, done, MONDAY + timedelta(days=4))
    assert len(told.done) == 2
    assert progress(programme, {MONDAY: done[MONDAY]}, MONDAY).next_day == MONDAY + timedelta(days=3)


def test_the_dose_grows_with_sessions_done() -> None:
    programme = made(per_week=2)
    assert progress(programme, {}, MONDAY + timedelta(days=20)).dose_share == 0.5
    names = tuple({name for session in programme.sessions for name in session})
    done = {MONDAY + timedelta(days=day): whole(names) for day in (0, 3, 7, 10)}
    assert progress(programme, done, MONDAY + timedelta(days=11)).dose_share == 1.0
    assert exercise_called("side-bend").with_share(0.5).repetitions == 2


def test_a_session_that_was_cut_short_is_gone_on_with_the_same_day() -> None:
    programme = made()
    names = programme.sessions[0]
    told = progress(programme, {MONDAY: whole(names[:3])}, MONDAY)
    assert told.today_names == names
    assert told.next_names == programme.sessions[1]


def test_after_its_weeks_a_programme_is_over() -> None:
    assert progress(made(weeks=4), {}, MONDAY + timedelta(weeks=4)).next_day is None


def test_what_changed_is_told_after_two_weeks() -> None:
    check_ins = [(MONDAY, 6), (MONDAY + timedelta(days=12), 3), (MONDAY + timedelta(days=14), 4)]
    assert change_in_pain(made(), check_ins, MONDAY + timedelta(days=13)) == ""
    words = change_in_pain(made(), check_ins, MONDAY + timedelta(days=14))
    assert "6.0 of 10 around the start" in words
    assert "3.5 of 10 in the last seven days" in words


def test_a_red_flag_stands_until_somebody_has_looked_at_it() -> None:
    flagged, later = check_in(3, flags=("fever",)), check_in(1, day=9)
    assert [sign.name for sign in standing_flags([flagged, later])] == ["fever"]
    assert standing_flags([flagged, replace(later, is_cleared=True)]) == ()
    assert standing_flags([check_in(9, radiates=True)]) == ()


# What is stored.

DONE = ExerciseDone("side-bend", 8, 4, 4, (1.2, 1.0) * 4, 1, 62.0, is_whole=True)


def test_what_is_kept_comes_back_as_it_was() -> None:
    told = check_in(
        4,
        places=(Place.NECK,),
        radiates=False,
        since_days=5,
        returns=True,
        difficult=(Difficulty.SITTING,),
        flags=("fever",),
        wants_alternative=None,
        note="worse after meetings",
    )
    keep_exercise(DONE, NOON.timestamp(), "break")
    keep_check_in(told)
    keep_programme(made())
    with History.opened() as kept:
        ((exercise,), (one,)) = kept.exercises(), kept.check_ins()
        assert (exercise.done, exercise.reason) == (DONE, "break")
        assert one.check_in == told
        assert kept.programme() == made()
        assert not kept.is_empty
        assert kept.exercises(MONDAY + timedelta(days=2), MONDAY + timedelta(days=3)) == []


def test_a_new_programme_ends_the_one_before() -> None:
    keep_programme(made())
    keep_programme(replace(made(), start=MONDAY + timedelta(days=7), weeks=4))
    with History.opened() as kept:
        latest = kept.programme()
    assert latest is not None
    assert latest.weeks == 4
    with closing(sqlite3.connect(history_path())) as connection:
        rows = connection.execute("SELECT stopped_day FROM programmes ORDER BY id").fetchall()
    assert rows == [("2026-11-09",), (None,)]
    stop_programme(MONDAY + timedelta(days=9))
    assert programme.standing().progress is None


def test_deleting_takes_these_too() -> None:
    for day in (0, 10):
        keep_exercise(DONE, NOON.timestamp() + day * DAY_S)
        keep_check_in(check_in(3, day=day))
    with Writer() as writer:
        assert writer.delete_before(MONDAY + timedelta(days=5)) == 2
    with History.opened() as kept:
        assert len(kept.exercises()) == len(kept.check_ins()) == 1
    keep_programme(made())
    with Writer() as writer:
        writer.delete_all()
    with History.opened() as kept:
        assert kept.is_empty
        assert kept.programme() is None


def test_keep_days_leaves_what_is_still_needed() -> None:
    day = date.today()  # noqa: DTZ011 - of the place, as the history has it
    now_s = datetime.now(UTC).timestamp()
    keep_programme(replace(made(), start=day - timedelta(days=20)))
    for days_ago in (40, 10):
        keep_exercise(DONE, now_s - days_ago * DAY_S)
    keep_check_in(replace(check_in(5, flags=("fever",)), time_utc_s=now_s - 30 * DAY_S))
    keep_check_in(replace(check_in(5), time_utc_s=now_s - 29 * DAY_S))
    with Writer() as writer:
        writer.delete_older(5)
    with History.opened() as kept:
        assert len(kept.exercises()) == 1
        assert [one.check_in.flags for one in kept.check_ins()] == [("fever",)]
        assert kept.programme() is not None
    keep_programme(replace(made(), start=day - timedelta(days=90), weeks=4))
    with Writer() as writer:
        writer.delete_older(5)
    with History.opened() as kept:
        assert kept.programme() is None  # both are over, or stopped, for long


def test_an_older_database_is_brought_up_to_date() -> None:
    path = history_path()
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:2])
    with History.opened() as kept:
        assert kept.exercises() == []
    keep_check_in(check_in(3))
    with History.opened() as kept:
        assert [one.check_in.pain for one in kept.check_ins()] == [3]


def test_a_report_tells_of_exercises_and_pain() -> None:
    kept_run(NOON, [(1200.0, State.GOOD), (600.0, State.POOR)])
    for day, pain in enumerate((6, 5, 3)):
        keep_check_in(check_in(pain, day=day - 2, note="<b>stiff</b>"))
    keep_exercise(DONE, NOON.timestamp())
    keep_check_in(check_in(3, day=0.1, flags=("fever",), returns=True))
    page = page_of(of_days(MONDAY, MONDAY))
    assert "Exercises, and how it felt" in page
    assert "Keeps coming back; fever, chills" in page
    assert "Pain of 10: 31 Oct: 6, 01 Nov: 5, 02 Nov: 3, 02 Nov: 3." in page
    assert "8 (left 4, right 4)" in page
    assert "&lt;b&gt;stiff&lt;/b&gt;" in page
    assert "<b>stiff" not in page


def test_a_report_without_them_says_nothing_of_them() -> None:
    kept_run(NOON, [(1200.0, State.GOOD)])
    assert "Exercises, and how it felt" not in page_of(of_days(MONDAY, MONDAY))


# On the command line.


def test_the_whole_way_from_check_in_to_history() -> None:
    told = run(
        "checkin", "--pain", "4", "--where", "neck, lower-back", "--since", "2w", "--note", "stiff", "--json"
    )
    assert told.returncode == 0, told.stderr
    content = json.loads(told.stdout)
    assert (content["pain"], content["where"], content["since_days"]) == (4, ["neck", "lower-back"], 14)
    assert [sign["name"] for sign in content["signs"]] == ["lasting"]
    proposed = run("programme", "--json")
    assert not json.loads(proposed.stdout)["is_begun"]
    started = run("programme", "--start", "--weeks", "4", "--per-week", "2")
    assert started.returncode == 0
    assert "4 weeks, 2 sessions a week, 8 in all" in started.stdout
    begun = json.loads(run("programme", "--json").stdout)
    assert (begun["is_begun"], begun["week"], begun["next_exercises"]) == (True, 1, begun["sessions"][0])
    shown = run("history", "--json")
    assert json.loads(shown.stdout)["check_ins"][0]["note"] == "stiff"
    assert "pain 4 of 10 (neck, lower back). stiff" in run("history").stdout
    assert run("programme", "--stop").returncode == 0
    assert not json.loads(run("programme", "--json").stdout)["is_begun"]
    exported = run("history", "export", "-")
    assert json.loads(exported.stdout)["programme"]["weeks"] == 4


def test_after_a_red_flag_a_programme_waits_and_an_exercise_warns() -> None:
    told = run("checkin", "--pain", "5", "--flag", "bladder-bowel")
    assert "Get medical help now" in told.stdout
    assert run("checkin", "--pain", "5").stdout.count("Get medical help now") > 0
    for option in ("--start",):
        refused = run("programme", option)
        assert refused.returncode == 1
        assert "Get medical help now" in refused.stderr
    assert run("checkin", "--pain", "2", "--cleared").returncode == 0
    assert run("programme", "--start").returncode == 0


def test_signs_are_told_also_when_nothing_was_asked() -> None:
    told = run("checkin", "--pain", "0")
    for sign in load_signs():
        assert sign.text in told.stdout
    assert "no diagnosis" in told.stdout
    alone = run("checkin", "--signs")
    assert alone.returncode == 0
    with History.opened() as kept:
        assert len(kept.check_ins()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("checkin",), "There is nobody to ask."),
        (("checkin", "--pain", "11"), "should be less than or equal to 10"),
        (("checkin", "--pain", "3", "--where", "knee"), "'knee' is not known"),
        (("checkin", "--pain", "3", "--since", "soon"), "is no length of time"),
        (("checkin", "--pain", "3", "--flag", "luck"), "There is no warning sign 'luck'"),
        (("checkin", "--where", "neck"), "--pain is missing."),
        (("checkin", "--pain", "3", "--since", "10 minutes"), "is no length of time"),
        (("programme", "--do"), "There is no programme yet."),
        (("programme", "--stop", "--json"), "--json does not go with"),
        (("programme", "--weeks", "9"), "A programme has 4 to 6 weeks."),
        (("programme", "--start", "--stop"), "exclude each other"),
        (("workspace", "--no-camera", "--answers", "luck"), "There is no question 'luck'"),
    ],
)
def test_wrong_input_ends_with_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# The desk.


def test_every_question_has_a_tip_with_its_source() -> None:
    assert len(load_questions()) >= 6
    for item in load_items():
        assert item.tip
        assert item.source


def test_answers_give_the_tips_for_what_does_not_hold() -> None:
    assert parse_answers("none") == frozenset()
    assert [one.name for one in tips_of(parse_answers("feet, elbows"), frozenset())] == ["feet", "elbows"]


def test_a_low_camera_is_found_and_a_high_one_is_not() -> None:
    low = run("workspace", "--source", SAMPLES / "desk-laptop.mp4", "--answers", "none", "--json")
    high = run("workspace", "--source", SAMPLES / "desk-monitor.mp4", "--answers", "feet", "--json")
    assert (low.returncode, high.returncode) == (0, 0), low.stderr + high.stderr
    seen_low = json.loads(low.stdout)
    # The clip's estimate lies close to the limit: just below it on one processor, just above it on another.
    elevation_deg = seen_low["seen"]["camera_elevation_deg"]
    assert elevation_deg < LOW_BELOW_DEG + 2.0
    tips = {tip["name"] for tip in seen_low["tips"]}
    assert "camera-low" in tips or elevation_deg >= LOW_BELOW_DEG
    content = json.loads(high.stdout)
    assert "camera-low" not in {tip["name"] for tip in content["tips"]}
    assert "feet" in {tip["name"] for tip in content["tips"]}
    assert 40 < content["seen"]["viewing_distance_min_cm"] < 75 < content["seen"]["viewing_distance_max_cm"]


def test_from_the_side_distance_and_height_are_said_to_be_unseen() -> None:
    side = run("workspace", "--source", SAMPLES / "desk-side.mp4", "--answers", "none")
    assert side.returncode == 0, side.stderr
    assert "cannot be told from there" in side.stdout


def test_a_report_of_days_without_a_sitting_tells_of_the_rest() -> None:
    keep_check_in(check_in(4, note="stiff"))
    keep_exercise(DONE, NOON.timestamp())
    page = page_of(of_days(MONDAY - timedelta(days=3), MONDAY + timedelta(days=1)))
    assert "stiff" in page
    assert "8 (left 4, right 4)" in page
    assert "No sitting was watched on these days." in page
    assert "At a glance" not in page


def test_questions_that_nobody_answered_are_not_taken_for_a_good_desk() -> None:
    done = run("workspace", "--no-camera")
    assert done.returncode == 0
    assert "Nothing to change was found" not in done.stdout
    assert f"{len(load_questions())} questions stayed open" in done.stdout
    assert "Nothing to change was found." in run("workspace", "--no-camera", "--answers", "none").stdout
