"""What is written for users is true."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from posture_cam.batch.table import COLUMNS
from posture_cam.care.exercises import load_exercises
from posture_cam.history import History
from posture_cam.history.schema import migrate
from posture_cam.ids import Measure, Reason, State
from posture_cam.measures import GROUP_WEIGHTS, MeasureInfo, load_measures
from posture_cam.outputs.files.tables import CsvResult
from posture_cam.outputs.terminal.days import CSV_HEADER, days_as_json, write_export_json
from posture_cam.words import words_of
from tests.conftest import ROOT
from tests.running import run
from tests.sittings import kept_run

DOCS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "models" / "README.md",
    ROOT / "samples" / "README.md",
]
COMMANDS = (
    "analyze", "calibrate", "checkin", "config", "correct", "dashboard", "doctor", "exercise", "history",
    "history correct", "history delete", "history entries", "history export", "monitor", "profiles forget",
    "profiles restore", "programme", "report", "tips", "workspace",
)  # fmt: skip
OTHERS = {"--nworkers", "--nthreads", "--no-dev", "--extra", "--wheel"}  # of dask and uv


def limits(info: MeasureInfo) -> str:
    if info.group is None or info.good is None or info.poor is None:
        return ""
    sign = "±" if info.two_sided else ""
    return f"{sign}{info.good:g} / {sign}{info.poor:g}"


def measures_table() -> str:
    """The table of docs/measures.md, from data/measures.toml."""
    lines = [
        "| measure | unit | judged as | estimated: good / poor limit | by formula | source |",
        "|---|---|---|---|---|---|",
    ]
    estimated = load_measures("estimated")
    for name, info in load_measures().items():
        group = info.group or "shown only"
        if info.group_low_camera and info.group_low_camera != info.group:
            group += f" ({info.group_low_camera} below the eyes)"
        lines.append(
            f"| `{name.value}` | {info.unit} | {group} | {limits(estimated[name])} "
            f"| {limits(info)} | {info.reference} |"
        )
    return "\n".join(lines)


def test_every_setting_says_where_its_value_comes_from() -> None:
    text = (ROOT / "posture_cam" / "data" / "settings.toml").read_text("utf-8")
    origin, of_section, of_lines, without = re.compile(r"\b(measured|source|chosen)\b"), False, False, []
    for line in text.splitlines():
        value, _, comment = line.partition("#")
        has_origin = origin.search(comment) is not None
        if value.startswith("["):
            of_section, of_lines = has_origin, False
        elif not value.strip():
            of_lines = has_origin if comment else of_lines
        elif not (has_origin or of_section or of_lines):
            without.append(line)
    assert not without


def test_every_measure_names_its_source() -> None:
    assert not [name for name, info in load_measures().items() if not info.reference]


def test_the_table_of_measures_is_the_one_in_force() -> None:
    text = (ROOT / "docs" / "measures.md").read_text("utf-8")
    assert measures_table() in text, "put this into docs/measures.md:\n" + measures_table()
    for group, weight in GROUP_WEIGHTS.items():
        assert f"{group} {weight:g}" in text


def test_every_column_and_key_is_documented() -> None:
    text = (ROOT / "docs" / "formats.md").read_text("utf-8") + (ROOT / "docs" / "measures.md").read_text(
        "utf-8"
    )
    for column in (*CsvResult.HEADER, *COLUMNS):
        assert f"`{column}`" in text, column


def test_the_options_in_the_readme_are_those_there_are() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    there = {command: options_of(command) for command in ("", *COMMANDS)}
    named = set(re.findall(r"`(?:[^`]*\s)?(--[a-z][a-z-]+)", readme))
    assert there["analyze"] <= set(re.findall(r"--[a-z][a-z-]+", readme))
    assert named <= set().union(*there.values(), OTHERS)
    for page in ("monitor.md", "history.md", "cluster.md"):
        text = (ROOT / "docs" / page).read_text("utf-8")
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= set().union(*there.values(), OTHERS), (
            page
        )


def exercise_rows() -> str:
    rows = []
    for one in load_exercises():
        unit = one.movement.value.rsplit("_", 1)[1] if one.movement else ""
        extent = f"{one.full:g}" + {"deg": "°", "percent": " % of the shoulder width", "": ""}[unit]
        counted = extent if one.movement else "by the clock"
        rows.append(f"| `{one.name}` | {words_of(one.aim).lower()} | {counted} | {one.unseen} |")
    head = "| exercise | for | counted from | the camera cannot tell |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def test_every_exercise_is_documented_with_what_it_counts_from() -> None:
    text = (ROOT / "docs" / "exercises.md").read_text("utf-8")
    assert text.split("<!-- exercises -->\n")[1].strip() == exercise_rows()


def test_every_table_of_the_history_is_documented() -> None:
    text = (ROOT / "docs" / "history.md").read_text("utf-8")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = {row[1] for row in connection.execute("PRAGMA table_info(runs)")} - {"id"}
    assert {name for (name,) in tables} - {"sqlite_sequence"} == set(
        re.findall(r"^\| `(\w+)` \|", text, re.M)
    )
    for column in columns:
        assert f"`{column}`" in text, column


def test_the_keys_of_a_kept_day_are_documented() -> None:
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    kept_run(
        datetime(2026, 11, 24, 9, tzinfo=UTC), [(600, State.GOOD), (60, State.POOR)], alerts=[(610.0, None)]
    )
    day = date(2026, 11, 24)
    with History.opened() as kept:
        sittings = kept.sittings(day, day)
    told = days_as_json(sittings, day, day, [day])
    exported = StringIO()
    write_export_json(sittings, exported)
    for key in keys_of(told) | keys_of(json.loads(exported.getvalue())) | {*CSV_HEADER}:
        assert f"`{key}`" in text or key in {measure.value for measure in Measure}, key


def keys_of(content: object) -> set[str]:
    if isinstance(content, list):
        return set().union(*map(keys_of, content))
    if isinstance(content, dict):
        return set(content) | set().union(*map(keys_of, content.values()))
    return set()


def options_of(command: str) -> set[str]:
    shown = run(*command.split(), "--help").stdout
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown)) - {"--help"}


def test_help_and_readme_list_the_same_commands_in_the_same_order() -> None:
    shown = run("--help").stdout
    told = re.findall(r"^\| `posture-cam (\w+)[^`]*` \|", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert len(told) > 10
    assert re.findall(r"^  ([a-z]+)  ", shown.partition("Watch and analyse:")[2], re.M) == told


def test_the_quick_start_stands_as_promised() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    automation = (ROOT / ".ci" / "run").read_text("utf-8")
    for command in (
        "pip install uv && uv run --no-dev posture-cam analyze samples/desk-side.mp4",
        "pip install uv && uv run pytest",
    ):
        assert command in readme
        assert command in automation
    for package in ("libgl1", "libegl1", "libgles2", "libglib2.0-0"):
        assert package in readme


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_pictures_are_small_and_readable() -> None:
    for path in (ROOT / "docs" / "images").iterdir():
        assert path.stat().st_size < 200_000
        with Image.open(path) as image:
            assert image.width >= 600


def test_reasons_read_as_ends_of_a_sentence() -> None:
    for reason in Reason:
        words = words_of(reason)
        assert words != reason.value
        assert words[0].islower()
        assert not words.endswith(".")
