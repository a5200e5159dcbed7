"""A history of many days, made up, and how long a report of it takes.

Run from a clone:  uv run python benchmarks/history.py [--days 30] [--hours 8] [--keep FILE] [--out FILE]

Nobody sat for these days: a head sinks forward while time goes by, comes back now and then, and worse in the
afternoon.  They go through the same ledger and writer as a live run's.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


from posture_cam import __version__
from posture_cam.care.tips import tips_for
from posture_cam.history import RunFacts, RunUpdate, Writer, zone_name, zone_of
from posture_cam.ids import AlertKind, Measure, Reason, Severity, State, View
from posture_cam.records import Assessment, Finding, Measures, Observation, Piece, Sample
from posture_cam.runlog import LEAST_FAULT_S, RunLog, Spoken
from posture_cam.settings import load_settings

STEP_S = 5.0
NECK, TRUNK, SINKING = (
    Measure.NECK_INCLINATION_CHANGE,
    Measure.TRUNK_INCLINATION_CHANGE,
    Measure.SINKING,
)
_GOOD_DEG, _POOR_DEG = 8.0, 17.0


def sat(hours: float, seed: int) -> Iterator[Piece]:
    """One person's day in pieces of a few seconds."""
    chance = random.Random(seed)
    noise = np.random.default_rng(seed).normal(size=(int(hours * 3600 / STEP_S) + 1, 3))
    sunk, tired, still_s, away_left_s, unseen_left_s = 0.0, 0.0, 0.0, 0.0, 0.0
    for number in range(int(hours * 3600 / STEP_S)):
        start_s = number * STEP_S
        tired = 6.0 * start_s / (hours * 3600)
        if away_left_s <= 0 and chance.random() < STEP_S / 2700:
            away_left_s = chance.uniform(60, 900)
        if unseen_left_s <= 0 and chance.random() < STEP_S / 1200:
            unseen_left_s = chance.uniform(5, 60)
        sunk += STEP_S * 0.012 + 0.25 * float(noise[number, 0])
        if chance.random() < STEP_S / 260:
            sunk, still_s = chance.uniform(-2.0, 3.0), 0.0
        still_s = 0.0 if chance.random() < STEP_S / 150 else still_s + STEP_S
        neck = max(-6.0, sunk + tired + 0.5 * float(noise[number, 1]))
        trunk = 0.5 * neck + 1.5 * float(noise[number, 2])
        state, reason = State.GOOD, None
        if away_left_s > 0:
            away_left_s, sunk, still_s, state = away_left_s - STEP_S, 0.0, 0.0, State.AWAY
        elif unseen_left_s > 0:
            unseen_left_s, state = unseen_left_s - STEP_S, State.UNJUDGED
            reason = chance.choice((Reason.LOOKING_AWAY, Reason.HEAD_HIDDEN, Reason.UNSURE))
        elif neck > _POOR_DEG:
            state = State.POOR
        elif neck > _GOOD_DEG:
            state = State.FAIR
        yield _piece(start_s, state, reason, neck, trunk, still_s)


def _piece(
    start_s: float, state: State, reason: Reason | None, neck: float, trunk: float, still_s: float
) -> Piece:
    is_seen = state not in (State.AWAY, State.UNJUDGED)
    values = {NECK: neck, TRUNK: trunk, SINKING: 0.3 * neck, Measure.APPROACH: 0.6 * neck}
    values |= {Measure.SHOULDER_TILT_CHANGE: 0.1 * trunk, Measure.HEAD_TILT_CHANGE: 0.2 * trunk}
    values |= {Measure.EAR_DROP: 0.4 * neck, Measure.STILLNESS: still_s / 60}
    findings: tuple[Finding, ...] = ()
    if state in (State.FAIR, State.POOR):
        findings = (Finding(NECK, neck, Severity(1 + (state == State.POOR)), min(neck / 40, 1.0)),)
    errors = {NECK: 3.0, TRUNK: 2.5, SINKING: 0.8}
    measures = Measures(start_s, View.FRONT, values if is_seen else {}, 0.95, reason, errors)
    score = round(100 - max(0.0, min(100.0, 4 * (neck - 4)))) if is_seen else None
    assessment = Assessment(start_s, state, start_s, score, findings, ("sagittal",), 0.95, reason)
    observation = Observation(Sample(0, start_s, None), measures, assessment, STEP_S)
    return Piece(start_s, start_s + STEP_S, state, reason, observation)


def fill(path: Path, last: date, days: int, hours: float, seed: int = 1) -> None:
    """Write that many days up to `last`, from nine in the morning, in the local time zone."""
    zone = zone_name()
    with Writer(path) as writer:
        for back in range(days):
            day = last - timedelta(days=back)
            start = datetime(day.year, day.month, day.day, 9, tzinfo=zone_of(zone)).astimezone(UTC)
            log = RunLog(load_settings())
            minutes = log.course(60.0, start.timestamp())
            pieces = list(sat(hours, seed + back))
            for piece in pieces:
                log.take(piece)
            log.close()
            facts = RunFacts(
                start.timestamp(),
                zone,
                source="camera 0",
                neutral="own neutral posture (made up)",
                profile="default",
                model="made up",
                estimator="made up",
                version=__version__,
                views={View.FRONT.value: hours * 3600},
                content=f"made up {day}",
                end_s=hours * 3600,
                ended="done",
            )
            batch = RunUpdate(
                spans=log.spans,
                slots=minutes.slots,
                faults=[one for one in log.faults if one.seconds >= LEAST_FAULT_S],
                holds=log.holds,
                breaks=log.breaks,
                spoken=_spoken(pieces, seed + back),
            )
            writer.save(facts, batch)


def _spoken(pieces: list[Piece], seed: int) -> list[Spoken]:
    chance, found, last_s = random.Random(seed), [], -1e9
    tips = tips_for(NECK.value)
    for piece in pieces:
        if piece.state == State.POOR and piece.start_s - last_s > 1200:
            last_s = piece.start_s
            answered = last_s + chance.uniform(4, 90) if chance.random() < 0.7 else None
            message = "Head forward for 30 s."
            found.append(
                Spoken(last_s, AlertKind.FAULT, NECK, 30.0, message, chance.choice(tips).id, answered)
            )
    return found


def main() -> None:
    """Fill a history, make its report in a separate process, and print the cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--last", type=date.fromisoformat, default=date.today())  # noqa: DTZ011
    parser.add_argument("--keep", type=Path, help="Keep the made-up history here.")
    parser.add_argument("--out", type=Path, help="Keep the report here.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posture_cam-") as folder:
        home = Path(folder)
        database = home / "posture_cam" / "history.db"
        started_s = time.perf_counter()
        fill(database, arguments.last, arguments.days, arguments.hours)
        print(f"{arguments.days} days of {arguments.hours:g} h written in {_since(started_s)}")
        print(f"history: {database.stat().st_size / 1e6:.1f} MB")
        if arguments.keep:
            arguments.keep.write_bytes(database.read_bytes())
        page = arguments.out or home / "report.html"
        first = arguments.last - timedelta(days=arguments.days - 1)
        command = [sys.executable, "-m", "posture_cam", "report", "--from", str(first)]
        command += ["--to", str(arguments.last), "-o", str(page)]
        started_s = time.perf_counter()
        subprocess.run(
            command, check=True, env=os.environ | {"XDG_DATA_HOME": folder, "LOCALAPPDATA": folder}
        )
        print(f"report: {_since(started_s)} from start to end, {page.stat().st_size / 1e6:.2f} MB")
        print(f"on {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")


def _since(started_s: float) -> str:
    return f"{time.perf_counter() - started_s:.1f} s"


if __name__ == "__main__":
    main()
