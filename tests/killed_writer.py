"""Stores a run as fast as possible, printing its progress, until it is killed (test_history.py)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from posture_cam.ids import State
from posture_cam.outputs.files.keeping import LiveHistory
from posture_cam.runlog import RunLog
from posture_cam.settings import load_settings
from tests.sittings import SOURCE, pieces


def main() -> None:
    history = LiveHistory(
        datetime(2026, 11, 24, 9, tzinfo=UTC),
        None,
        load_settings(),
        lambda _: None,
        Path(sys.argv[1]),
    )
    history.begin(RunLog(load_settings()), SOURCE, "made up", None)
    history.open(0)
    states = (State.GOOD, State.FAIR, State.POOR, State.AWAY, State.GOOD, State.UNJUDGED)
    plan = [(7.0 + 3 * (number % 5), states[number % len(states)]) for number in range(20_000)]
    waiting = []
    for piece in pieces(plan, step_s=0.5):
        waiting.append(piece)
        if len(waiting) > 16:  # a live run is certain only some seconds later
            history.log.take(waiting.pop(0))
        if history.is_due(piece.end_s):
            history.flush(piece.end_s, waiting)
        print(f"{piece.end_s:.1f}", flush=True)


if __name__ == "__main__":
    main()
