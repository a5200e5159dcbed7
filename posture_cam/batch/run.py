"""Analyses many recordings in any number of processes, and resumes an interrupted batch.

A finished recording is recognised by its content, the settings and the version, so that a second run of the
same batch does only what is missing.  Each result is a file of its own; the table at the end is made from
these files, and is therefore the same however often the batch was interrupted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path

from filelock import FileLock, Timeout

from posture_cam import __version__
from posture_cam.batch.jobs import POSES_ENDING, BatchRequest, Job, JobOutcome, result_of, result_path
from posture_cam.errors import (
    NeutralError,
    NothingJudged,
    OutputError,
    PostureCamError,
    SourceError,
    UsageError,
)
from posture_cam.files import Kind, content_of, kind_of, make_folder, naming
from posture_cam.paths import bundled_model
from posture_cam.pose.model_store import check_model
from posture_cam.profiles import load_profile, profile_names, profile_path
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.neutrals import ESTIMATOR_FILE

JOURNAL = "batch.jsonl"
_LOCK = ".batch.lock"
_SETTINGS_FILES = ("settings.toml", "measures.toml")


@contextmanager
def one_at_a_time(out: Path) -> Iterator[None]:
    """Reserve a folder for results for one batch.

    Raises:
        OutputError: Another batch is writing to the folder, or the folder cannot be written to.
    """
    with naming(out):
        make_folder(out, private=False)
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
    batch: BatchRequest,
    jobs: Sequence[Job],
    executor: Executor,
    *,
    processors_each: int = 1,
    done: Callable[[JobOutcome], None] = lambda _outcome: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[JobOutcome]:
    """Analyse all recordings not finished yet; the failure of one does not stop the others.

    Args:
        batch: The request.
        jobs: The recordings.
        executor: Where recordings are analysed: processes here, or a cluster.
        processors_each: How many processors each recording may use, if there are more processors than
            recordings.
        done: Called with each outcome, as it comes.
        should_stop: Asked while waiting; True leaves out recordings not begun yet.

    Returns:
        The outcomes of the finished recordings, in the order of `jobs`.

    Raises:
        OutputError: The folder for results cannot be written to.
        NeutralError: There is no such profile.
    """
    profiles = {job.name: profile_of(batch, job) for job in jobs}
    check_profiles(profiles.values())
    with naming(batch.out):
        make_folder(batch.out, private=False)
    # Absolute paths, which mean the same to a worker elsewhere.
    batch = replace(batch, out=batch.out.absolute())
    jobs = [replace(job, path=job.path.absolute()) for job in jobs]
    if kind_of(Path(batch.model)) == Kind.FILE:
        batch = replace(batch, model=str(Path(batch.model).absolute()))
    settings = _fingerprint_of(batch)
    finished = _finished(batch.out)
    outcomes: dict[str, JobOutcome] = {}
    running: dict[Future[tuple[str, str]], tuple[Job, str]] = {}
    for job in jobs:
        if job.trouble:
            outcomes[job.name] = JobOutcome(job, "failed", job.trouble)
            done(outcomes[job.name])
            continue
        profile = profiles[job.name]
        key = _key(job, settings, profile)
        before = finished.get(job.name)
        if before is not None and before[0] == key and _is_whole(batch, job):
            outcomes[job.name] = JobOutcome(job, before[1], before[2], was_there=True)
            done(outcomes[job.name])
            continue
        one = replace(batch, profile=profile)
        running[executor.submit(analyse_one, one, job, processors_each)] = (job, key)
    with naming(batch.out), (batch.out / JOURNAL).open("a", encoding="utf-8") as journal:
        for future in _as_they_end(running, should_stop):
            job, key = running[future]
            try:
                status, reason = future.result()
            except CancelledError:  # the work was stopped, or a cluster is gone
                continue
            except PostureCamError as error:
                status, reason = "failed", error.message
            except Exception as error:  # a cluster reports a worker that died repeatedly
                status, reason = "failed", _sentence_of(error)
            if status != "failed" and result_of(batch.out, job) is None:
                status, reason = (
                    "failed",
                    f"Its result is not in {batch.out}; do the workers share the folder?",
                )
            if status == "failed":  # an earlier recording of that name may have left a result
                with suppress(OSError):
                    result_path(batch.out, job).unlink()
            outcome = outcomes[job.name] = JobOutcome(job, status, reason)
            if status != "failed":  # failed recordings are tried again
                line = {"name": job.name, "key": key, "status": status, "reason": reason}
                journal.write(json.dumps(line) + "\n")
                journal.flush()
            done(outcome)
    return [outcomes[job.name] for job in jobs if job.name in outcomes]


def _is_whole(batch: BatchRequest, job: Job) -> bool:
    """Whether all requested results of a recording are still there."""
    has_samples = not batch.samples or result_path(batch.out, job).with_suffix(".csv").is_file()
    return has_samples and result_of(batch.out, job) is not None


def _sentence_of(error: Exception) -> str:
    if type(error).__name__ == "KilledWorker":
        return "Each worker that tried it was lost; the file is probably damaged, or too large for them."
    return f"{type(error).__name__}: {error}"


def analyse_one(batch: BatchRequest, job: Job, processors: int = 1) -> tuple[str, str]:
    """Analyse one recording in the current process; return its status, and why it failed."""
    target = result_path(batch.out, job)
    is_recorded_already = job.path.name.lower().endswith(POSES_ENDING)
    request = AnalysisRequest(
        path=job.path,
        rate_hz=None if is_recorded_already else batch.rate_hz,
        every_frame=batch.every_frame and not is_recorded_already,
        profile=batch.profile,
        model="full" if is_recorded_already else batch.model,
        estimator=batch.estimator,
        json=target,
        csv=target.with_suffix(".csv") if batch.samples else None,
        processors=processors,
        hardware=batch.hardware and not is_recorded_already,
    )
    try:
        with naming(target):
            make_folder(target.parent, private=False)
        analyze(request)
    except NothingJudged as error:
        return "nothing judged", error.message
    except PostureCamError as error:
        return "failed", f"{error.message} {error.hint}".rstrip()
    except Exception as error:  # a bug triggered by one file must not affect the others
        return "failed", f"{type(error).__name__}: {error}"
    return "done", ""


def check_batch(batch: BatchRequest) -> None:
    """Refuse early a batch that could not be completed.

    Raises:
        UsageError: Options that do not go together.
        ModelError: There is no such model.
        OutputError: pyarrow is needed and not installed.
    """
    check_model(batch.model)
    if batch.rate_hz is not None and not 0 < batch.rate_hz <= 240:
        raise UsageError("--rate must be above 0 and at most 240 samples a second.", "The usual rate is 5.")
    if batch.rate_hz is not None and batch.every_frame:
        raise UsageError("--rate and --every-frame exclude each other.", "Choose one of them.")
    if not batch.parquet:
        return
    try:
        import pyarrow.parquet  # noqa: F401 - checks that it is installed
    except ImportError as error:
        raise OutputError("pyarrow is not installed.", "pip install pyarrow") from error


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


def _fingerprint_of(batch: BatchRequest) -> str:
    """A hash of all that the results depend on besides the recordings."""
    options = asdict(replace(batch, sources=(), out=Path(), parquet=False, hardware=False))
    parts = [__version__, json.dumps(options, default=str, sort_keys=True)]
    for name in _SETTINGS_FILES:
        parts.append(resources.files("posture_cam").joinpath("data", name).read_text("utf-8"))
    if batch.estimator:
        parts.append(content_of(bundled_model(ESTIMATOR_FILE)))
    if kind_of(Path(batch.model)) == Kind.FILE:
        parts.append(content_of(Path(batch.model)))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def profile_of(batch: BatchRequest, job: Job) -> str | None:
    """The name of the profile that a recording is compared with, or None."""
    return job.path.absolute().parent.name if batch.profile_by_folder else batch.profile


def check_profiles(names: Iterable[str | None]) -> None:
    """Refuse a batch for which a profile is missing.

    Raises:
        NeutralError: A profile is missing or damaged.
    """
    known = profile_names()
    wanted = sorted({name for name in names if name is not None})
    missing = [name for name in wanted if name not in known]
    if missing:
        raise NeutralError(
            f"There is no profile {', '.join(map(repr, missing))}.",
            f"Stored profiles: {', '.join(known)}." if known else "posture-cam calibrate makes one.",
        )
    for name in wanted:
        load_profile(name)


def _key(job: Job, settings: str, profile: str | None) -> str:
    try:
        own = f"-{content_of(profile_path(profile))}" if profile is not None else ""
        return f"{content_of(job.path)}-{settings}{own}"
    except SourceError:
        return f"unreadable-{os.urandom(4).hex()}"


def _finished(out: Path) -> dict[str, tuple[str, str, str]]:
    """The records of earlier runs in the journal, by name; a last line that was cut off is ignored."""
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
