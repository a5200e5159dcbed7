"""Many recordings: a broken one does not affect the others, and a batch resumes where it stopped."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet
import pytest

from posture_cam.batch.jobs import BatchRequest, JobOutcome, find_jobs, result_path
from posture_cam.batch.run import JOURNAL, one_at_a_time, run_batch
from posture_cam.batch.table import TABLE, write_tables
from posture_cam.batch.workers import Workers
from posture_cam.errors import OutputError, SourceError
from tests.builders import Film, front, side
from tests.conftest import SAMPLES
from tests.running import run, run_unprivileged
from tests.test_session import recorded

UPRIGHT = side(neck_deg=18.0, trunk_deg=-5.0)
BROKEN = {
    "broken/empty.mp4": b"",
    "broken/text.mp4": b"this is text, and no video at all\n" * 10,
    "broken/noise.mkv": bytes(range(256)) * 40,
    "broken/half.poses.jsonl": b'{"kind": "posture_cam poses", "schema_version": 1',
    "broken/other.poses.jsonl": b'{"kind": "something else"}\n',
}


def some_recordings(folder: Path, count: int) -> None:
    """Recorded poses of different people who sit and slouch, and five files that are broken."""
    for number in range(count - len(BROKEN)):
        slouch = side(neck_deg=30.0 + number % 25, trunk_deg=5.0 + number % 15)
        film = Film(noise_px=0.4).hold(8.0, UPRIGHT).hold(4.0 + number % 7, slouch).hold(3.0, UPRIGHT)
        target = folder / f"desk{number % 4}" / f"person{number:02d}.poses.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        recorded(target, film)
    for name, content in BROKEN.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def results_of(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.name not in (JOURNAL, ".batch.lock") and path.is_file()
    }


def table_of(out: Path) -> list[dict[str, str]]:
    with (out / TABLE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_hundred_recordings_interrupted_and_resumed_equal_one_pass(tmp_path: Path) -> None:
    source, whole, parts = tmp_path / "in", tmp_path / "whole", tmp_path / "parts"
    some_recordings(source, 100)
    done = run("analyze", source, "--out", whole, "--jobs", "2")
    assert done.returncode == 1  # five could not be read
    rows = table_of(whole)
    assert len(rows) == 100
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["file"] for row in failed} == set(BROKEN)
    assert all(row["reason"] for row in failed)
    assert all(f"{name}: failed." in done.stderr for name in BROKEN)
    assert "100 recordings: 95 done, 5 failed" in done.stdout

    process = begun(source, parts, "--jobs", "2")
    wait_for(parts, 20, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on from there" in err
    kept = finished_in(parts)
    assert 20 <= len(kept) < 95
    stamps = {name: (parts / f"{name}.json").stat().st_mtime_ns for name in kept}
    assert run("analyze", source, "--out", parts, "--jobs", "2").returncode == 1
    assert {name: (parts / f"{name}.json").stat().st_mtime_ns for name in kept} == stamps  # not done again
    assert results_of(parts) == results_of(whole)


def begun(source: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    """A batch in a process of its own."""
    command = [sys.executable, "-m", "posture_cam", "analyze", str(source), "--out", str(out), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until this many recordings are finished."""
    end_s = time.monotonic() + 90.0
    while time.monotonic() < end_s and len(finished_in(out)) < count and process.poll() is None:
        time.sleep(0.05)


def finished_in(out: Path) -> list[str]:
    try:
        return [json.loads(line)["name"] for line in (out / JOURNAL).read_text("utf-8").splitlines()]
    except (FileNotFoundError, ValueError):
        return []


def test_what_has_changed_is_done_again(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    some_recordings(source, 8)

    def again(*options: str) -> set[str]:
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json")}
        run("analyze", source, "--out", out, "--jobs", "1", *options)
        return {path.name for path in out.rglob("*.json") if before.get(path) != path.stat().st_mtime_ns}

    assert len(again()) == 3
    assert again() == set()
    recorded(source / "desk1" / "person01.poses.jsonl", Film(noise_px=0.2).hold(12.0, UPRIGHT))
    assert again() == {"person01.poses.jsonl.json"}
    assert len(again("--no-estimator")) == 3
    with (out / JOURNAL).open("a") as journal:
        journal.write('{"name": "desk0/pers')  # cut off while it was written
    assert again("--no-estimator") == set()
    (out / "desk2" / "person02.poses.jsonl.json").unlink()
    assert again("--no-estimator") == {"person02.poses.jsonl.json"}


@pytest.mark.slow
def test_videos_and_their_results_are_those_of_single_analyses(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shutil.copy(SAMPLES / "desk-side.mp4", source / "a.mp4")
    shutil.copy(SAMPLES / "desk-monitor.mp4", source / "b.mp4")
    arguments = ("analyze", source / "a.mp4", source / "b.mp4", "--rate", "2", "--out", out, "--jobs", "2")
    done = run(*arguments, "--samples", "--parquet")
    assert done.returncode == 0, done.stderr
    for name in ("a.mp4", "b.mp4"):
        single = run("analyze", source / name, "--rate", "2", "--json", "-")
        assert json.loads((out / f"{name}.json").read_text("utf-8")) == json.loads(single.stdout)
        assert (out / f"{name}.csv").exists()
    parquet = pyarrow.parquet.read_table(out / "summary.parquet").to_pylist()
    rows = table_of(out)
    assert [row["file"] for row in parquet] == [row["file"] for row in rows] == ["a.mp4", "b.mp4"]
    assert [row["score"] for row in parquet] == [int(row["score"]) for row in rows]
    assert parquet[0]["good_s"] == float(rows[0]["good_s"])


def test_a_crash_costs_only_what_crashed() -> None:
    with Workers(2) as workers:
        futures: list[Any] = [
            workers.submit(os.abort) if number == 2 else workers.submit(pow, number, 2) for number in range(6)
        ]
        with pytest.raises(SourceError, match="crashed"):
            futures.pop(2).result(timeout=60)
        assert [future.result(timeout=60) for future in futures] == [0, 1, 9, 16, 25]


def test_names_are_kept_apart_and_results_are_not_taken_for_recordings(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "desk.mp4").write_bytes(folder.encode())
    out = tmp_path / "a" / "results"
    out.mkdir()
    (out / "old.mp4").write_bytes(b"")
    jobs = find_jobs([tmp_path / "a", tmp_path / "b" / "desk.mp4", tmp_path / "a" / "desk.mp4"], out)
    assert [job.name for job in jobs] == ["desk.mp4", "desk.mp4-2"]
    assert len({result_path(out, job) for job in jobs}) == 2
    with pytest.raises(SourceError, match="folder for results"):
        find_jobs([out], out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="No recordings"):
        find_jobs([tmp_path / "empty"], out)


def test_linked_folders_are_searched_and_a_recording_named_twice_is_done_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "desk.mp4").write_bytes(b"a")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "real")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    jobs = find_jobs([tmp_path / "in"], tmp_path / "out")
    assert [job.name for job in jobs] == ["link/desk.mp4"]
    again = find_jobs([tmp_path / "real", tmp_path / "in" / ".." / "real" / "desk.mp4"], tmp_path / "out")
    assert [job.name for job in again] == ["desk.mp4"]


def test_what_a_folder_keeps_from_us_is_told_and_costs_only_itself(tmp_path: Path) -> None:
    source, shut = tmp_path / "in", tmp_path / "in" / "shut"
    shut.mkdir(parents=True)
    recorded(source / "a.poses.jsonl", Film(noise_px=0.4).hold(8.0, UPRIGHT))
    recorded(shut / "b.poses.jsonl", Film(noise_px=0.4).hold(8.0, UPRIGHT))
    (source / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (source / "round.mp4").symlink_to(source / "round.mp4")
    shut.chmod(0)
    try:
        done = run_unprivileged("analyze", source, "--out", tmp_path / "out", "--jobs", "1")
        named = run_unprivileged("analyze", shut / "b.poses.jsonl", "--out", tmp_path / "named")
        inside = run_unprivileged("analyze", shut, "--out", tmp_path / "inside")
        alone = run_unprivileged("analyze", shut / "b.mp4")
        into = run_unprivileged("analyze", source / "a.poses.jsonl", "--json", shut / "b.json")
    finally:
        shut.chmod(0o755)
    reasons = {row["file"]: row["reason"] for row in table_of(tmp_path / "out")}
    assert reasons["a.poses.jsonl"] == ""
    assert reasons["shut"] == f"The folder {shut} cannot be read (Permission denied)."
    assert "does not exist" in reasons["gone.mp4"]
    assert "cannot be read" in reasons["round.mp4"]
    assert len(reasons) == 4
    assert "cannot be read" in table_of(tmp_path / "named")[0]["reason"]
    assert f"The folder {shut} cannot be read" in inside.stderr
    assert "cannot be read (Permission denied)" in alone.stderr
    assert "cannot be written (Permission denied)" in into.stderr
    for each in (done, named, inside, alone, into):
        assert each.returncode == 1, each.stderr
        assert "Traceback" not in each.stderr


def test_samples_that_were_taken_away_are_written_again_and_what_was_done_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    recorded(tmp_path / "in" / "a.poses.jsonl", Film(noise_px=0.4).hold(8.0, UPRIGHT))
    command = ("analyze", tmp_path / "in", "--out", tmp_path / "out", "--samples", "--jobs", "1")
    assert "not done again" not in run(*command).stderr
    assert "Finished before, and not done again: 1." in run(*command).stderr
    samples = tmp_path / "out" / "a.poses.jsonl.csv"
    content = samples.read_bytes()
    samples.unlink()
    assert "not done again" not in run(*command).stderr
    assert samples.read_bytes() == content


def test_a_model_that_is_none_leaves_an_earlier_table_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    recorded(tmp_path / "in" / "a.poses.jsonl", Film(noise_px=0.4).hold(8.0, UPRIGHT))
    out = tmp_path / "out"
    assert run("analyze", tmp_path / "in", "--out", out, "--jobs", "1").returncode == 0
    before = results_of(out)
    done = run("analyze", tmp_path / "in", "--out", out, "--jobs", "1", "--model", "hevy")
    assert done.returncode == 1
    assert "There is no model 'hevy'." in done.stderr
    assert "Choose full, lite, heavy" in done.stderr.replace("\n", " ")
    assert results_of(out) == before


def done_here(batch: BatchRequest) -> list[JobOutcome]:
    with Workers(1) as workers:
        outcomes = run_batch(batch, find_jobs(batch.sources, batch.out), workers)
    write_tables(batch, outcomes)
    return outcomes


def test_a_result_that_is_damaged_is_made_again_and_one_of_another_recording_is_taken_away(
    tmp_path: Path,
) -> None:
    batch = BatchRequest((tmp_path / "in",), tmp_path / "out")
    (tmp_path / "in").mkdir()
    recording = recorded(tmp_path / "in" / "a.poses.jsonl", Film(noise_px=0.4).hold(8.0, UPRIGHT))
    (outcome,) = done_here(batch)
    assert outcome.status == "done"
    result = result_path(batch.out, outcome.job)
    good = result.read_bytes()
    result.write_bytes(b"")
    (outcome,) = done_here(batch)
    assert (outcome.status, outcome.was_there) == ("done", False)
    assert result.read_bytes() == good
    recording.write_bytes(b"junk")
    (outcome,) = done_here(batch)
    assert outcome.status == "failed"
    assert not result.exists()


def test_options_for_videos_leave_poses_of_one_name_alone(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        recorded(tmp_path / folder / "x.poses.jsonl", Film(noise_px=0.4).hold(8.0, UPRIGHT))
    batch = BatchRequest((tmp_path / "a", tmp_path / "b"), tmp_path / "out", rate_hz=4.0)
    assert [outcome.status for outcome in done_here(batch)] == ["done", "done"]
    sources = [row["source"] for row in table_of(batch.out)]
    assert sources == [str(tmp_path / folder / "x.poses.jsonl") for folder in ("a", "b")]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_a_name_that_is_no_text_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    recorded(tmp_path / "in" / "b.poses.jsonl", Film(noise_px=0.4).hold(8.0, UPRIGHT))
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/caf\xe9.mp4")).write_bytes(bytes(100))
    outcomes = done_here(BatchRequest((tmp_path / "in",), tmp_path / "out"))
    assert [outcome.status for outcome in outcomes] == ["done", "failed"]
    assert [row["status"] for row in table_of(tmp_path / "out")] == ["done", "failed"]


def test_two_batches_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with one_at_a_time(tmp_path), pytest.raises(OutputError, match="Another batch"), one_at_a_time(tmp_path):
        pass
    with one_at_a_time(tmp_path):
        pass


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    some_recordings(tmp_path / "in", 40)
    process = begun(tmp_path / "in", tmp_path / "out", "--jobs", "1")
    wait_for(tmp_path / "out", 1, process)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.communicate()
    assert psutil.wait_procs(children, timeout=20.0)[1] == []


def test_the_first_answer_to_stop_leaves_what_has_not_begun(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    some_recordings(source, 9)
    batch = BatchRequest((source,), out)
    jobs = find_jobs(batch.sources, out)
    with Workers(1) as workers:
        seen: list[str] = []
        outcomes = run_batch(
            batch,
            jobs,
            workers,
            done=lambda one: seen.append(one.job.name),
            should_stop=lambda: len(seen) >= 2,
        )
    assert len(outcomes) == len(seen) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["a.mp4", "b.mp4"], 2, "Add --out DIR"),
        (["."], 1, "is a folder"),
        (["a.mp4", "--jobs", "2"], 2, "go with --out"),
        (["missing", "--out", "out"], 1, "does not exist"),
        ([".", "--out", "out"], 1, "No recordings were found"),
        ([".", "--out", "out", "--json", "x.json"], 2, "--json is for one recording"),
        ([".", "--out", "out", "--neutral", "0:05-0:12"], 2, "--neutral is for one recording"),
        ([".", "--out", "out", "--rate", "0"], 2, "--rate must be above 0"),
        ([".", "--out", "out", "--jobs", "0"], 2, "--jobs"),
        (["one.mp4", "--out", "one.mp4"], 1, "cannot be written"),
        (["one.mp4", "--out", "out", "--profile", "nobody"], 1, "no profile 'nobody'"),
    ],
)
def test_what_cannot_work_is_said(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    if "one.mp4" in arguments:
        (tmp_path / "one.mp4").write_bytes(b"")
    done = run("analyze", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / TABLE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_where_the_neutral_posture_comes_from_is_told_and_what_is_taken_on_trust(tmp_path: Path) -> None:
    """A recording slouched from start to end looks like a good one; the program says so."""
    slouched = Film(noise_px=0.4).hold(30.0, front(ratio=0.4, width=230.0))
    held = recorded(tmp_path / "recordings" / "anna" / "held.poses.jsonl", slouched)
    done = run("analyze", held, "--json", tmp_path / "one.json")
    assert "taken on trust" in " ".join(done.stdout.split())
    result = json.loads((tmp_path / "one.json").read_text("utf-8"))
    assert result["neutral"]["origin"] == "found"
    run("report", "--result", tmp_path / "one.json", "-o", tmp_path / "one.html")
    assert "taken on trust" in (tmp_path / "one.html").read_text("utf-8")
    batch = run("analyze", held, "--out", tmp_path / "out", "--jobs", "1")
    assert "taken on trust" in " ".join(batch.stdout.split())
    assert [row["neutral"] for row in rows_of(tmp_path / "out")] == ["found"]


def test_a_profile_for_each_folder_of_a_batch(tmp_path: Path) -> None:
    upright, slouched = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=45.0, trunk_deg=20.0)
    for name in ("anna", "ben"):
        recorded(tmp_path / "in" / name / "day.poses.jsonl", Film(noise_px=0.4).hold(30.0, slouched))
    well = recorded(tmp_path / "well.poses.jsonl", Film(noise_px=0.4).hold(30.0, upright))
    missing = run("analyze", tmp_path / "in", "--out", tmp_path / "out", "--profile-by-folder")
    assert missing.returncode == 1
    assert "There is no profile 'anna', 'ben'." in missing.stderr
    run("calibrate", "--from", well, "--profile", "anna")
    run("calibrate", "--from", well, "--profile", "ben")
    both = run("analyze", tmp_path / "in", "--out", tmp_path / "out", "--profile-by-folder", "--jobs", "1")
    assert both.returncode == 0, both.stderr
    rows = rows_of(tmp_path / "out")
    assert [row["neutral"] for row in rows] == ["profile", "profile"]
    assert all(float(row["poor_s"]) > 20.0 for row in rows)
    run(
        "calibrate",
        "--from",
        tmp_path / "in" / "ben" / "day.poses.jsonl",
        "--at",
        "5-20",
        "--profile",
        "ben",
        "--replace",
    )
    again = run("analyze", tmp_path / "in", "--out", tmp_path / "out", "--profile-by-folder", "--jobs", "1")
    assert "not done again: 1" in again.stderr  # anna's; ben's neutral posture has changed
    only = run("analyze", well, "--profile-by-folder")
    assert only.returncode == 2
