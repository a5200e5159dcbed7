"""What is written for users is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from posture_cam.outputs.tables import CsvResult
from posture_cam.records import Reason
from posture_cam.settings import GROUP_WEIGHTS, MeasureInfo, load_measures
from tests.conftest import ROOT

DOCS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "models" / "README.md",
    ROOT / "samples" / "README.md",
]
VIEW_WORDS = {"front": "front", "three_quarter": "three quarters", "side_left": "side"}


def limits(info: MeasureInfo) -> str:
    if info.group is None or info.good is None or info.poor is None:
        return ""
    sign = "±" if info.two_sided else ""
    words = f"{sign}{info.good:g} / {sign}{info.poor:g}"
    if info.good_low is not None and info.poor_low is not None:
        words += f"; {info.good_low:g} / {info.poor_low:g}"
    return words


def measures_table() -> str:
    """The table of docs/measures.md, from data/measures.toml."""
    lines = [
        "| measure | unit | seen from | judged as | estimated: good / poor limit | by formula | source |",
        "|---|---|---|---|---|---|---|",
    ]
    estimated = load_measures("estimated")
    for name, info in load_measures().items():
        views = ", ".join(VIEW_WORDS[view.value] for view in info.views if view.value in VIEW_WORDS)
        group = info.group or "shown only"
        if info.group_low_camera and info.group_low_camera != info.group:
            group += f" ({info.group_low_camera} below the eyes)"
        lines.append(
            f"| `{name.value}` | {info.unit} | {views} | {group} | {limits(estimated[name])} "
            f"| {limits(info)} | {info.reference} |"
        )
    return "\n".join(lines)


def test_the_table_of_measures_is_the_one_in_force() -> None:
    text = (ROOT / "docs" / "measures.md").read_text("utf-8")
    assert measures_table() in text, "put this into docs/measures.md:\n" + measures_table()
    for group, weight in GROUP_WEIGHTS.items():
        assert f"{group} {weight:g}" in text


def test_every_column_and_key_is_documented() -> None:
    text = (ROOT / "docs" / "formats.md").read_text("utf-8") + (ROOT / "docs" / "measures.md").read_text(
        "utf-8"
    )
    for column in CsvResult.HEADER:
        assert f"`{column}`" in text, column


def test_the_options_in_the_readme_are_those_there_are() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    there = {
        command: options_of(command)
        for command in ("analyze", "calibrate", "config", "doctor", "monitor", "tips")
    }
    named = set(re.findall(r"`(?:[^`]*\s)?(--[a-z][a-z-]+)", readme))
    assert there["analyze"] <= set(re.findall(r"--[a-z][a-z-]+", readme))
    assert named <= set().union(*there.values())
    monitor_page = (ROOT / "docs" / "monitor.md").read_text("utf-8")
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", monitor_page)) <= set().union(*there.values())


def options_of(command: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-m", "posture_cam", command, "--help"],
        capture_output=True, text=True, encoding="utf-8", check=True, env={"COLUMNS": "200", "PATH": ""},
    ).stdout  # fmt: skip
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown)) - {"--help"}


def test_the_quick_start_stands_as_promised() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "pip install uv && uv run posture-cam analyze samples/desk-side.mp4" in readme
    assert "pip install uv && uv run pytest" in readme
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
        assert reason.value[0].islower()
        assert not reason.value.endswith(".")
