"""Reports on stored days or on the result of one analysis, with pictures on request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from posture_cam.errors import HistoryError, SourceError, UsageError
from posture_cam.files import Kind, check_writable, content_of, kind_of, reading
from posture_cam.history import History, day_bounds_s, today, zone_name, zone_of
from posture_cam.ids import Measure, Severity, State, View
from posture_cam.outputs.report import Picture, ReadResult, Report, care_of, read_result, write_report
from posture_cam.paths import history_path
from posture_cam.records import Assessment, Finding, Frame, Measures, Neutral, Pose, SourceInfo
from posture_cam.runlog import FaultStretch, Sitting, joined, limits_of, totals
from posture_cam.settings import load_settings
from posture_cam.words import clock, sentence, value_words

# Chosen: as much as a page has room for.
_DEFAULT_DAYS = 7
_WEEKS = 8
_PICTURES = 4
# A recording that differs more than this in length from a result is another recording.
_SAME_LENGTH_S = 2.0


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A request for a report.

    Attributes:
        target: The page to write.
        first, last: First and last day, both included; None takes the last seven days, or what is stored.
        result: The result of an analysis, or the folder of a batch, to report on instead.
        frames: The video of the result, for pictures of the worst stretches.
        person: The person the report is about; or empty.
        model: The pose model that finds the person in those pictures.
    """

    target: Path
    first: date | None = None
    last: date | None = None
    result: Path | None = None
    frames: Path | None = None
    person: str = ""
    model: str = "full"


def report(request: ReportRequest, download: Callable[[str, int, int], None] | None = None) -> Report:
    """Write a report, and return its content.

    Raises:
        UsageError: Options that do not go together.
        HistoryError: Nothing is stored for these days, or the history cannot be read.
        SourceError: The result or the video cannot be read, or they do not belong together.
        ModelError: The pose model is missing, wrong, or cannot be fetched.
        OutputError: The page cannot be written.
    """
    never = tuple(path for path in (request.result, request.frames, history_path()) if path is not None)
    check_writable(request.target, never=never)
    if request.model != "full" and request.frames is None:
        raise UsageError("--model goes with --frames.", "Without pictures no model is needed.")
    if request.result is not None:
        if request.first is not None or request.last is not None:
            raise UsageError("--result and --from or --to exclude each other.", "Choose one of them.")
        made = (
            _of_batch(request, request.result)
            if kind_of(request.result) == Kind.FOLDER
            else _of_result(request, request.result, download)
        )
    else:
        if request.frames is not None:
            raise UsageError("--frames goes with --result.", "The history holds no pictures.")
        made = of_days(request.first, request.last, person=request.person)
    write_report(made, request.target)
    return made


def of_days(first: date | None, last: date | None, *, person: str = "", path: Path | None = None) -> Report:
    """Collect the content of a report on days.

    Raises:
        UsageError: The days are in the wrong order.
        HistoryError: Nothing is stored for them, or the history cannot be read.
    """
    if first is not None and last is not None and last < first:
        raise UsageError(f"--to {last} lies before --from {first}.", "Write the earlier day first.")
    with History.opened(path) as kept:
        days = kept.days_of_any()
        if not days:
            raise HistoryError(
                "Nothing is kept in the history yet, so there is nothing to report.",
                "Run posture-cam monitor first, or posture-cam analyze VIDEO --save.",
            )
        end = last or max(today(), first or today())
        start = first or end - timedelta(days=_DEFAULT_DAYS - 1)
        sittings = kept.sittings(start, end)
        done = [one.day for one in kept.exercises(start, end)]
        done += [one.day for one in kept.check_ins(start, end)]
        if not sittings and done:
            sittings = [_empty(max(done))]
        if not sittings:
            raise HistoryError(
                f"Nothing is kept from {start} to {end}.",
                f"There is something from {days[0]} to {days[-1]}: --from {days[-1]} --to {days[-1]}",
            )
        weeks = kept.weeks_before(start, _WEEKS)
        return Report(
            tuple(sittings), totals(sittings), today(), tuple(weeks), person, **care_of(kept, start, end)
        )


def _empty(day: date) -> Sitting:
    """A day without a sitting, on which there is something else to report."""
    zone = zone_of(zone_name())
    start_s, end_s = day_bounds_s(day, zone)
    return Sitting(f"{day:%A} {day.day} {day:%B %Y}", day, start_s, zone, end_s - start_s)


def _of_result(
    request: ReportRequest, path: Path, download: Callable[[str, int, int], None] | None
) -> Report:
    found = read_result(path)
    pictures: tuple[Picture, ...] = ()
    if request.frames is not None:
        pictures = tuple(_pictures(found, request.frames, request.model, download))
    return Report(
        (found.sitting,),
        found.sums,
        today(),
        person=request.person,
        pictures=pictures,
        notes=found.notes,
    )


def _of_batch(request: ReportRequest, folder: Path) -> Report:
    """All results of a batch on one page."""
    if request.frames is not None:
        raise UsageError("--frames goes with one result.", "Name the result of that recording.")
    found, notes = [], []
    with reading(folder, SourceError):
        paths = sorted(path for path in folder.rglob("*.json") if path.is_file())
    for path in paths:
        try:
            found.append(read_result(path))
        except SourceError as error:
            notes.append(error.message)
    if not found:
        raise SourceError(
            f"{folder} holds no results of posture-cam analyze.",
            "Make them with: posture-cam analyze VIDEO... --out DIR",
        )
    return Report(
        tuple(one.sitting for one in found),
        joined([one.sums for one in found]),
        today(),
        person=request.person,
        notes=tuple(dict.fromkeys([*(note for one in found for note in one.notes), *notes])),
        each=tuple(one.sums for one in found),
    )


def _pictures(
    found: ReadResult, video: Path, model: str, download: Callable[[str, int, int], None] | None
) -> list[Picture]:
    """Pictures of the worst moments, with skeleton, neutral posture and angles drawn on them."""
    # Slow to import, and needed for pictures only.
    from posture_cam.outputs.screen.overlay import Overlay, Scene
    from posture_cam.outputs.screen.pictures import as_jpeg, fitting
    from posture_cam.pose import open_estimator
    from posture_cam.source import VideoFile

    sitting = found.sitting
    view = max(sitting.runs[0].views, key=sitting.runs[0].views.__getitem__, default=View.FRONT)
    table = limits_of([sitting])
    made = []
    with ExitStack() as stack:
        source = stack.enter_context(VideoFile(video, turns=found.turns))
        if not _is_same(found, video, source.info):
            raise SourceError(
                f"{video.name} is not the recording that the result tells of ({sitting.name}).",
                "Name the very video that was analysed.",
            )

        def pose_of(frame: Frame) -> Pose | None:
            with open_estimator(model, load_settings(), progress=download) as landmarker:
                return landmarker.estimate(frame)

        neutral = None
        if found.neutral_s is not None and (frame := source.picture_at(sum(found.neutral_s) / 2)) is not None:
            neutral = _ghost(pose_of(frame), view)
        overlay = Overlay(neutral)
        for fault in _worst(sitting):
            moment_s, values = _moment(sitting, fault)
            frame = source.picture_at(moment_s)
            if frame is None:
                continue
            pose = pose_of(frame)
            state = next((one.state for one in sitting.spans if one.end_s > moment_s), State.POOR)
            image = fitting(frame.image_bgr)
            severity = Severity.POOR if state == State.POOR else Severity.MILD
            finding = Finding(fault.measure, values.get(fault.measure, fault.worst), severity, 1.0)
            overlay.draw(
                image,
                Scene(
                    Measures(moment_s, view, values, 1.0),
                    Assessment(moment_s, state, moment_s, None, (finding,), (), 1.0),
                    None if pose is None else pose.landmarks[:, :2],
                    None if pose is None else np.minimum(pose.visibility, pose.presence),
                ),
            )
            jpeg = as_jpeg(image)
            if jpeg is not None:
                what = sentence(table[fault.measure].fault)
                value = value_words(fault.measure, finding.value)
                made.append(Picture(jpeg, f"{what}, {value}, at {clock(moment_s)}"))
    return made


def _is_same(found: ReadResult, video: Path, info: SourceInfo) -> bool:
    """Whether a video is the recording of a result, judged by its content, else by its properties."""
    if found.content is not None:
        return content_of(video) == found.content
    is_whole = found.sitting.runs[0].how_it_ended == ""
    differs_s = abs((info.duration_s or found.sitting.length_s) - found.sitting.length_s)
    if is_whole and differs_s > _SAME_LENGTH_S:
        return False
    return (info.width_px, info.height_px) == found.size_wh


def _worst(sitting: Sitting) -> list[FaultStretch]:
    """The longest fault stretches that do not overlap, in order of time."""
    chosen: list[FaultStretch] = []
    for fault in sorted(sitting.faults, key=lambda one: -one.seconds):
        if all(fault.start_s >= one.end_s or fault.end_s <= one.start_s for one in chosen):
            chosen.append(fault)
        if len(chosen) == _PICTURES:
            break
    return sorted(chosen, key=lambda one: one.start_s)


def _moment(sitting: Sitting, fault: FaultStretch) -> tuple[float, dict[Measure, float]]:
    """The moment when a fault was worst, and the measures at that moment."""
    inside = [
        slot
        for slot in sitting.slots
        if fault.measure in slot.measures and slot.start_s < fault.end_s and slot.end_s > fault.start_s
    ]
    if not inside:
        return (fault.start_s + fault.end_s) / 2, {fault.measure: fault.worst}
    worst = max(inside, key=lambda slot: abs(slot.measures[fault.measure].mean))
    middle_s = min(max((worst.start_s + worst.end_s) / 2, fault.start_s), fault.end_s)
    return middle_s, {measure: portion.mean for measure, portion in worst.measures.items()}


def _ghost(pose: Pose | None, view: View) -> Neutral | None:
    return None if pose is None else Neutral("", "", view, {}, {}, 1, pose=pose)
