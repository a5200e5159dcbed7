"""One rule for exercises: none with a standing warning sign, only gentle ones in severe pain."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from posture_cam.alerts import AlertPolicy
from posture_cam.care.checkins import CheckIn, red_flags
from posture_cam.care.exercises import load_exercises
from posture_cam.care.permission import Permission, permission_of
from posture_cam.care.tips import load_tips
from posture_cam.history import History, keep_check_in
from posture_cam.ids import AlertKind, State
from posture_cam.paths import history_path
from posture_cam.session.programme import permission
from posture_cam.settings import load_settings
from tests.builders import assessments
from tests.running import run

FLAG = red_flags()[0]
NOW_S = time.time()
DAY_S = 86_400.0
GENTLE = {one.name for one in load_exercises() if one.gentle}
CHIN_TUCK = "chin-tuck"


def test_what_check_ins_allow() -> None:
    assert permission_of([], NOW_S) == Permission()
    severe = permission_of([CheckIn(NOW_S - DAY_S, 8)], NOW_S)
    assert {one.name for one in load_exercises() if severe.allows(one)} == GENTLE
    assert not permission_of([CheckIn(NOW_S - 20 * DAY_S, 8)], NOW_S).is_severe
    flagged = [CheckIn(NOW_S - 40 * DAY_S, 1, flags=(FLAG.name,))]
    assert not any(map(permission_of(flagged, NOW_S).allows, load_exercises()))
    assert not any(
        permission_of(flagged, NOW_S).allows_tip(tip) for tip in load_tips() if tip.kind == "exercise"
    )
    assert permission_of([*flagged, CheckIn(NOW_S, 1, is_cleared=True)], NOW_S) == Permission()


@pytest.mark.parametrize(
    ("permission", "allowed"), [(Permission((FLAG,)), set[str]()), (Permission(is_severe=True), GENTLE)]
)
def test_the_monitor_offers_only_what_is_allowed(permission: Permission, allowed: set[str]) -> None:
    policy = AlertPolicy(load_settings().alerts, permission=lambda: permission)
    parts = [(600.0, State.POOR), (1500.0, State.GOOD)] * 4
    given = [one for one in map(policy.decide, assessments(parts)) if one is not None]
    breaks = [one for one in given if one.kind == AlertKind.BREAK]
    assert len(breaks) >= 3
    assert {one.exercise for one in breaks} - {None} <= allowed
    assert (None in {one.exercise for one in breaks}) == (not allowed)
    assert not any(one.tip.kind == "exercise" for one in given)


def test_with_a_standing_sign_no_command_names_or_starts_an_exercise() -> None:
    keep_check_in(CheckIn(NOW_S, 2, flags=(FLAG.name,)))
    listed = run("exercise")
    assert listed.returncode == 0
    assert not any(one.name in listed.stdout for one in load_exercises())
    started = run("exercise", CHIN_TUCK, "--no-camera", "--headless")
    assert started.returncode == 1
    assert "See a doctor" in started.stderr or "medical help" in started.stderr
    planned = run("programme")
    assert not any(one.title in planned.stdout for one in load_exercises())
    assert run("programme", "--start").returncode == 1


def test_in_severe_pain_only_gentle_exercises_are_listed_and_started() -> None:
    keep_check_in(CheckIn(NOW_S - 60, 3))
    assert run("programme", "--start").returncode == 0
    keep_check_in(CheckIn(NOW_S, 8))
    listed = run("exercise").stdout
    assert {one.name for one in load_exercises() if one.name in listed} == GENTLE
    strong = next(one.name for one in load_exercises() if not one.gentle)
    refused = run("exercise", strong, "--no-camera", "--headless")
    assert refused.returncode == 1
    assert "only gentle" in refused.stderr
    shown = run("programme").stdout
    assert not any(f"({one.name})" in shown for one in load_exercises() if not one.gentle)


def test_warning_signs_stand_at_the_top_of_the_report_and_the_note_is_whole(tmp_path: Path) -> None:
    note = "It began after I had carried the boxes upstairs; " * 6
    run("checkin", "--pain", "4", "--flag", FLAG.name, "--note", note.strip())
    page = tmp_path / "a.html"
    assert run("report", "-o", page).returncode == 0
    text = page.read_text("utf-8")
    assert text.index("Warning signs") < text.index("Exercises, and how it felt")
    assert FLAG.question in text
    assert note.strip() in text


def test_one_entry_is_listed_corrected_and_deleted() -> None:
    run("checkin", "--pain", "9", "--where", "neck", "--note", "typo")
    run("checkin", "--pain", "2")
    listed = json.loads(run("history", "entries", "--json").stdout)["check_ins"]
    first, second = (one["number"] for one in listed)
    assert f"check-in {first}" in run("history", "entries").stdout
    done = run("history", "correct", "--check-in", str(first), "--pain", "4", "--note", "")
    assert done.returncode == 0, done.stderr
    (corrected, _) = json.loads(run("history", "entries", "--json").stdout)["check_ins"]
    assert (corrected["pain"], corrected["where"], corrected["note"]) == (4, ["neck"], "")
    assert run("history", "delete", "--check-in", str(second), "--yes").returncode == 0
    assert [one["number"] for one in json.loads(run("history", "entries", "--json").stdout)["check_ins"]] == [
        first
    ]
    for wrong in (["--check-in", "99", "--pain", "1"], ["--exercise", "99", "--repetitions", "1"]):
        refused = run("history", "correct", *wrong)
        assert (refused.returncode, "There is no" in refused.stderr) == (1, True)
    assert run("history", "delete", "--exercise", "99", "--yes").returncode == 1
    assert run("history", "correct", "--check-in", str(first)).returncode == 2


def test_a_correction_of_any_answer_is_noticed() -> None:
    keep_check_in(CheckIn(NOW_S, 4))
    marks = []
    for change in ([], ["--flag", FLAG.name], ["--flag", "none"], ["--note", "stiff"], ["--radiates"]):
        if change:
            assert run("history", "correct", "--check-in", "1", *change).returncode == 0
        with History.opened() as kept:
            marks.append(kept.change_mark())
    assert len(set(marks)) == 4  # the withdrawn flag changes nothing
    assert marks[0] == marks[2]


def test_check_ins_that_cannot_be_read_allow_gentle_exercises_only() -> None:
    keep_check_in(CheckIn(NOW_S, 4, flags=(FLAG.name,)))
    history_path().write_bytes(b"no database" * 100)
    allowed = permission()
    assert {one.name for one in load_exercises() if allowed.allows(one)} == GENTLE
    assert "cannot be read" in allowed.words


def test_an_entry_that_is_not_there_is_said_before_anything_is_asked() -> None:
    refused = run("history", "delete", "--check-in", "7")
    assert refused.returncode == 1
    assert "There is no check-in 7" in refused.stderr
    assert not history_path().exists()
