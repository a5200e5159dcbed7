from __future__ import annotations

import csv
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from posture_cam.records import SessionSummary
from posture_cam.session.analysis import AnalysisRequest, analyze

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep tests from reading and writing the folders of the user who runs them."""
    for name, folder in (
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_CONFIG_HOME", "config"),
    ):
        monkeypatch.setenv(name, str(tmp_path / "home" / folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    return tmp_path / "home"


Made = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A file that takes long to make, by name; the first test that asks makes it for all processes."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        target = folder / name
        with FileLock(folder / f"{name}.lock"):
            if not target.exists():
                make(target)
        return target

    return made


@pytest.fixture(scope="session")
def sample_poses(made_once: Made) -> Callable[[str], Path]:
    """The poses of a sample clip; the model runs once for each clip that is asked for."""

    def poses(name: str) -> Path:
        clip = SAMPLES / f"{name}.mp4"
        return made_once(f"{name}.poses.jsonl", lambda target: analyze(AnalysisRequest(clip, poses=target)))

    return poses


@pytest.fixture(scope="session")
def sample_result(
    sample_poses: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[SessionSummary, list[dict[str, str]]]]:
    """Summary and CSV rows of a sample clip."""
    folder = tmp_path_factory.mktemp("results")

    @cache
    def result(name: str) -> tuple[SessionSummary, list[dict[str, str]]]:
        table = folder / f"{name}.csv"
        summary = analyze(AnalysisRequest(sample_poses(name), csv=table))
        with table.open(encoding="utf-8", newline="") as file:
            return summary, list(csv.DictReader(file))

    return result


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A real person (public domain): head and shoulders, 512 x 512, red-green-blue."""
    from skimage import data

    picture: Any = data.astronaut
    return np.asarray(picture(), dtype=np.uint8)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report which tests were skipped because a program is missing, and how to install it."""
    missing = {
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and "install" in report.longrepr[2].lower()
    }
    for words in sorted(missing):
        terminalreporter.write_line(words, yellow=True)
