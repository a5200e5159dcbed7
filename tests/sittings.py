"""Runs built from stretches of states, stored like a live run or at once, for tests of the history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from posture_cam.care.tips import tips_for
from posture_cam.history import RunFacts, RunUpdate, Writer
from posture_cam.ids import AlertKind, Measure, Reason, Severity, State, View
from posture_cam.outputs.files.keeping import LiveHistory
from posture_cam.records import Alert, Assessment, Finding, Measures, Observation, Piece, Sample, SourceInfo
from posture_cam.runlog import LEAST_FAULT_S, RunLog, Spoken
from posture_cam.settings import load_settings

BERLIN = ZoneInfo("Europe/Berlin")
NECK = Measure.NECK_INCLINATION_CHANGE
_NECK_DEG = {State.GOOD: 2.0, State.FAIR: 12.0, State.POOR: 25.0}
SOURCE = SourceInfo("camera 0", 640, 480, None, None, is_live=True)
_SCORE = {State.GOOD: 100, State.FAIR: 70, State.POOR: 30}


def pieces(
    stretches: Iterable[tuple[float, State]], step_s: float = 5.0, start_s: float = 0.0
) -> Iterator[Piece]:
    """Pieces of `step_s` from (seconds, state); unjudged ones are gaps, and still time runs on in each."""
    at_s = start_s
    for seconds, state in stretches:
        end_s, began_s = at_s + seconds, at_s
        if state == State.UNJUDGED:
            yield Piece(at_s, end_s, state, Reason.PAUSED)
            at_s = end_s
            continue
        while at_s < end_s - 1e-9:
            until_s = min(at_s + step_s, end_s)
            yield Piece(at_s, until_s, state, None, observation(at_s, state, at_s - began_s))
            at_s = until_s


def observation(at_s: float, state: State, still_s: float = 0.0, alert: Alert | None = None) -> Observation:
    is_seen = state in _NECK_DEG
    neck_deg = _NECK_DEG.get(state, 0.0)
    values = {NECK: neck_deg, Measure.STILLNESS: still_s / 60.0} if is_seen else {}
    findings: tuple[Finding, ...] = ()
    if state in (State.FAIR, State.POOR):
        findings = (Finding(NECK, neck_deg, Severity.POOR, 0.5),)
    measures = Measures(at_s, View.FRONT, values, 0.9, None if is_seen else Reason.NOBODY, {NECK: 3.0})
    assessment = Assessment(at_s, state, at_s, _SCORE.get(state), findings, ("sagittal",), 0.9)
    return Observation(Sample(0, at_s, None), measures, assessment, 0.0, alert)


def fault_alert(at_s: float, held_s: float = 30.0) -> Alert:
    return Alert(at_s, NECK, held_s, f"Head forward for {held_s:.0f} s.", tips_for(NECK.value)[0])


def run_log() -> RunLog:
    """A log in which a minute away is a break, and holds continue over gaps of ten seconds."""
    settings = load_settings()
    alerts = settings.alerts.model_copy(update={"break_away_s": 60.0})
    sampling = settings.sampling.model_copy(update={"max_gap_s": 10.0})
    return RunLog(settings.model_copy(update={"alerts": alerts, "sampling": sampling}))


def kept_run(
    start: datetime,
    stretches: Iterable[tuple[float, State]],
    *,
    path: Path | None = None,
    source: str = "camera 0",
    profile: str | None = None,
    notes: Iterable[str] = (),
    alerts: Iterable[tuple[float, float | None]] = (),
    content: str | None = None,
    ended: str = "done",
    is_analysis: bool = False,
) -> None:
    """Store a run at once; alerts are (time, answered time or None), both from the run's start."""
    log = run_log()
    minutes = log.course(60.0, start.timestamp())
    for piece in pieces(stretches):
        log.take(piece)
    log.close()
    end_s = log.end_s
    facts = RunFacts(
        start.timestamp(),
        getattr(start.tzinfo, "key", "UTC+00:00"),
        source=source,
        profile=profile,
        estimator="made up",
        notes=list(notes),
        views={View.FRONT.value: end_s},
        content=content,
        is_analysis=is_analysis,
        end_s=end_s,
        ended=ended,
    )
    spoken = [
        Spoken(
            at_s,
            AlertKind.FAULT,
            NECK,
            30.0,
            "Head forward for 30 s.",
            tips_for(NECK.value)[0].id,
            answered_s,
        )
        for at_s, answered_s in alerts
    ]
    with Writer(path, is_exclusive=False) as writer:
        writer.save(
            facts,
            RunUpdate(
                spans=log.spans,
                slots=minutes.slots,
                faults=[one for one in log.faults if one.seconds >= LEAST_FAULT_S],
                holds=log.holds,
                breaks=log.breaks,
                spoken=spoken,
            ),
        )


@contextmanager
def live_history(
    start: datetime, said: Callable[[str], None], path: Path | None = None
) -> Iterator[LiveHistory]:
    """A live run that is being stored."""
    history = LiveHistory(start, None, load_settings(), said, path)
    history.begin(RunLog(load_settings()), SOURCE, "made up", None)
    try:
        yield history
    finally:
        history.close()
