"""The recordings of a batch: which they are, what they are called, and what became of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posture_cam.errors import SourceError

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp", ".flv", ".m2ts",
    ".mjpeg", ".mts", ".ogv", ".ts",
)  # fmt: skip
POSES_ENDING = ".poses.jsonl"


@dataclass(frozen=True, slots=True)
class Batch:
    """What to analyse, how, and where results go.

    Attributes:
        sources: Files and folders; folders are searched through and through.
        out: The folder for results.
        rate_hz, every_frame, profile, model, estimator: As for one analysis.
        samples: Write a CSV of each recording's moments as well.
        parquet: Write the table as Parquet as well.
    """

    sources: tuple[Path, ...]
    out: Path
    rate_hz: float | None = None
    every_frame: bool = False
    profile: str | None = None
    model: str = "full"
    estimator: bool = True
    samples: bool = False
    parquet: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One recording: `name` is what its results are called, below the folder for results."""

    path: Path
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a recording.

    Attributes:
        status: `done`, `nothing judged`, or `failed`.
        reason: Why it failed, in a sentence; else empty.
        was_there: It had been finished before.
    """

    job: Job
    status: str
    reason: str = ""
    was_there: bool = False


def find_jobs(sources: Sequence[Path], out: Path) -> list[Job]:
    """The recordings in files and folders, in order of their names.

    Raises:
        SourceError: A source does not exist, or nothing is found.
    """
    found: dict[Path, str] = {}
    known: set[Path] = set()
    is_inside = False

    def take(path: Path, name: str) -> None:
        if path.resolve() not in known:  # one recording by two ways
            known.add(path.resolve())
            found[path] = name

    for source in sources:
        if source.is_dir():
            for path in _files_below(source):
                if not path.name.lower().endswith((*VIDEO_SUFFIXES, POSES_ENDING)) or not path.is_file():
                    continue
                if out.resolve() in path.resolve().parents:
                    is_inside = True
                else:
                    take(path, str(path.relative_to(source)))
        elif source.exists():
            take(source, source.name)
        else:
            raise SourceError(f"{source} does not exist.", "Check the name and the folder you are in.")
    if not found and is_inside:
        raise SourceError(
            f"All recordings lie in {out}, the folder for results, which is left out.",
            "Name another folder with --out.",
        )
    if not found:
        raise SourceError(
            "No recordings were found.", f"Videos end in {', '.join(VIDEO_SUFFIXES[:8])} and others."
        )
    jobs: list[Job] = []
    taken: set[str] = set()
    for path, name in sorted(found.items(), key=lambda item: item[1]):
        unique, number = name, 2
        while unique in taken:  # files of one name from several folders
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        size_bytes = 0
        with suppress(OSError):
            size_bytes = path.stat().st_size
        jobs.append(Job(path, unique, size_bytes))
    return jobs


def _files_below(folder: Path) -> Iterator[Path]:
    """Files in a folder and those within it, linked ones too, each folder once."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if os.path.realpath(Path(place, name)) not in seen)
        yield from (Path(place, name) for name in sorted(files))


def result_path(out: Path, job: Job) -> Path:
    """Where a recording's result goes."""
    return out / f"{job.name}.json"


def result_of(out: Path, job: Job) -> dict[str, Any] | None:
    """The result of a recording, or None where there is no whole one."""
    try:
        result = json.loads(result_path(out, job).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and "summary" in result else None
