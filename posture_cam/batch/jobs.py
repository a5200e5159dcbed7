"""The recordings of a batch: how they are found, what they are called, and how they turned out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posture_cam.errors import SourceError
from posture_cam.files import Kind, kind_of

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp", ".flv", ".m2ts",
    ".mjpeg", ".mts", ".ogv", ".ts",
)  # fmt: skip
POSES_ENDING = ".poses.jsonl"
# Files that are missing or cannot be accessed stay in the batch: their analysis reports the error.
_TAKEN = (Kind.FILE, Kind.NOTHING, Kind.HIDDEN)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A request: the recordings, how to analyse them, and where the results go.

    Attributes:
        sources: Files and folders; folders are searched with all their subfolders.
        out: The folder for results.
        rate_hz, every_frame, profile, model, estimator: As for one analysis.
        profile_by_folder: Compare each recording with the profile that has the name of its folder.
        samples: Write a CSV of each recording's moments as well.
        parquet: Write the table as Parquet as well.
        hardware: Decode by the graphics card where it gives the same pictures.
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
    profile_by_folder: bool = False
    hardware: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A recording of a batch.

    Attributes:
        name: The name of its results, relative to the folder for results.
        trouble: Why its analysis cannot even be tried, in a sentence; else empty.
    """

    path: Path
    name: str
    size_bytes: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The result of a recording.

    Attributes:
        status: `done`, `nothing judged`, or `failed`.
        reason: Why it failed, in a sentence; else empty.
        was_there: An earlier run had finished it.
    """

    job: Job
    status: str
    reason: str = ""
    was_there: bool = False


def find_jobs(sources: Sequence[Path], out: Path) -> list[Job]:
    """The recordings in files and folders, in order of their names.

    Subfolders that cannot be read and broken links are included, each with its trouble.

    Raises:
        SourceError: A source does not exist, or nothing is found.
    """
    found: dict[Path, tuple[str, str]] = {}
    known: set[str] = set()
    is_inside = False

    def take(path: Path, name: str, trouble: str = "") -> None:
        place = os.path.realpath(path)  # unlike `Path.resolve`, no error for circular links
        if place not in known:  # the same recording found twice
            known.add(place)
            found[path] = name, trouble

    for source in sources:
        if kind_of(source) == Kind.FOLDER:
            for path, trouble in _files_below(source):
                is_named_so = path.name.lower().endswith((*VIDEO_SUFFIXES, POSES_ENDING))
                if not trouble and not (is_named_so and kind_of(path) in _TAKEN):
                    continue
                if Path(os.path.realpath(out)) in Path(os.path.realpath(path)).parents:
                    is_inside = True
                elif path == source:
                    raise SourceError(trouble, "Check the folder's permissions.")
                else:
                    take(path, str(path.relative_to(source)), trouble)
        elif kind_of(source) != Kind.NOTHING:
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
    for path, (name, trouble) in sorted(found.items(), key=lambda item: item[1]):
        unique, number = name, 2
        while unique in taken:  # files of one name from several folders
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        size_bytes = 0
        with suppress(OSError):
            size_bytes = path.stat().st_size
        jobs.append(Job(path, unique, size_bytes, trouble))
    return jobs


def _files_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files in a folder and its subfolders; links are followed, and each folder is visited once.

    Yields:
        Each file with an empty sentence, and each unreadable folder with a sentence about its trouble.
    """
    seen: set[str] = set()
    failures: list[OSError] = []
    for place, folders, files in os.walk(folder, followlinks=True, onerror=failures.append):
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if os.path.realpath(Path(place, name)) not in seen)
        yield from ((Path(place, name), "") for name in sorted(files))
    for failure in failures:
        path = Path(os.fsdecode(failure.filename))
        yield path, f"The folder {path} cannot be read ({failure.strerror})."


def result_path(out: Path, job: Job) -> Path:
    """Where a recording's result goes."""
    return out / f"{job.name}.json"


def result_of(out: Path, job: Job) -> dict[str, Any] | None:
    """The result of a recording, or None if it is missing or incomplete."""
    try:
        result = json.loads(result_path(out, job).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and "summary" in result else None
