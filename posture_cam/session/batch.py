"""Many recordings: found, analysed one by one in any number of processes, resumed where they were left.

A finished recording is known by its content, the settings and the version, so that a second run of the same
batch does only what is missing.  Each result is a file of its own; the table at the end is made from these
files, and is therefore the same however often the batch was interrupted.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from posture_cam import __version__
from posture_cam.errors import NothingJudged, OutputError, PostureCamError, SourceError, UsageError
from posture_cam.files import content_of, naming, written_whole
from posture_cam.profiles import load_profile, profile_path
from posture_cam.session.analysis import Analysis, analyze
from posture_cam.session.neutral import ESTIMATOR_FILE
from posture_cam.settings import bundled_model

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp", ".flv", ".m2ts",
    ".mjpeg", ".mts", ".ogv", ".ts",
)  # fmt: skip
POSES_ENDING = ".poses.jsonl"
JOURNAL, TABLE, PARQUET = "batch.jsonl", "summary.csv", "summary.parquet"
_LOCK = ".batch.lock"
_SETTINGS_FILES = ("settings.toml", "measures.toml")
COLUMNS = (
    "file", "source", "status", "reason", "duration_s", "judged_s", "good_s", "fair_s", "poor_s", "away_s",
    "unjudged_s", "score", "longest_hold_s", "alerts", "breaks", "worst_fault", "worst_fault_s",
)  # fmt: skip


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


@contextmanager
def one_at_a_time(out: Path) -> Iterator[None]:
    """Keep a folder for results to one batch.

    Raises:
        OutputError: Another batch is writing to it, or it cannot be written to.
    """
    with naming(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise OutputError(
                f"Another batch is writing to {out}.",
                "Wait until it ends, or name another folder with --out.",
            ) from None
    try:
        yield
    finally:
        lock.release()


def run_batch(
    batch: Batch,
    jobs: Sequence[Job],
    executor: Executor,
    *,
    done: Callable[[Outcome], None] = lambda _outcome: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Analyse what is not finished yet; one recording's failure is its own.

    Args:
        batch: What is wanted.
        jobs: The recordings.
        executor: Where each is analysed: processes here, or a cluster.
        done: Called with each outcome, as it comes.
        should_stop: Asked while waiting; True leaves what has not begun.

    Returns:
        The outcomes in the order of `jobs`, of those that were finished.

    Raises:
        OutputError: The folder for results cannot be written to.
        NeutralError: There is no such profile.
    """
    if batch.profile is not None:
        load_profile(batch.profile)
    with naming(batch.out):
        batch.out.mkdir(parents=True, exist_ok=True)
    # Absolute, so that they mean the same to a worker elsewhere.
    batch = replace(batch, out=batch.out.absolute())
    jobs = [replace(job, path=job.path.absolute()) for job in jobs]
    if Path(batch.model).is_file():
        batch = replace(batch, model=str(Path(batch.model).absolute()))
    settings = _fingerprint_of(batch)
    finished = _finished(batch.out)
    outcomes: dict[str, Outcome] = {}
    running: dict[Future[tuple[str, str]], tuple[Job, str]] = {}
    for job in jobs:
        key = _key(job, settings)
        before = finished.get(job.name)
        if before is not None and before[0] == key and _result(batch.out, job) is not None:
            outcomes[job.name] = Outcome(job, before[1], before[2], was_there=True)
            done(outcomes[job.name])
            continue
        running[executor.submit(analyse_one, batch, job)] = (job, key)
    with naming(batch.out), (batch.out / JOURNAL).open("a", encoding="utf-8") as journal:
        for future in _as_they_end(running, should_stop):
            job, key = running[future]
            try:
                status, reason = future.result()
            except CancelledError:  # the work was stopped, or a cluster is gone
                continue
            except PostureCamError as error:
                status, reason = "failed", error.message
            except Exception as error:  # what a cluster says of a worker that died again and again
                status, reason = "failed", _sentence_of(error)
            if status != "failed" and _result(batch.out, job) is None:
                status, reason = (
                    "failed",
                    f"Its result is not in {batch.out}; do the workers share the folder?",
                )
            if status == "failed":  # what an earlier recording of that name gave must not stand for it
                with suppress(OSError):
                    result_path(batch.out, job).unlink()
            outcome = outcomes[job.name] = Outcome(job, status, reason)
            if status != "failed":  # what failed is tried again
                line = {"name": job.name, "key": key, "status": status, "reason": reason}
                journal.write(json.dumps(line) + "\n")
                journal.flush()
            done(outcome)
    return [outcomes[job.name] for job in jobs if job.name in outcomes]


def _sentence_of(error: Exception) -> str:
    if type(error).__name__ == "KilledWorker":
        return "Each worker that tried it was lost; the file is probably damaged, or too large for them."
    return f"{type(error).__name__}: {error}"


def analyse_one(batch: Batch, job: Job) -> tuple[str, str]:
    """Analyse one recording, in whatever process; its status, and why it failed."""
    target = result_path(batch.out, job)
    is_recorded_already = job.path.name.lower().endswith(POSES_ENDING)
    request = Analysis(
        path=job.path,
        rate_hz=None if is_recorded_already else batch.rate_hz,
        every_frame=batch.every_frame and not is_recorded_already,
        profile=batch.profile,
        model="full" if is_recorded_already else batch.model,
        estimator=batch.estimator,
        json=target,
        csv=target.with_suffix(".csv") if batch.samples else None,
    )
    try:
        with naming(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        analyze(request)
    except NothingJudged as error:
        return "nothing judged", error.message
    except PostureCamError as error:
        return "failed", error.message
    except Exception as error:  # a bug that one file shows must not cost the others
        return "failed", f"{type(error).__name__}: {error}"
    return "done", ""


def result_path(out: Path, job: Job) -> Path:
    """Where a recording's result goes."""
    return out / f"{job.name}.json"


def write_tables(batch: Batch, outcomes: Sequence[Outcome]) -> list[Path]:
    """The table of all recordings, from their results.

    Raises:
        OutputError: It cannot be written, or pyarrow is not installed.
    """
    rows = [_row(batch.out, outcome) for outcome in outcomes]
    target = batch.out / TABLE
    with (
        written_whole(target) as temporary,
        naming(target),
        # Names of files need not be valid text.
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    written = [target]
    if batch.parquet:
        written.append(_write_parquet(batch.out / PARQUET, rows))
    return written


def check_batch(batch: Batch) -> None:
    """Refuse early what could not be done in the end.

    Raises:
        UsageError: Options that do not go together.
        OutputError: pyarrow is needed and not installed.
    """
    if batch.rate_hz is not None and not 0 < batch.rate_hz <= 240:
        raise UsageError("--rate must be above 0 and at most 240 samples a second.", "The usual rate is 5.")
    if batch.rate_hz is not None and batch.every_frame:
        raise UsageError("--rate and --every-frame exclude each other.", "Choose one of them.")
    if not batch.parquet:
        return
    try:
        import pyarrow.parquet  # noqa: F401 - whether it is there
    except ImportError as error:
        raise OutputError("pyarrow is not installed.", "pip install 'posture-cam[parquet]'") from error


def _write_parquet(target: Path, rows: Sequence[dict[str, Any]]) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    words = {"file", "source", "status", "reason", "worst_fault"}
    whole = {"score", "alerts", "breaks"}
    types = [
        (name, pa.string() if name in words else pa.int64() if name in whole else pa.float64())
        for name in COLUMNS
    ]
    table = pa.Table.from_pylist(list(rows), schema=pa.schema(types))
    with written_whole(target) as temporary, naming(target):
        parquet.write_table(table, temporary)
    return target


def _row(out: Path, outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"file": outcome.job.name, "source": str(outcome.job.path)}
    row |= {"status": outcome.status, "reason": outcome.reason}
    result = None if outcome.status == "failed" else _result(out, outcome.job)
    if result is None:
        return row
    summary, hold = result["summary"], result["summary"]["longest_hold"]
    row |= {name: summary[name] for name in COLUMNS[4:12]}
    row["longest_hold_s"] = None if hold is None else round(hold["end_s"] - hold["start_s"], 3)
    row["reason"] = outcome.reason or " ".join(result["notes"])
    row["alerts"], row["breaks"] = len(result["alerts"]), len(result["breaks"])
    if result["faults"]:
        row["worst_fault"], row["worst_fault_s"] = (
            result["faults"][0]["measure"],
            result["faults"][0]["total_s"],
        )
    return row


def _result(out: Path, job: Job) -> dict[str, Any] | None:
    """The result of a recording, or None where there is no whole one."""
    try:
        result = json.loads(result_path(out, job).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and "summary" in result else None


def _as_they_end(
    running: Iterable[Future[tuple[str, str]]], should_stop: Callable[[], bool]
) -> Iterator[Future[tuple[str, str]]]:
    waiting = set(running)
    while waiting and not should_stop():
        try:
            for future in as_completed(waiting, timeout=0.2):
                waiting.discard(future)
                yield future
                if should_stop():
                    return
        except TimeoutError:
            continue


def _fingerprint_of(batch: Batch) -> str:
    """What the results depend on besides the recordings."""
    options = asdict(replace(batch, sources=(), out=Path(), parquet=False))
    parts = [__version__, json.dumps(options, default=str, sort_keys=True)]
    for name in _SETTINGS_FILES:
        parts.append(resources.files("posture_cam").joinpath("data", name).read_text("utf-8"))
    if batch.estimator:
        parts.append(content_of(bundled_model(ESTIMATOR_FILE)))
    if batch.profile is not None:
        parts.append(content_of(profile_path(batch.profile)))
    if Path(batch.model).is_file():
        parts.append(content_of(Path(batch.model)))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _key(job: Job, settings: str) -> str:
    try:
        return f"{content_of(job.path)}-{settings}"
    except SourceError:
        return f"unreadable-{os.urandom(4).hex()}"


def _finished(out: Path) -> dict[str, tuple[str, str, str]]:
    """What the journal tells of earlier runs, by name; a last line that was cut off tells nothing."""
    found: dict[str, tuple[str, str, str]] = {}
    try:
        lines = (out / JOURNAL).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return found
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            found[str(entry["name"])] = (str(entry["key"]), str(entry["status"]), str(entry["reason"]))
    return found
