"""Output fits the terminal, with breaks between words, and nothing that users have to type is cut."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from posture_cam.care.exercises import load_exercises
from posture_cam.ids import State
from tests.running import Done, run, run_terminal
from tests.sittings import kept_run

WIDTHS = [60, 80, 120]
LONG_NOTE = "It began after I had carried the boxes upstairs and sat down at once to go on with my work."


def fits(done: Done, columns: int) -> None:
    assert done.returncode == 0, done.stdout
    for line in done.stdout.splitlines():
        last = line.rsplit("\r", 1)[-1]
        assert cell_len(last.rstrip()) <= columns, last
        assert "…" not in last, last


@pytest.mark.parametrize("columns", WIDTHS)
def test_days_and_entries_fit_the_terminal(columns: int) -> None:
    start = datetime.now().astimezone() - timedelta(hours=3)
    kept_run(start, [(3000, State.GOOD), (700, State.POOR), (300, State.AWAY)], alerts=[(3100.0, 20.0)])
    assert run("checkin", "--pain", "4", "--where", "neck, lower-back", "--note", LONG_NOTE).returncode == 0
    for arguments in (["history"], ["history", "--week"], ["history", "entries"], ["programme"]):
        done = run_terminal(*arguments, columns=columns)
        fits(done, columns)
    assert LONG_NOTE in " ".join(run_terminal("history", "entries", columns=columns).stdout.split())


@pytest.mark.parametrize("columns", WIDTHS)
def test_names_of_exercises_and_tips_are_whole(columns: int) -> None:
    listed = run_terminal("exercise", columns=columns)
    fits(listed, columns)
    for exercise in load_exercises():
        assert any(exercise.name in line.split() for line in listed.stdout.splitlines()), exercise.name
    fits(run_terminal("tips", columns=columns), columns)
    fits(run_terminal("checkin", "--pain", "8", "--where", "neck", "--radiates", columns=columns), columns)
    fits(run_terminal("workspace", "--no-camera", columns=columns), columns)


@pytest.mark.parametrize("columns", WIDTHS)
def test_summaries_and_tables_of_batches_fit_the_terminal(
    columns: int, sample_poses: Callable[[str], Path], tmp_path: Path
) -> None:
    poses = sample_poses("desk-side")
    fits(run_terminal("analyze", poses, columns=columns), columns)
    long_name = tmp_path / "recording of the second desk by the window on a tuesday morning.poses.jsonl"
    long_name.write_bytes(poses.read_bytes())
    done = run_terminal("analyze", poses, long_name, "--out", tmp_path / "out", columns=columns)
    assert done.returncode == 0
    for line in done.stdout.splitlines():
        if str(tmp_path) not in line:  # a path is one word
            assert cell_len(line.rsplit("\r", 1)[-1].rstrip()) <= columns, line
