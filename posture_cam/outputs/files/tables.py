"""Results as JSON and CSV (docs/formats.md describes both)."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TextIO

from posture_cam import __version__
from posture_cam.closing import Closing
from posture_cam.files import naming, written_whole
from posture_cam.ids import JUDGED_STATES, Measure, NeutralOrigin, Reason, State
from posture_cam.measures import load_measures
from posture_cam.records import Alert, Neutral, Observation, SessionSummary, Tip
from posture_cam.runlog import RunLog, Slot
from posture_cam.words import words_of

SCHEMA_VERSION = 1
_SECONDS_DECIMALS = 3
_VALUE_DECIMALS = 2
_FEATURE_DECIMALS = 5


# The measures that the learned estimator gives with an error: half the width of the interval that holds
# 90 % of the truth.
ESTIMATED = (
    Measure.NECK_INCLINATION_CHANGE,
    Measure.TRUNK_INCLINATION_CHANGE,
    Measure.SINKING,
    Measure.EAR_DROP,
)


_MOST_SLOTS = 300
_SLOTS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_HOLDS_LISTED = 5


class JsonResult(Closing):
    """The result of an analysis as one JSON object.

    Args:
        target: A file, written whole or not at all; or an open text stream.
        log: The log of the run, before anything is added.
        duration_s: The length of the recording, which decides how its course is divided.
        content: Identifies the recording, where known.
        turns: Quarter turns anticlockwise by which the recording was turned.
    """

    def __init__(
        self,
        target: Path | TextIO,
        log: RunLog,
        duration_s: float,
        content: str | None = None,
        turns: int = 0,
    ) -> None:
        self._target, self._content, self._turns = target, content, turns
        slot_s = next((slot_s for slot_s in _SLOTS_S if duration_s / slot_s <= _MOST_SLOTS), _SLOTS_S[-1])
        self._log, self._course = log, log.course(slot_s)

    def write(self, observation: Observation) -> None:
        """Nothing to do: everything is in the log."""

    def finish(self, summary: SessionSummary) -> None:
        """Write the result.

        Raises:
            OutputError: The file cannot be written.
        """
        content = as_json(summary) | self._over_time()
        content["source"] |= {"content": self._content, "turned_deg": 90 * self._turns}
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        if not isinstance(self._target, Path):
            self._target.write(text)
            self._target.flush()
            return
        with written_whole(self._target) as temporary, naming(self._target):
            temporary.write_text(text, "utf-8")

    def _over_time(self) -> dict[str, Any]:
        longest = sorted(self._log.holds, key=lambda hold: -hold.seconds)[:_HOLDS_LISTED]
        return {
            "holds": [
                {"start_s": _rounded(hold.start_s), "end_s": _rounded(hold.end_s)}
                for hold in sorted(longest, key=lambda hold: hold.start_s)
            ],
            "course": {
                "slot_s": self._course.slot_s,
                "slots": [_slot(slot) for slot in self._course.slots],
            },
        }


def _slot(slot: Slot) -> dict[str, Any]:
    return {
        "start_s": _rounded(slot.start_s),
        "judged_s": _rounded(sum(slot.seconds_by_state.get(state, 0.0) for state in JUDGED_STATES)),
        "posture_changes": slot.changes,
        "measures": {
            name.value: {
                "seconds": _rounded(portion.seconds),
                "mean": round(portion.mean, _VALUE_DECIMALS),
                "min": round(portion.min, _VALUE_DECIMALS),
                "max": round(portion.max, _VALUE_DECIMALS),
                "error": None if portion.error is None else round(portion.error, _VALUE_DECIMALS),
            }
            for name, portion in slot.measures.items()
            if "course" in load_measures()[name].shown
        },
    }


class CsvResult:
    """A row for each sample, in order of time; cells are empty where a value could not be measured."""

    HEADER = (
        "timestamp_s",
        "state",
        "score",
        "view",
        "confidence",
        *(name.value for name in Measure),
        *(f"{name.value}_error" for name in ESTIMATED),
        "reason",
        "reason_id",
    )

    def __init__(self, target: Path) -> None:
        self._target = target
        self._stack = ExitStack()

    def write(self, observation: Observation) -> None:
        """Add a row.

        Raises:
            OutputError: The disk is full.
        """
        assessment, measures = observation.assessment, observation.measures
        is_seen = observation.sample.pose is not None
        values = [measures.values.get(name) for name in Measure]
        errors = [measures.errors.get(name) for name in ESTIMATED]
        with naming(self._target):
            self._rows.writerow(
                [
                    f"{assessment.timestamp_s:.{_SECONDS_DECIMALS}f}",
                    assessment.state.value,
                    "" if assessment.score is None else assessment.score,
                    measures.view.value if is_seen else "",
                    f"{measures.confidence:.2f}" if is_seen else "",
                    *(
                        "" if value is None else f"{value:.{_VALUE_DECIMALS}f}"
                        for value in (*values, *errors)
                    ),
                    "" if assessment.reason is None else words_of(assessment.reason),
                    "" if assessment.reason is None else assessment.reason.value,
                ]
            )

    def finish(self, summary: SessionSummary) -> None:
        """Nothing to add: a CSV holds only rows."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(written_whole(self._target))
            file = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            self._rows = csv.writer(file, lineterminator="\n")
            self._rows.writerow(self.HEADER)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        with naming(self._target):
            self._stack.__exit__(*error)


def as_json(summary: SessionSummary) -> dict[str, Any]:
    """The summary in the documented form, schema version 1."""
    table = load_measures()
    source = summary.source
    hold = summary.longest_hold
    return {
        "kind": "posture_cam analysis",
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "partial": summary.partial,
        "source": {
            "name": source.name,
            "width_px": source.width_px,
            "height_px": source.height_px,
            "frame_rate": _rounded(source.frame_rate),
            "duration_s": _rounded(source.duration_s),
        },
        "model": summary.model,
        "estimator": summary.estimator,
        "sample_count": summary.sample_count,
        "look_count": summary.look_count,
        "neutral": _neutral(summary.neutral, summary.neutral_origin),
        "profile": summary.profile,
        "summary": {
            "duration_s": _rounded(summary.duration_s),
            "judged_s": _rounded(summary.judged_s),
            **{f"{state.value}_s": _rounded(summary.seconds_by_state.get(state, 0.0)) for state in State},
            "score": summary.score,
            "longest_hold": None
            if hold is None
            else {"start_s": _rounded(hold[0]), "end_s": _rounded(hold[1])},
            "unjudged_s_by_reason": _seconds(summary.unjudged_s_by_reason),
            "unjudged_s_by_reason_id": _seconds_by_id(summary.unjudged_s_by_reason),
            "seconds_by_view": _seconds_by_id(summary.views),
            "seconds_by_stance": _seconds_by_id(summary.seconds_by_stance),
            "stance_changes": summary.stance_changes,
        },
        "episodes": [
            {
                "start_s": _rounded(episode.start_s),
                "end_s": _rounded(episode.end_s),
                "state": episode.state.value,
                "worst": episode.worst.value if episode.worst else None,
            }
            for episode in summary.episodes
        ],
        "faults": [
            {
                "measure": fault.measure.value,
                "total_s": _rounded(fault.total_s),
                "worst": round(fault.worst, _VALUE_DECIMALS),
                "unit": table[fault.measure].unit,
                "longest": [
                    {"start_s": _rounded(start), "end_s": _rounded(end)} for start, end in fault.stretches
                ],
            }
            for fault in summary.faults
        ],
        "alerts": [alert_as_json(alert) for alert in summary.alerts],
        "breaks": [{"start_s": _rounded(start), "end_s": _rounded(end)} for start, end in summary.breaks],
        "measures": {
            name.value: {
                "unit": table[name].unit,
                **{
                    key: round(getattr(statistic, key), _VALUE_DECIMALS)
                    for key in ("mean", "min", "p5", "p95", "max")
                },
                "error": None if statistic.error is None else round(statistic.error, _VALUE_DECIMALS),
            }
            for name, statistic in summary.statistics.items()
        },
        "tips": [tip_as_json(tip) for tip in summary.tips],
        "notes": list(summary.notes),
    }


def alert_as_json(alert: Alert) -> dict[str, Any]:
    """An alert with its tip."""
    return {
        "timestamp_s": _rounded(alert.timestamp_s),
        "kind": alert.kind.value,
        "measure": alert.measure.value if alert.measure else None,
        "held_s": _rounded(alert.held_s),
        "message": alert.message,
        "tip": alert.tip.text,
        "tip_id": alert.tip.id,
        "exercise": alert.exercise,
    }


def tip_as_json(tip: Tip) -> dict[str, str]:
    """A tip with all its fields."""
    return {"id": tip.id, "fault": tip.fault, "text": tip.text, "section": tip.section, "kind": tip.kind}


def profile_as_json(name: str, neutral: Neutral) -> dict[str, Any]:
    """A stored neutral posture, without its landmarks."""
    content = _neutral(neutral)
    assert content is not None
    del content["origin"]  # belongs to a run
    return {
        "profile": name,
        **content,
        "corrections": [{"made_at": one.made_at, "label": one.label.value} for one in neutral.corrections],
        "model": neutral.model,
        "running_mode": neutral.running_mode,
        "image_size_wh": list(neutral.image_size_wh),
        "version": neutral.version,
        "stance": neutral.stance.value,
        "displays": neutral.displays,
        "others": [
            {
                "source": one.source,
                "created_at": one.created_at,
                "view": one.view.value,
                "stance": one.stance.value,
                "displays": one.displays,
            }
            for one in neutral.others
        ],
    }


def _neutral(neutral: Neutral | None, origin: NeutralOrigin | None = None) -> dict[str, Any] | None:
    if neutral is None:
        return None
    return {
        "origin": None if origin is None else origin.value,
        "source": neutral.source,
        "is_personal": neutral.is_personal,
        "created_at": neutral.created_at or None,
        "view": neutral.view.value,
        "slouch": {name: round(value, _VALUE_DECIMALS) for name, value in neutral.slouch.items()},
        "start_s": _rounded(neutral.start_s),
        "end_s": _rounded(neutral.end_s),
        "alike_s": _rounded(neutral.alike_s),
        "sample_count": neutral.sample_count,
        "centre": {name: round(value, _FEATURE_DECIMALS) for name, value in neutral.centre.items()},
        "spread": {name: round(value, _FEATURE_DECIMALS) for name, value in neutral.spread.items()},
        "context": {name: round(value, _FEATURE_DECIMALS) for name, value in neutral.context.items()},
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _SECONDS_DECIMALS)


def reason_as_json(reason: Reason | None) -> dict[str, str | None]:
    """A reason in words for people, and its id for programs."""
    if reason is None:
        return {"reason": None, "reason_id": None}
    return {"reason": words_of(reason), "reason_id": reason.value}


def _seconds(by_reason: Mapping[Reason, float]) -> dict[str, float]:
    return {words_of(reason): round(seconds, _SECONDS_DECIMALS) for reason, seconds in by_reason.items()}


def _seconds_by_id(by_id: Mapping[Any, float]) -> dict[str, float]:
    return {str(one.value): round(seconds, _SECONDS_DECIMALS) for one, seconds in by_id.items()}
