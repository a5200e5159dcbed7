"""posture-cam analyze."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posture_cam.cli import completing
from posture_cam.cli.common import INTERRUPTED, app, data, plain, talk
from posture_cam.cli.terminal import Bars, stoppable
from posture_cam.errors import SourceError, UsageError
from posture_cam.files import Kind, kind_of
from posture_cam.quiet import quiet

_STOPPING = "Ending; what is finished is kept."

if TYPE_CHECKING:
    from posture_cam.batch.jobs import BatchRequest, JobOutcome
    from posture_cam.outputs.files.keeping import KeptAs


@app.command()
def analyze(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO...",
            show_default=False,
            readable=False,  # our message says more, and the exit code is 1
            help="A recording, or poses of an earlier analysis (.poses.jsonl). Many, or folders, with --out.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Many recordings: a result for each, and a table of all, go there."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, metavar="N", help="With --out: so many at once. Else one for each processor."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="With --out: the workers of a dask scheduler instead."),
    ] = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="With --out: a CSV of each recording's moments too.")
    ] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="With --out: the table as Parquet too.")] = False,
    neutral: Annotated[
        str | None,
        typer.Option(
            metavar="START-END",
            help="Your neutral posture in this recording, such as 0:05-0:12. Else it is found.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", autocompletion=completing.profiles, help="A neutral posture stored before."
        ),
    ] = None,
    profile_by_folder: Annotated[
        bool,
        typer.Option(
            "--profile-by-folder", help="With --out: each recording by the profile named like its folder."
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="HZ",
            help="Looks per second of video.",
            show_default="up to 5, as something moves",
        ),
    ] = None,
    every_frame: Annotated[bool, typer.Option("--every-frame", help="Look at every single frame.")] = False,
    model: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="full (here), lite or heavy (fetched once), or a .task file."),
    ] = "full",
    hardware: Annotated[
        bool,
        typer.Option("--hardware", help="Decode by the graphics card where it gives the same pictures."),
    ] = False,
    no_estimator: Annotated[
        bool,
        typer.Option("--no-estimator", help="Formulas instead of the learned angle estimator."),
    ] = False,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", help="The result as JSON; - writes it to the terminal, alone."
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A row for each moment as CSV.")] = None,
    video: Annotated[Path | None, typer.Option(metavar="FILE.mp4", help="The recording, annotated.")] = None,
    poses: Annotated[
        Path | None,
        typer.Option(metavar="FILE.poses.jsonl", help="The landmarks, to be judged again without the video."),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the result in your history; numbers only, no picture.")
    ] = False,
    recorded_at: Annotated[
        str | None,
        typer.Option(
            metavar='"DATE TIME"',
            help='When the recording began, such as "2026-11-20 09:30". Else the file\'s date tells.',
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Let MediaPipe and OpenCV talk; show a traceback on a bug.")
    ] = False,
) -> None:
    """Analyse recorded videos: time in good posture, what was off and when, and what helps."""
    from posture_cam.batch.jobs import BatchRequest
    from posture_cam.outputs.terminal.console import print_summary
    from posture_cam.session.analysis import AnalysisRequest
    from posture_cam.session.analysis import analyze as run
    from posture_cam.session.parts import share_memory
    from posture_cam.session.poses import Listener
    from posture_cam.words import parse_moment, parse_stretch

    if out is not None:
        per_recording = {
            "--neutral": neutral, "--json": json_file, "--csv": csv, "--video": video, "--poses": poses,
            "--save": save or None, "--recorded-at": recorded_at,
        }  # fmt: skip
        for option, value in per_recording.items():
            if value is not None:
                raise UsageError(
                    f"{option} is for one recording; --out is for many.", "Leave one of them out."
                )
        batch = BatchRequest(
            tuple(paths),
            out,
            rate,
            every_frame,
            profile,
            model,
            not no_estimator,
            samples,
            parquet,
            profile_by_folder,
            hardware,
        )
        if profile is not None and profile_by_folder:
            raise UsageError("--profile and --profile-by-folder exclude each other.", "Choose one of them.")
        _run_batch(batch, jobs, scheduler, verbose=verbose)
        return
    if len(paths) == 1 and kind_of(paths[0]) == Kind.FOLDER:
        raise SourceError(
            f"{paths[0]} is a folder.", "Name one video inside it, or add --out DIR for all of them."
        )
    if len(paths) > 1:
        raise UsageError("Several recordings need a folder for their results.", "Add --out DIR.")
    if jobs is not None or samples or parquet or profile_by_folder or scheduler is not None:
        raise UsageError(
            "--jobs, --samples, --parquet, --profile-by-folder and --scheduler go with --out.",
            "Add --out DIR, or leave them out.",
        )
    if csv == Path("-"):
        raise UsageError("--csv needs the name of a file.", "Only --json - prints to the terminal.")
    to_stdout = json_file == "-"
    request = AnalysisRequest(
        path=paths[0],
        rate_hz=rate,
        every_frame=every_frame,
        neutral_s=parse_stretch(neutral) if neutral is not None else None,
        profile=profile,
        model=model,
        estimator=not no_estimator,
        json=None if json_file is None else sys.stdout if to_stdout else Path(json_file),
        csv=csv,
        video=video,
        poses=poses,
        save=save,
        recorded_at=parse_moment(recorded_at) if recorded_at is not None else None,
        hardware=hardware,
    )

    share_memory()
    filed: list[KeptAs] = []
    with quiet(verbose=verbose), stoppable(talk, also_hangup=True) as stop, Bars(talk()) as bars:
        summary = run(
            request,
            Listener(progress=bars.show_seconds, download=bars.show_bytes, should_stop=stop.is_set),
            kept=filed.append,
        )
    if not to_stdout:
        print_summary(summary, data())
    for target in (request.json, request.csv, request.video, request.poses):
        if isinstance(target, Path):
            talk().print(f"Wrote {plain(str(target))}", highlight=False, soft_wrap=True)
    for kept_as in filed:
        if kept_as.trouble is not None:
            raise kept_as.trouble
        _say_kept(kept_as, is_told=recorded_at is not None)
    if stop.is_set():
        talk().print("Interrupted; what was done until then is kept.", style="yellow")
        raise typer.Exit(INTERRUPTED)


def _run_batch(batch: BatchRequest, count: int | None, scheduler: str | None, *, verbose: bool) -> None:
    from posture_cam.batch.cluster import cluster
    from posture_cam.batch.jobs import find_jobs
    from posture_cam.batch.run import check_batch, one_at_a_time, run_batch
    from posture_cam.batch.table import write_tables
    from posture_cam.batch.workers import here
    from posture_cam.outputs.terminal.batch import print_batch
    from posture_cam.session.poses import processor_count

    if count is not None and scheduler is not None:
        raise UsageError(
            "--jobs and --scheduler exclude each other.", "A cluster has as many as its workers."
        )
    check_batch(batch)
    found = find_jobs(batch.sources, batch.out)
    total = sum(job.size_bytes for job in found)
    with (
        quiet(verbose=verbose),
        stoppable(talk, _STOPPING, also_hangup=True) as stop,
        Bars(talk()) as bars,
    ):
        seen_bytes = 0

        def note(outcome: JobOutcome) -> None:
            nonlocal seen_bytes, total
            if outcome.was_there:  # takes no time, and must not make the rest look quick
                total -= outcome.job.size_bytes
            else:
                seen_bytes += outcome.job.size_bytes
            bars.show_seconds("Recordings", seen_bytes, total)
            if outcome.status != "done" and not outcome.was_there:
                words = f"{outcome.job.name}: {outcome.status}. {outcome.reason}"
                talk().print(plain(words), style="yellow", highlight=False, soft_wrap=True)

        bars.show_seconds("Recordings", 0, total)
        processors = processor_count()
        processes = min(count or processors, len(found))
        said: set[str] = set()

        def say(words: str) -> None:
            if words not in said:
                said.add(words)
                talk().print(words, highlight=False, soft_wrap=True)

        with ExitStack() as stack:
            stack.enter_context(one_at_a_time(batch.out))
            executor = stack.enter_context(
                cluster(scheduler, should_stop=stop.is_set, say=say)
                if scheduler is not None
                else here(processes, stop.is_set)
            )
            outcomes = run_batch(
                batch,
                found,
                executor,
                processors_each=processors // processes if scheduler is None and count is None else 1,
                done=note,
                should_stop=stop.is_set,
            )
        written = write_tables(batch, outcomes)
    if outcomes:
        print_batch(written[0], data())
    before = sum(outcome.was_there for outcome in outcomes)
    if before:
        talk().print(f"Finished before, and not done again: {before}.", highlight=False)
    for target in written:
        talk().print(f"Wrote {plain(str(target))}", highlight=False, soft_wrap=True)
    if len(outcomes) < len(found):
        left = len(found) - len(outcomes)
        was_stopped = stop.is_set()
        what = "Interrupted" if was_stopped else f"The scheduler at {scheduler} is gone,"
        words = f"{what} with {left} to go; the same command goes on from there."
        talk().print(words, style="yellow", highlight=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED if was_stopped else 1)
    if any(outcome.status != "done" for outcome in outcomes):
        raise typer.Exit(1)


def _say_kept(kept_as: KeptAs, *, is_told: bool) -> None:
    day = f"{kept_as.start:%Y-%m-%d}"
    how = "" if is_told else ", by the file's date (--recorded-at says otherwise)"
    again = ""
    if kept_as.replaced is not None:
        again = f" It takes the place of what was kept of it under {kept_as.replaced}."
    talk().print(
        f"Kept in the history: {day}, {kept_as.start:%H:%M}{how}.{again}\n"
        f"See it: posture-cam history --day {day}",
        highlight=False,
        soft_wrap=True,
    )
