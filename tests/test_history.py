"""The stored history: the same figures as the record, whole after any crash, and under the right day."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from posture_cam.config import load_config
from posture_cam.errors import HistoryError, UsageError
from posture_cam.history import History, Writer, day_bounds_s, zone_name, zone_of
from posture_cam.history.schema import MIGRATIONS, migrate, version
from posture_cam.ids import JUDGED_STATES, Reason, State
from posture_cam.outputs.files.keeping import KeptAs, LiveHistory
from posture_cam.outputs.files.tables import as_json
from posture_cam.paths import history_path
from posture_cam.records import Alert, Observation, Piece
from posture_cam.runlog import RunLog, totals
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.monitor import MonitorRequest, monitor
from posture_cam.settings import load_settings
from posture_cam.words import parse_moment
from tests.conftest import ROOT, SAMPLES
from tests.running import run
from tests.sittings import (
    BERLIN,
    NECK,
    SOURCE,
    fault_alert,
    kept_run,
    live_history,
    observation,
    pieces,
    run_log,
)

GOOD, FAIR, POOR, AWAY, UNJUDGED = State.GOOD, State.FAIR, State.POOR, State.AWAY, State.UNJUDGED
NINE = datetime(2026, 11, 24, 9, tzinfo=BERLIN)
DAY = date(2026, 11, 24)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def seconds_of(sitting_day: date) -> dict[State, float]:
    with History.opened() as kept:
        sitting = kept.sitting(sitting_day)
    assert sitting is not None
    return {state: round(seconds, 3) for state, seconds in totals([sitting]).seconds_by_state.items()}


# The stored data match the judgements.


@pytest.mark.parametrize("clip", ["desk-monitor", "desk-oblique", "desk-side"])
def test_a_saved_analysis_adds_up_to_its_result(
    clip: str, sample_poses: Callable[[str], Path], tmp_path: Path
) -> None:
    started = datetime(2026, 11, 20, 9, 0, 12, tzinfo=BERLIN)
    target = tmp_path / "result.json"
    summary = analyze(AnalysisRequest(sample_poses(clip), json=target, save=True, recorded_at=started))
    with History.opened() as kept:
        sitting = kept.sitting(started.date())
    assert sitting is not None
    sums = totals([sitting])
    for state in State:
        assert sums.seconds_by_state.get(state, 0.0) == pytest.approx(
            summary.seconds_by_state.get(state, 0.0), abs=0.05
        )
    assert sums.score is not None
    assert round(sums.score) == summary.score
    assert {fault.measure: (round(fault.seconds, 1), round(fault.worst, 3)) for fault in sums.faults} == {
        fault.measure: (round(fault.total_s, 1), round(fault.worst, 3)) for fault in summary.faults
    }
    by_slots = sum(slot.seconds_by_state.get(state, 0.0) for slot in sitting.slots for state in JUDGED_STATES)
    assert by_slots == pytest.approx(summary.judged_s, abs=0.05)
    joined: list[State] = []
    for span in sitting.spans:
        if not joined or joined[-1] != span.state:
            joined.append(span.state)
    assert joined == [episode.state for episode in summary.episodes]
    for statistic_name, statistic in summary.statistics.items():
        portions = [
            slot.measures[statistic_name] for slot in sitting.slots if statistic_name in slot.measures
        ]
        held_s = sum(one.seconds for one in portions)
        assert sum(one.mean * one.seconds for one in portions) / held_s == pytest.approx(
            statistic.mean, abs=0.01
        )
        assert (min(one.min for one in portions), max(one.max for one in portions)) == pytest.approx(
            (statistic.min, statistic.max)
        )
    course = json.loads(target.read_text("utf-8"))["course"]
    assert sum(slot["judged_s"] for slot in course["slots"]) == pytest.approx(summary.judged_s, abs=0.05)


def test_the_same_recording_is_kept_once(sample_poses: Callable[[str], Path]) -> None:
    path = sample_poses("desk-side")
    first = datetime(2026, 11, 20, 9, tzinfo=UTC)
    told: list[KeptAs] = []
    for start in (first, first + timedelta(days=1)):
        analyze(AnalysisRequest(path, save=True, recorded_at=start), kept=told.append)
    assert [(one.start, one.replaced, one.trouble) for one in told] == [
        (first, None, None),
        (first + timedelta(days=1), date(2026, 11, 20), None),
    ]
    with History.opened() as kept:
        assert kept.days() == [date(2026, 11, 21)]


def test_poses_know_the_recording_they_were_taken_from(tmp_path: Path) -> None:
    clip, poses = tmp_path / "clip.mp4", tmp_path / "clip.poses.jsonl"
    shutil.copy(SAMPLES / "desk-side.mp4", clip)
    ended = datetime(2026, 11, 18, 15, 0, 0, tzinfo=UTC)
    os.utime(clip, (ended.timestamp(), ended.timestamp()))
    told: list[KeptAs] = []
    analyze(AnalysisRequest(clip, rate_hz=2.0, poses=poses, save=True), kept=told.append)
    analyze(AnalysisRequest(poses, save=True), kept=told.append)
    assert [one.start for one in told] == [ended - timedelta(seconds=70)] * 2
    assert [one.replaced for one in told] == [None, date(2026, 11, 18)]
    old = tmp_path / "old.poses.jsonl"
    head, rest = poses.read_text("utf-8").split("\n", 1)
    header = json.loads(head)
    del header["written_at"], header["content"]
    old.write_text(json.dumps(header) + "\n" + rest, "utf-8")
    with pytest.raises(UsageError, match="does not tell when the recording was made"):
        analyze(AnalysisRequest(old, save=True))


def test_a_live_run_is_kept_as_it_is_judged(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = LiveHistory(NINE, "default", load_settings(), said.append)
    keeper.open(0)
    summary = monitor(
        MonitorRequest(SAMPLES / "desk-monitor.mp4", NINE), load_config({}).settings(), [], keeper=keeper
    )
    assert len(said) == 1  # once, when it begins to be kept
    assert "never a picture" in said[0]
    with History.opened() as kept:
        sitting = kept.sitting(DAY)
    assert sitting is not None
    assert sitting.runs[0].how_it_ended == ""
    assert sitting.runs[0].profile is None  # compared with a posture of the run itself
    told = as_json(summary)["summary"]
    for state, seconds in totals([sitting]).seconds_by_state.items():
        assert seconds == pytest.approx(told[f"{state.value}_s"], abs=0.05)


def test_alerts_tell_what_followed() -> None:
    with live_history(NINE, pytest.fail) as history:
        alerts = [fault_alert(40.0), fault_alert(400.0), fault_alert(800.0)]
        for piece in pieces([(900.0, POOR)]):
            history.log.take(piece)
        for alert in alerts:
            history.note(observation(alert.timestamp_s, POOR, alert=alert))
        history.flush(900.0, [])
        history.note(replace_corrected(60.0, alerts[0]))
        history.note(replace_corrected(500.0, alerts[1]))
        history.flush(905.0, [])
    with History.opened() as kept:
        sitting = kept.sitting(DAY)
    assert sitting is not None
    assert [(one.answered_s and one.answered_s - one.time_s, one.was_answered) for one in sitting.spoken] == [
        (20.0, True),
        (100.0, False),
        (None, False),
    ]


def replace_corrected(at_s: float, alert: Alert) -> Observation:
    return replace(observation(at_s, GOOD), corrected=alert)


def test_gaps_breaks_and_holds() -> None:
    kept_run(NINE, [(300, GOOD), (90, AWAY), (30, AWAY), (600, UNJUDGED), (120, GOOD), (59, AWAY)])
    with History.opened() as kept:
        sitting = kept.sitting(DAY)
    assert sitting is not None
    assert [(one.seconds) for one in sitting.breaks] == [120.0]
    assert [one.seconds for one in sitting.holds] == [300.0, 120.0]
    sums = totals([sitting])
    assert sums.unjudged_s_by_reason == {Reason.PAUSED: 600.0}
    assert sum(sums.seconds_by_state.values()) == 1199.0


def test_a_change_of_posture_is_counted_once() -> None:
    kept_run(NINE, [(200, GOOD), (100, FAIR), (100, GOOD)])  # still time starts anew with each
    with History.opened() as kept:
        sitting = kept.sitting(DAY)
    assert sitting is not None
    assert totals([sitting]).changes == 2


# Days.


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 10, 25), 25), (date(2026, 3, 29), 23), (date(2026, 11, 24), 24)]
)
def test_no_hour_is_lost_or_doubled(day: date, hours: int) -> None:
    start_s, end_s = day_bounds_s(day, BERLIN)
    assert end_s - start_s == hours * 3600
    start = datetime.fromtimestamp(start_s, BERLIN)
    kept_run(start, [(hours * 3600, GOOD)], path=history_path())
    assert seconds_of(day) == {GOOD: hours * 3600}
    with History.opened() as kept:
        sitting = kept.sitting(day)
        assert kept.days() == [day]
    assert sitting is not None
    assert len({slot.start_s for slot in sitting.slots}) == len(sitting.slots) == hours * 60
    walls = [sitting.time_at(hour * 3600) for hour in range(hours)]
    assert walls.count("02:00") == {25: 2, 23: 0, 24: 1}[hours]


def test_a_run_over_midnight_belongs_to_both_days() -> None:
    kept_run(
        datetime(2026, 11, 23, 23, 30, tzinfo=BERLIN), [(1500, GOOD), (900, POOR)], alerts=[(1900.0, 1950.0)]
    )
    assert seconds_of(date(2026, 11, 23)) == {GOOD: 1500, POOR: 300}
    assert seconds_of(DAY) == {POOR: 600}
    with History.opened() as kept:
        sitting = kept.sitting(DAY)
    assert sitting is not None
    assert [(one.time_s, one.answered_s) for one in sitting.spoken] == [(100.0, 150.0)]


def test_each_run_keeps_its_own_zone() -> None:
    kept_run(datetime(2026, 11, 24, 23, tzinfo=BERLIN), [(600, GOOD)])
    kept_run(datetime(2026, 11, 24, 23, tzinfo=ZoneInfo("America/New_York")), [(600, POOR)])
    assert seconds_of(DAY) == {GOOD: 600, POOR: 600}


def test_the_zone_has_its_name(berlin: None) -> None:
    assert zone_name() == "Europe/Berlin"


def test_a_time_that_did_not_exist_is_refused(berlin: None) -> None:
    with pytest.raises(UsageError, match="clocks went forward"):
        parse_moment("2026-03-29 02:30")
    assert parse_moment("2026-03-29 03:30").isoformat() == "2026-03-29T03:30:00+02:00"
    assert parse_moment("2026-03-29 01:30+00:00").isoformat() == "2026-03-29T03:30:00+02:00"


def test_a_zone_without_a_name_keeps_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-5:30")
    time.tzset()
    try:
        assert zone_name() == "UTC+05:30"
        assert zone_of("UTC+05:30").utcoffset(None) == timedelta(hours=5, minutes=30)
        assert zone_of("UTC-03:00").utcoffset(None) == timedelta(hours=-3)
    finally:
        monkeypatch.undo()
        time.tzset()


# Crashes, full disks, others who write.


@pytest.mark.slow
def test_killed_thirty_times_it_is_whole_and_loses_ten_seconds_at_most(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    chance = random.Random(6)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(30):
        writer = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "killed_writer.py"), str(path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert writer.stdout is not None
        first = writer.stdout.readline()
        assert first, writer.communicate()
        time.sleep(chance.uniform(0.0, 0.3))
        writer.send_signal(signal.SIGKILL)
        out, _ = writer.communicate()
        told_s = max(float(line) for line in (first + out).split("\n")[:-1] if line)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            run_id, start_ms, end_ms = connection.execute(
                "SELECT id, start_ms, end_ms FROM runs ORDER BY id DESC LIMIT 1"
            ).fetchone()
            spans = connection.execute(
                "SELECT start_ms, end_ms FROM episodes WHERE run_id = ? ORDER BY number", (run_id,)
            ).fetchall()
        assert (end_ms - start_ms) / 1000 >= told_s - 10.0
        assert spans[0][0] == start_ms
        assert spans[-1][1] == end_ms
        assert all(left[1] == right[0] for left, right in pairwise(spans))
    with Writer(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT ended, count(*) FROM runs GROUP BY ended").fetchall() == [
            ("cut off", 30)
        ]


def test_what_is_not_final_is_kept_and_set_right_later() -> None:
    with live_history(NINE, pytest.fail) as history:
        first = list(pieces([(60, GOOD), (8, FAIR)]))
        for piece in first[:-2]:
            history.log.take(piece)
        history.flush(68.0, first[-2:])
        with Writer(is_exclusive=False):
            assert seconds_of(DAY) == {GOOD: 60, FAIR: 8}
        for piece in pieces([(8, POOR), (12, GOOD)], start_s=60.0):  # in hindsight it was another state
            history.log.take(piece)
        history.flush(80.0, [])
        assert seconds_of(DAY) == {GOOD: 72, POOR: 8}


def test_a_second_writer_is_told_who_writes_and_takes_over_later(berlin: None) -> None:
    kept_run(NINE - timedelta(days=3), [(60, GOOD)])
    said: list[str] = []
    with live_history(NINE, pytest.fail) as first, live_history(NINE, said.append) as second:
        first.open(0)
        first.flush(5.0, [])
        second.open(0)
        assert len(said) == 1
        assert f"another posture-cam (process {os.getpid()}, since 09:00)" in said[0]
        for piece in pieces([(30, GOOD)]):
            second.log.take(piece)
        second.flush(30.0, [])
        assert len(said) == 1
        with pytest.raises(HistoryError, match="is being written by another"), Writer():
            pass
        first.close()
        second.flush(60.0, [])
        assert said[1:] == ["The history is kept again; nothing is missing."]
        assert seconds_of(DAY) == {GOOD: 30}


def test_a_folder_that_cannot_be_written_is_said_once_and_watching_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    keeper = LiveHistory(NINE, None, load_settings(), said.append, tmp_path / "file" / "history.db")
    keeper.open(0)
    summary = monitor(
        MonitorRequest(SAMPLES / "desk-side.mp4", NINE), load_config({}).settings(), [], keeper=keeper
    )
    assert summary.judged_s > 60
    assert len(said) == 2
    assert "cannot be used" in said[0]
    assert "Watching goes on" in said[0]
    assert "not in the history" in said[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit")
@pytest.mark.parametrize("room_kb", [4, 64])
def test_a_full_disk_is_said_once_and_watching_goes_on(room_kb: int) -> None:
    before = datetime(2026, 11, 10, 9, tzinfo=BERLIN)
    kept_run(before, [(3600, GOOD), (600, POOR)])
    clip = SAMPLES / "desk-side.mp4"
    command = f"ulimit -f {room_kb}; exec {sys.executable} -m posture_cam monitor --headless --source {clip}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, encoding="utf-8", check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Score" in done.stdout
    assert done.stderr.count("Watching goes on") == 1, done.stderr
    if room_kb == 4:  # with more room it comes and goes
        assert "is not in the history" in done.stderr
    with closing(sqlite3.connect(history_path())) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert seconds_of(before.date()) == {GOOD: 3600, POOR: 600}


def test_a_database_held_by_another_program_is_tried_again() -> None:
    kept_run(NINE - timedelta(days=3), [(60, GOOD)])
    said: list[str] = []
    settings = load_settings()
    settings = settings.model_copy(update={"history": settings.history.model_copy(update={"busy_s": 0.1})})
    history = LiveHistory(NINE, None, settings, said.append)
    history.begin(RunLog(settings), SOURCE, "made up", None)
    history.open(0)
    with closing(sqlite3.connect(history_path(), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for piece in pieces([(30, GOOD)]):
            history.log.take(piece)
        history.flush(30.0, [])
        assert len(said) == 1
        assert "Another program holds it" in said[0]
        assert not history.is_due(34.0)
        other.execute("COMMIT")
    history.flush(60.0, [])
    assert said[1:] == ["The history is kept again; nothing is missing."]
    assert seconds_of(DAY) == {GOOD: 30}
    history.close()


@pytest.mark.slow
def test_a_killed_monitor_is_in_the_history() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "posture_cam", "monitor", "--no-notify", "--headless", "--json",
         "--realtime", "--source", str(SAMPLES / "desk-side.mp4")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.stdout is not None
    told_s = 0.0
    while told_s < 13.0:
        told_s = json.loads(process.stdout.readline())["timestamp_s"]
    process.kill()
    out, _ = process.communicate()
    told_s = max(
        [told_s, *(json.loads(line)["timestamp_s"] for line in out.splitlines() if line.endswith("}"))]
    )
    with History.opened() as kept:
        [sitting] = kept.sittings(date.today() - timedelta(days=1), date.today())  # noqa: DTZ011
    assert sitting.runs[0].how_it_ended == "cut off"  # its process has gone
    assert sum(totals([sitting]).seconds_by_state.values()) >= told_s - 10.0


def test_it_is_private_and_no_picture_is_in_it() -> None:
    with live_history(NINE, pytest.fail) as history:
        history.flush(5.0, list(pieces([(5, GOOD)])))
        for path in history_path().parent.glob("history.*"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE(history_path().parent.stat().st_mode) == 0o700
    with closing(sqlite3.connect(history_path())) as connection:
        schema = " ".join(row[0] or "" for row in connection.execute("SELECT sql FROM sqlite_master"))
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert "BLOB" not in schema.upper()


def test_a_run_taken_out_meanwhile_is_kept_anew_and_no_other_one_is_touched() -> None:
    said: list[str] = []
    with live_history(NINE, said.append) as history:
        for piece in pieces([(30, GOOD)]):
            history.log.take(piece)
        history.flush(30.0, [])
        history.close()
        for path in history_path().parent.glob("history.db*"):
            path.unlink()
        kept_run(NINE - timedelta(days=3), [(60, POOR)], source="therapy.mp4")  # which takes its number
        for piece in pieces([(20, FAIR)], start_s=30.0):
            history.log.take(piece)
        history.flush(50.0, [])
        history.flush(55.0, [])
    assert len(said) == 1
    assert "kept anew" in said[0]
    assert seconds_of(NINE.date() - timedelta(days=3)) == {POOR: 60}
    assert seconds_of(DAY)[FAIR] == 20


def test_a_damaged_history_does_not_stop_a_run_that_would_delete_in_it() -> None:
    kept_run(NINE - timedelta(days=400), [(36_000, GOOD)])
    whole = history_path().read_bytes()
    chance = random.Random(4)
    for _ in range(12):
        content = bytearray(whole)
        start = chance.randrange(4096, len(content) - 4096)
        content[start : start + 3000] = bytes(chance.randrange(256) for _ in range(3000))
        for path in history_path().parent.glob("history.db-*"):
            path.unlink()
        history_path().write_bytes(content)
        said: list[str] = []
        with live_history(NINE, said.append) as history:
            history.open(30)
            history.flush(5.0, list(pieces([(5, GOOD)])))
    done = run("history", "delete", "--all", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Nothing is kept" in run("history").stderr


def test_values_that_cannot_be_are_told_as_damage_and_can_be_deleted() -> None:
    kept_run(NINE, [(60, GOOD)])
    with closing(sqlite3.connect(history_path())) as connection:
        connection.execute("UPDATE runs SET end_ms = 9000000000000000")
        connection.commit()
    done = run("history")
    assert done.returncode == 1
    assert "holds impossible values" in done.stderr.replace("\n", " ")
    assert done.stderr.index("history export") < done.stderr.index("history delete")
    assert run("history", "delete", "--all", "--yes").returncode == 0
    assert "Nothing is kept" in run("history").stderr


def test_a_moved_camera_is_no_fault_that_was_not_answered() -> None:
    kept_run(NINE, [(600, GOOD), (600, POOR)], alerts=[(700.0, None)])
    with closing(sqlite3.connect(history_path())) as connection:
        connection.execute("UPDATE alerts SET measure = NULL, kind = 'question'")
        connection.commit()
    with History.opened() as kept:
        sums = totals(kept.sittings(DAY, DAY))
    assert len(sums.spoken) == 1
    assert sums.answered == (0, 0)


def test_a_break_over_midnight_counts_once() -> None:
    kept_run(datetime(2026, 11, 23, 23, 59, 0, tzinfo=BERLIN), [(50, GOOD), (80, AWAY), (60, GOOD)])
    with History.opened() as kept:
        first, second = kept.sittings(date(2026, 11, 23), DAY)
    assert [one.seconds for one in first.breaks] == [80.0]
    assert second.breaks == ()
    assert totals([first, second]).seconds_by_state[AWAY] == 80.0


def test_a_hold_ends_with_a_change_that_was_not_judged() -> None:
    """Still for 70 s, then set aside for 130 s with a change after 10 s of them, then judged again."""
    log = run_log()
    for start_s in range(0, 210):
        still_s = start_s if start_s < 80 else start_s - 80
        state = UNJUDGED if 70 <= start_s < 200 else GOOD
        moment = observation(float(start_s), GOOD, still_s)
        log.take(
            Piece(
                float(start_s),
                start_s + 1.0,
                state,
                Reason.CAMERA_MOVED if state == UNJUDGED else None,
                moment,
            )
        )
    log.close()
    assert [(hold.start_s, hold.end_s) for hold in log.holds] == [(0.0, 70.0), (80.0, 210.0)]


def test_who_never_rests_changes_posture_all_the_time() -> None:
    log = run_log()
    course = log.course(60.0)
    for start_s in range(120):
        log.take(Piece(float(start_s), start_s + 1.0, GOOD, None, observation(float(start_s), GOOD, 0.0)))
    log.close()
    assert log.holds == []
    assert log.sums.changes == 119
    assert sum(slot.changes for slot in course.slots) == 119


def test_an_interrupted_analysis_does_not_take_the_place_of_a_whole_one() -> None:
    kept_run(NINE, [(600, GOOD)], content="the same")
    with pytest.raises(HistoryError, match="interrupted analysis does not take its place"):
        kept_run(NINE, [(60, GOOD)], content="the same", ended="interrupted")
    with pytest.raises(HistoryError, match="nothing could be judged"):
        kept_run(NINE, [(600, UNJUDGED)], content="the same")
    assert seconds_of(DAY) == {GOOD: 600}


def test_a_result_that_cannot_be_kept_is_printed_all_the_same(
    sample_poses: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("analyze", sample_poses("desk-side"), "--save", "--recorded-at", "2026-11-20 09:30")
    assert run(*arguments).returncode == 0
    with closing(sqlite3.connect(history_path())) as connection:  # so that only the final write fails
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON runs BEGIN SELECT RAISE(FAIL, 'no room'); END")
        connection.commit()
    done = run(*arguments)
    assert done.returncode == 1
    assert "Score" in done.stdout
    assert "no room" in done.stderr


def test_a_history_that_cannot_be_written_is_said_before_the_work(tmp_path: Path, own_folders: Path) -> None:
    (own_folders / "data").mkdir(parents=True)
    (own_folders / "data" / "posture_cam").write_text("")
    done = run("analyze", SAMPLES / "desk-side.mp4", "--save")
    assert done.returncode == 1
    assert "Score" not in done.stdout
    assert "cannot be used" in done.stderr


def test_what_is_deleted_leaves_the_disk_even_while_somebody_reads() -> None:
    kept_run(NINE, [(600, POOR)], alerts=[(100.0, None)])
    with History.opened() as reader:
        assert reader.days() == [DAY]
        with Writer() as writer:
            writer.delete_all()
            assert not writer.is_wiped
    with Writer() as writer:
        assert writer.is_wiped
    assert b"Head forward" not in history_path().read_bytes()


def test_a_name_from_outside_does_not_steer_the_terminal() -> None:
    kept_run(NINE, [(600, GOOD)], source="new\nline\x1b[31m\u202ered.mp4")
    shown = run("history", "--day", "2026-11-24").stdout
    assert "new line?[31m?red.mp4" in shown
    assert "\x1b" not in shown


def test_a_reader_that_leaves_is_not_the_fault_of_the_history() -> None:
    kept_run(NINE, [(36_000, GOOD)])
    for target in ("head -c 10", "cat > /dev/full"):
        command = f"{sys.executable} -m posture_cam history export - | {target}"
        if "full" in target:
            command = f"{sys.executable} -m posture_cam history export - > /dev/full"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
        )
        assert "The history" not in done.stderr
        assert "Traceback" not in done.stderr


# Schema.


def test_a_database_of_the_step_before_is_brought_up_to_date_with_all_that_is_in_it() -> None:
    for is_read_first in (True, False):
        history_path().unlink(missing_ok=True)
        history_path().parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(history_path(), isolation_level=None)) as old:
            assert migrate(old, MIGRATIONS[:-1]) == len(MIGRATIONS) - 1
            start_ms = round(NINE.timestamp() * 1000)
            old.execute(
                "INSERT INTO runs (kind, start_ms, end_ms, zone, source, version, saved_ms, ended)"
                " VALUES ('monitor', ?, ?, 'Europe/Berlin', 'camera 0', '0.0', 0, 'done')",
                (start_ms, start_ms + 600_000),
            )
            old.execute(
                "INSERT INTO episodes VALUES (1, 0, ?, ?, 'good', NULL, NULL)", (start_ms, start_ms + 600_000)
            )
        if not is_read_first:
            with Writer() as writer:
                assert writer is not None
        assert seconds_of(DAY) == {GOOD: 600}
        with closing(sqlite3.connect(history_path())) as connection:
            assert version(connection) == len(MIGRATIONS)
            assert connection.execute("SELECT count(*) FROM faults").fetchone() == (0,)


def test_a_step_that_fails_leaves_the_database_as_it_was() -> None:
    kept_run(NINE, [(60, GOOD)])

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE holds")
        connection.execute("SELECT nonsense")

    with closing(sqlite3.connect(history_path(), isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, [*MIGRATIONS, broken])
        assert version(connection) == len(MIGRATIONS)
        assert connection.execute("SELECT count(*) FROM holds").fetchone() == (1,)


def test_what_is_no_history_of_ours_is_left_alone() -> None:
    path = history_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, but long enough to look like a file of some kind" * 20)
    with pytest.raises(HistoryError, match="is damaged"), History.opened():
        pass
    with pytest.raises(HistoryError, match="is damaged"), Writer():
        pass
    assert path.read_bytes().startswith(b"no database")
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mine (a)")
    with pytest.raises(HistoryError, match="not a history of posture_cam"), Writer():
        pass
    path.unlink()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA application_id = 1886352244")
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        newer.execute("CREATE TABLE later (a)")
    for opening in (History.opened, Writer):
        with pytest.raises(HistoryError, match="newer posture_cam"), opening():
            pass


# Deleting.


def test_delete_before_a_day_cuts_a_run_in_two_at_midnight() -> None:
    kept_run(datetime(2026, 11, 22, 9, tzinfo=BERLIN), [(600, POOR)])
    kept_run(datetime(2026, 11, 23, 23, 30, tzinfo=BERLIN), [(2700, FAIR)], alerts=[(60.0, None)])
    with Writer() as writer:
        assert writer.delete_before(DAY) == 2
    with History.opened() as kept:
        assert kept.days() == [DAY]
    assert seconds_of(DAY) == {FAIR: 900}
    assert b"Head forward" not in history_path().read_bytes()


def test_retention_deletes_at_the_start_of_a_run(berlin: None) -> None:
    now = datetime.now(BERLIN)
    noon = now.replace(hour=12)  # a run that begins just before midnight belongs to two days
    kept_run(noon - timedelta(days=40), [(600, POOR)])
    kept_run(noon - timedelta(days=2), [(600, GOOD)])
    with live_history(now, pytest.fail) as history:
        assert history.open(30) == 1
    with History.opened() as kept:
        assert kept.days() == [(now - timedelta(days=2)).date()]


# The command line.


def test_an_empty_history_says_what_to_do_first() -> None:
    for arguments in (
        ["history"],
        ["history", "--week"],
        ["history", "--json"],
        ["history", "delete", "--all"],
    ):
        done = run(*arguments)
        assert done.returncode == 0
        assert "Nothing is kept in the history yet" in done.stderr
    assert json.loads(run("history", "--json").stdout)["days"] == []
    for arguments in (["history", "export", "-"], ["report"]):
        done = run(*arguments)
        assert done.returncode == 1
        assert "Run posture-cam monitor" in done.stderr
    assert not history_path().exists()


def test_history_on_the_command_line(tmp_path: Path) -> None:
    kept_run(NINE, [(1200, GOOD), (400, POOR), (400, FAIR)], alerts=[(1300.0, 1320.0), (1500.0, None)])
    kept_run(NINE + timedelta(days=1), [(600, GOOD)])
    shown = run("history", "--day", "2026-11-24").stdout
    assert "Tue 2026-11-24" in shown
    assert "60 %" in shown
    assert "1 of 2" in shown
    assert "Head forward" in shown
    told = json.loads(run("history", "--day", "2026-11-24", "--json").stdout)
    [day] = told["days"]
    assert (day["good_s"], day["poor_s"], day["fair_s"], day["score"]) == (1200.0, 400.0, 400.0, 80)
    assert [one["corrected_within_60_s"] for one in day["alerts"]] == [True, False]
    assert day["alerts"][0]["time"] == "2026-11-24T09:21:40.000+01:00"
    rows = run("history", "--day", "2026-11-24", "--csv").stdout.splitlines()
    assert rows[1].startswith("2026-11-24,1200.000,400.000,400.000,0.000,0.000,2000.000,80,2,")
    exported = json.loads(run("history", "export", "-").stdout)
    assert [one["date"] for one in exported["days"]] == ["2026-11-24", "2026-11-25"]
    assert sum(minute["good_s"] for minute in exported["days"][0]["minutes"]) == pytest.approx(1200.0)
    assert run("history", "export", str(tmp_path / "all.csv"), "--from", "2026-11-25").returncode == 0
    minutes = (tmp_path / "all.csv").read_text("utf-8").splitlines()
    assert minutes[0].startswith("run,start,good_s")
    assert len(minutes) == 11
    assert minutes[1].startswith("2,2026-11-25T09:00:00+01:00,60.000")
    done = run("history", "delete", "--run", "1", "--yes")
    assert "Deleted run 1." in done.stderr
    assert run("history", "delete", "--run", "1", "--yes").returncode == 1
    assert run("history", "delete", "--all").returncode == 1  # it asks, but nobody is there to answer
    assert run("history", "delete", "--all", "--yes").returncode == 0
    assert "Nothing is kept" in run("history").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["history", "--day", "yesterday"], 2, "is no date"),
        (["history", "--day", "0001-01-01"], 2, "is no date"),
        (["history", "--day", "9999-12-31"], 2, "is no date"),
        (["history", "delete", "--run", "99999999999999999999999", "--yes"], 2, "--run"),
        (["history", "delete", "--run", "77"], 1, "There is no run 77"),
        (["history", "export", ""], 2, "has no name"),
        (["analyze", "x.mp4", "--save", "--recorded-at", "9999-12-31 23:59"], 2, "no date with a time"),
        (["analyze", "x.mp4", "--save", "--recorded-at", "2999-01-01 10:00"], 2, "has not come yet"),
        (["report", "--from", "0001-01-01"], 2, "is no date"),
        (["report", "-o", ""], 2, "is no page"),
        (["report", "--model", "lite"], 2, "--model goes with --frames"),
        (["history", "--week", "--day", "2026-11-24"], 2, "exclude each other"),
        (["history", "--json", "--csv"], 2, "exclude each other"),
        (["history", "--week", "export", "-"], 2, "do not go with history export"),
        (["history", "delete"], 2, "needs one of"),
        (["history", "delete", "--all", "--run", "1"], 2, "needs one of"),
        (["history", "delete", "--before", "2999-01-01", "--yes"], 2, "has not come yet"),
        (["history", "export", "all.txt"], 2, "names no format"),
        (["history", "export", "/nowhere/all.json"], 1, "does not exist"),
        (["history", "export", "-", "--from", "2026-12-01", "--to", "2026-01-01"], 2, "lies before"),
        (["history", "export", "-", "--from", "2027-01-01"], 1, "Nothing is kept of these days"),
        (["analyze", "x.mp4", "--recorded-at", "2026-11-20 09:00"], 2, "goes with --save"),
        (["analyze", "x.mp4", "--save", "--recorded-at", "2026-11-20"], 2, "no date with a time"),
        (["report", "-o", "report.pdf"], 2, "is no page"),
        (["report", "--from", "2026-12-01", "--to", "2026-11-01"], 2, "lies before"),
        (["report", "--from", "2020-01-01", "--to", "2020-01-02"], 1, "Nothing is kept from 2020-01-01"),
        (["report", "--result", "missing.json"], 1, "does not exist"),
        (["report", "--frames", "x.mp4"], 2, "--frames goes with --result"),
        (["report", "-o", "/nowhere/report.html"], 1, "does not exist"),
    ],
)
def test_what_cannot_work_is_said(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    kept_run(NINE, [(60, GOOD)])
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_deleting_waits_for_nobody_while_a_monitor_writes() -> None:
    kept_run(NINE - timedelta(days=2), [(60, GOOD)])
    with live_history(NINE, pytest.fail) as history:
        history.open(0)
        history.flush(5.0, [])
        done = run("history", "delete", "--all", "--yes")
        assert done.returncode == 1
        assert "is being written by another posture-cam" in done.stderr.replace("\n", " ")
        assert run("history", "--json").returncode == 0  # readers are welcome
    with closing(sqlite3.connect(history_path())) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)


def test_a_course_puts_every_second_into_one_slot() -> None:
    log = run_log()
    course = log.course(60.0, 1_000_000_013.7)
    for piece in pieces([(7.3, GOOD), (181.1, FAIR), (0.4, POOR), (64.2, GOOD)], step_s=0.7):
        log.take(piece)
    log.close()
    slots = course.slots
    assert sum(sum(slot.seconds_by_state.values()) for slot in slots) == pytest.approx(253.0)
    assert all(sum(slot.seconds_by_state.values()) <= 60.0 + 1e-6 for slot in slots)
    assert all((slot.start_s + 1_000_000_013.7) % 60.0 == pytest.approx(0.0, abs=1e-3) for slot in slots)
    assert slots[2].measures[NECK].mean == pytest.approx(12.0)


def test_leaning_back_of_an_earlier_version_is_told_apart_from_bending_forward() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        migrate(old, MIGRATIONS[: [step.__name__ for step in MIGRATIONS].index("leaning_back")])
        trunk = "trunk_inclination_change_deg"
        old.execute("INSERT INTO measures (id, name) VALUES (1, ?)", (trunk,))
        for number, worst in ((1, 25.0), (2, -40.0)):
            old.execute("INSERT INTO faults VALUES (7, ?, ?, 0, 9000, ?)", (number, trunk, worst))
            old.execute(
                "INSERT INTO minute_measures VALUES (7, ?, 1, 60, ?, ?, ?, 3.0, 50, ?)",
                (number * 60_000, worst / 2, min(worst, 0.0), max(worst, 0.0), worst),
            )
        migrate(old)
        assert old.execute("SELECT measure, worst FROM faults ORDER BY number").fetchall() == [
            (trunk, 25.0),
            ("leaning_back_deg", 40.0),
        ]
        assert old.execute(
            "SELECT n.name, m.start_ms, m.mean, m.max, m.fault_s, m.worst FROM minute_measures m"
            " JOIN measures n ON n.id = m.measure_id ORDER BY m.start_ms, n.name"
        ).fetchall() == [
            (trunk, 60_000, 12.5, 25.0, 50.0, 25.0),
            ("leaning_back_deg", 120_000, 20.0, 40.0, 50.0, 40.0),
            (trunk, 120_000, -20.0, 0.0, 0.0, None),
        ]
