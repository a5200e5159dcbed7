"""The files written today: results, tables, lines, history, profile and report, except for the last digits.

tests/golden holds the poses of the sample clips and everything that follows from them.  A code change that
is not meant to change results leaves these files as they are.  After a change that is meant to,
`GOLDEN=write uv run pytest tests/test_golden.py` rewrites them; the difference is then part of the review.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

import pytest

from posture_cam import __version__
from posture_cam.outputs.files.lines import JsonLines
from posture_cam.paths import history_path
from posture_cam.profiles import profile_path
from posture_cam.records import Observation
from posture_cam.session.analysis import AnalysisRequest, analyze
from tests.conftest import ROOT
from tests.running import run

GOLDEN = ROOT / "tests" / "golden"
SAMPLES = ("desk-laptop", "desk-monitor", "desk-oblique", "desk-side")
# Their points differ by a tenth of a pixel, and their ids differ with the points.
DRAWN = ("<path", "<use", "<g", "</g", "<clipPath", "</clipPath", "<rect", "<defs", "</defs", "<text", "<svg")
BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)
# Sums of floating-point numbers differ in their last digits from processor to processor.
LAST_DIGITS = 0.021

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?e[+-]\d+|-?\d+\.\d+")


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local time zone is part of the stored data."""
    import time

    if not hasattr(time, "tzset"):
        pytest.skip("the zone cannot be set here")
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def poses_of(name: str, folder: Path) -> Path:
    """The recorded poses of a sample, as a file of its own."""
    target = folder / f"{name}.poses.jsonl"
    with gzip.open(GOLDEN / f"{name}.poses.jsonl.gz") as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return target


def compare(name: str, text: str) -> None:
    """Compare with the text stored under a name, or store it."""
    path = GOLDEN / name
    text = text.replace(__version__, "VERSION")
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, "utf-8")
        return
    for number, (now, then) in enumerate(
        zip_longest(text.splitlines(), path.read_text("utf-8").splitlines()), 1
    ):
        assert now is not None, f"{name} ends at line {number}"
        assert then is not None, f"{name} goes on at line {number}: {now}"
        where = f"{name}, line {number}"
        assert _NUMBER.sub("#", now) == _NUMBER.sub("#", then), where
        found, wanted = ([float(one) for one in _NUMBER.findall(line)] for line in (now, then))
        assert found == pytest.approx(wanted, abs=LAST_DIGITS), where


@pytest.mark.parametrize("name", SAMPLES)
def test_results_of_a_sample(name: str, tmp_path: Path) -> None:
    poses = poses_of(name, tmp_path)
    result, table = tmp_path / "result.json", tmp_path / "table.csv"
    done = run("analyze", poses, "--json", result, "--csv", table)
    assert done.returncode == 0, done.stderr
    compare(f"{name}.json", result.read_text("utf-8"))
    compare(f"{name}.csv", table.read_text("utf-8"))
    compare(f"{name}.stdout.txt", done.stdout)
    page = tmp_path / "report.html"
    assert run("report", "--result", result, "-o", page).returncode == 0
    compare(f"{name}.report.txt", readable(page.read_text("utf-8")))


def readable(page: str) -> str:
    """The text of a page, one piece per line; of its drawings only their text."""
    body = re.sub(r"(?s)<style.*?</style>|<script.*?</script>", "", page)
    body = re.sub(r"\d{1,2} \w+ 20\d\d, \d\d:\d\d", "MADE", body)
    lines = (line.strip() for line in re.sub(r">\s*<", ">\n<", body).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(DRAWN))


def test_lines_of_a_live_run(tmp_path: Path) -> None:
    stream, seen = io.StringIO(), list[Observation]()
    lines = JsonLines(stream, BEGAN, "desk-side.mp4")
    summary = analyze(AnalysisRequest(poses_of("desk-side", tmp_path)), seen=seen.append)
    for observation in seen:
        lines.write(observation)
    lines.finish(summary)
    compare("desk-side.lines.jsonl", stream.getvalue())


def test_the_history_of_all_samples(tmp_path: Path) -> None:
    for hour, name in enumerate(SAMPLES, 9):
        recorded_at = f"2026-11-23 {hour:02d}:00"
        done = run("analyze", poses_of(name, tmp_path), "--save", "--recorded-at", recorded_at)
        assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(history_path())) as database:
        dump = "\n".join(database.iterdump())
    compare("history.sql", re.sub(r"'done',\d+,\d+,", "'done',PROCESS,WRITTEN,", dump))


def test_a_profile(tmp_path: Path) -> None:
    arguments = ("calibrate", "--from", poses_of("desk-side", tmp_path), "--profile", "golden")
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    profile = json.loads(profile_path("golden").read_text("utf-8"))
    profile["created_at"] = "CREATED"
    compare("profile.json", json.dumps(profile, indent=1))


@pytest.mark.slow
def test_poses_files_have_these_lines(tmp_path: Path) -> None:
    """The model's landmarks differ from processor to processor; the form of the file does not."""
    target = tmp_path / "again.poses.jsonl"
    analyze(AnalysisRequest(ROOT / "samples" / "desk-side.mp4", rate_hz=1.0, poses=target))
    header, *lines = map(json.loads, target.read_text("utf-8").splitlines())
    with gzip.open(GOLDEN / "desk-side.poses.jsonl.gz", "rt", encoding="utf-8") as packed:
        kept_header, *kept_lines = map(json.loads, packed)
    varying = ("version", "schema_version", "written_at", "rate_hz")
    assert {key: header[key] for key in header if key not in varying} == {
        key: kept_header[key] for key in kept_header if key not in varying
    }
    seen = next(line for line in lines if line.get("pose"))
    kept = next(line for line in kept_lines if line.get("pose"))
    assert seen.keys() == kept.keys()
    assert seen["pose"].keys() == kept["pose"].keys()
    assert lines[-1].keys() == kept_lines[-1].keys()
