"""Every version of posture_cam reads what earlier versions wrote; see tests/fixtures."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from posture_cam.history import History
from posture_cam.ids import Measure, Reason, State
from posture_cam.measures import load_measures
from posture_cam.outputs.report import read_result
from posture_cam.paths import history_path
from posture_cam.pose.pose_log import PoseLog
from posture_cam.profiles import load_profile, profile_path
from posture_cam.runlog import totals
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.words import value_words, words_of
from tests.conftest import ROOT
from tests.running import run

FIXTURES = ROOT / "tests" / "fixtures"
VERSIONS = sorted(path.name for path in FIXTURES.iterdir())
FIRST, LAST = date(2026, 11, 23), date(2026, 11, 24)


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest) -> Path:
    """The files of one version, its history and its profile in place."""
    folder = FIXTURES / str(request.param)
    for source, target in (("history.db", history_path()), ("profile.json", profile_path("desk"))):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / source, target)
        target.chmod(0o600)
    return folder


def test_a_history_is_read_with_all_its_reasons(kept: Path) -> None:
    with History.opened() as history:
        first, second = history.sittings(FIRST, LAST)
        reasons = totals([second]).unjudged_s_by_reason
        assert [one.check_in.pain for one in history.check_ins()] == [4, 6]
        assert [one.done.name for one in history.exercises()] == ["side-bend", "chin-tuck"]
        plan = history.programme()
    later = {Reason.PICTURE_CHANGED, Reason.ON_ITS_SIDE, Reason.FAULT_HIDDEN}
    assert set(reasons) == set(Reason) - later
    assert set(reasons.values()) == {60.0}
    assert totals([first]).seconds_by_state[State.POOR] == pytest.approx(500.0)
    assert plan is not None
    assert plan.sessions == (("chin-tuck", "side-bend"),)


def test_its_profile_poses_and_result_are_read(kept: Path) -> None:
    neutral = load_profile("desk")
    assert neutral.pose is not None
    log = PoseLog(kept / "recording.poses.jsonl")
    assert len(list(log.samples())) > 100
    found = read_result(kept / "result.json")
    summary = analyze(AnalysisRequest(kept / "recording.poses.jsonl"))
    good_s = summary.seconds_by_state[State.GOOD]
    assert found.sitting.length_s == pytest.approx(summary.duration_s, abs=0.01)
    assert found.sums.seconds_by_state[State.GOOD] == pytest.approx(good_s, abs=0.5)
    told = json.loads((kept / "result.json").read_text("utf-8"))
    assert found.sums.score == pytest.approx(told["summary"]["score"], abs=1)
    assert analyze(AnalysisRequest(kept / "recording.poses.jsonl", profile="desk")).judged_s > 15.0


def test_every_command_that_reads_serves_with_it(kept: Path, tmp_path: Path) -> None:
    for arguments in (
        ["history", "--day", "2026-11-24"],
        ["history", "export", str(tmp_path / "all.json")],
        ["report", "--from", "2026-11-23", "--to", "2026-11-24", "-o", str(tmp_path / "days.html")],
        ["report", "--result", str(kept / "result.json"), "-o", str(tmp_path / "one.html")],
        ["profiles", "list"],
        ["profiles", "show", "desk"],
        ["programme"],
    ):
        done = run(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    exported = json.loads((tmp_path / "all.json").read_text("utf-8"))
    told = {one["reason_id"] for day in exported["days"] for one in day["episodes"]}
    assert "camera_moved" in told


def test_what_this_version_does_not_know_is_shown_as_it_is(kept: Path, tmp_path: Path) -> None:
    """A reason, a measure, an exercise, a place, a view and a kind of alert of a later version."""
    run("history")  # brings it up to date
    with closing(sqlite3.connect(history_path(), isolation_level=None)) as connection:
        for statement in (
            "UPDATE episodes SET reason = 'sun_in_the_lens' WHERE reason = 'black'",
            "UPDATE measures SET name = 'shoulder_roll_deg' WHERE name = 'neck_inclination_change_deg'",
            "UPDATE faults SET measure = 'shoulder_roll_deg'",
            "UPDATE episodes SET worst = 'shoulder_roll_deg' WHERE worst IS NOT NULL",
            "UPDATE alerts SET measure = 'shoulder_roll_deg', kind = 'whisper' WHERE number = 0",
            "UPDATE exercises SET name = 'wall-angel' WHERE name = 'chin-tuck'",
            """UPDATE check_ins SET places = '["left-knee"]', difficult = '["dancing"]' WHERE pain = 6""",
            """UPDATE runs SET views = '{"from_above": 600}' WHERE source = 'camera 0'""",
            """UPDATE programmes SET sessions = '[["wall-angel", "side-bend"]]'""",
        ):
            assert connection.execute(statement).rowcount > 0, statement
    shown = ""
    for arguments in (
        ["history", "--day", "2026-11-23"],
        ["history", "--day", "2026-11-24"],
        ["history", "--week", "--json"],
        ["history", "export", str(tmp_path / "all.json")],
        ["history", "export", str(tmp_path / "all.csv")],
        ["report", "--from", "2026-11-23", "--to", "2026-11-24", "-o", str(tmp_path / "days.html")],
        ["programme"],
    ):
        done = run(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        shown += done.stdout
    page = (tmp_path / "days.html").read_text("utf-8")
    for word in ("wall-angel", "left-knee", "houlder_roll_deg", "un_in_the_lens"):
        assert word in shown + page, word


def test_ids_that_are_known_are_members_and_others_read_as_they_are_written() -> None:
    assert Reason.kept("black") is Reason.BLACK
    odd = Measure.kept("shoulder_roll_deg")
    assert (str(odd), odd in set(Measure)) == ("shoulder_roll_deg", False)
    assert load_measures()[odd].label == "shoulder_roll_deg"
    assert value_words(odd, 3.0) == "3°"
    assert words_of(Reason.kept("sun_in_the_lens")) == "sun_in_the_lens"
    assert {odd: 1}[Measure.kept("shoulder_roll_deg")] == 1
