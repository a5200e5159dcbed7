"""A live run as JSON Lines, for other programs (docs/formats.md describes them)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, TextIO

from posture_cam import __version__
from posture_cam.outputs.files.tables import alert_as_json, as_json, reason_as_json
from posture_cam.outputs.live import LiveOutput, local_time
from posture_cam.records import Frame, Observation, SessionSummary, SourceEvent
from posture_cam.words import words_of

SCHEMA_VERSION = 1


class JsonLines(LiveOutput):
    """Writes one object per line, each with its `type` and `time`, and flushes it at once.

    Args:
        stream: The target.
        started_at: The time of day at timestamp 0.
        source_name: Without user name and password.
    """

    is_essential = True

    def __init__(self, stream: TextIO, started_at: datetime, source_name: str) -> None:
        self._stream = stream
        self._started_at = started_at
        self._last_s = 0.0
        self.line(
            "start",
            0.0,
            {"schema_version": SCHEMA_VERSION, "version": __version__, "source": source_name},
        )

    def write(self, observation: Observation) -> None:
        """Write a line for the sample, and one for an alert given or answered."""
        assessment, measures = observation.assessment, observation.measures
        now_s = assessment.timestamp_s
        self.line(
            "sample",
            now_s,
            {
                "state": assessment.state.value,
                "since_s": round(assessment.since_s, 3),
                "score": assessment.score,
                "view": measures.view.value if observation.sample.pose is not None else None,
                "confidence": round(measures.confidence, 2) if observation.sample.pose is not None else None,
                "coverage": list(assessment.coverage),
                **reason_as_json(assessment.reason),
                "measures": {name.value: round(value, 2) for name, value in measures.values.items()},
                "errors": {name.value: round(error, 2) for name, error in measures.errors.items()},
                "latency_s": None if observation.latency_s is None else round(observation.latency_s, 3),
                "pose_is_reused": observation.sample.is_reused,
                "stance": None if observation.stance is None else observation.stance.value,
            },
        )
        if observation.alert is not None:
            self.line("alert", now_s, alert_as_json(observation.alert))
        if observation.corrected is not None:
            alert = alert_as_json(observation.corrected)
            self.line("corrected", now_s, {"alert": alert})

    def tell(self, event: SourceEvent) -> None:
        """Write a line for an event of the source."""
        self.line(
            "source",
            event.timestamp_s,
            {
                "trouble": None if event.trouble is None else words_of(event.trouble),
                "trouble_id": None if event.trouble is None else event.trouble.value,
                "message": event.message,
                "since_s": round(event.since_s, 3),
                "until_s": None if event.until_s is None else round(event.until_s, 3),
            },
        )

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        """Write a line for a sentence about the run, or a step of a calibration."""
        self.line(
            "said", self._last_s, {"message": words, "share": None if share is None else round(share, 2)}
        )

    def finish(self, summary: SessionSummary) -> None:
        """Write the summary, in the same form as an analysis."""
        self.line("summary", summary.duration_s, as_json(summary))

    def line(self, kind: str, timestamp_s: float, content: dict[str, Any]) -> None:
        """Write one line."""
        self._last_s = timestamp_s
        time = local_time(self._started_at, timestamp_s).isoformat(timespec="milliseconds")
        line = {"type": kind, "time": time, "timestamp_s": round(timestamp_s, 3)} | content
        self._stream.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
        self._stream.flush()
