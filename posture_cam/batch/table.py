"""The table of a batch: one row for each recording, made from its result."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posture_cam.batch.jobs import BatchRequest, JobOutcome, result_of
from posture_cam.files import naming, written_whole

TABLE, PARQUET = "summary.csv", "summary.parquet"
COLUMNS = (
    "file", "source", "status", "reason", "duration_s", "judged_s", "good_s", "fair_s", "poor_s", "away_s",
    "unjudged_s", "score", "longest_hold_s", "alerts", "breaks", "worst_fault", "worst_fault_s", "neutral",
)  # fmt: skip


def write_tables(batch: BatchRequest, outcomes: Sequence[JobOutcome]) -> list[Path]:
    """Write the table of all recordings, made from their results.

    Raises:
        OutputError: It cannot be written, or pyarrow is not installed.
    """
    rows = [_row(batch.out, outcome) for outcome in outcomes]
    target = batch.out / TABLE
    with (
        written_whole(target) as temporary,
        naming(target),
        # File names need not be valid text.
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    written = [target]
    if batch.parquet:
        written.append(_write_parquet(batch.out / PARQUET, rows))
    return written


def _write_parquet(target: Path, rows: Sequence[dict[str, Any]]) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    words = {"file", "source", "status", "reason", "worst_fault", "neutral"}
    whole = {"score", "alerts", "breaks"}
    types = [
        (name, pa.string() if name in words else pa.int64() if name in whole else pa.float64())
        for name in COLUMNS
    ]
    table = pa.Table.from_pylist(list(rows), schema=pa.schema(types))
    with written_whole(target) as temporary, naming(target):
        parquet.write_table(table, temporary)
    return target


def _row(out: Path, outcome: JobOutcome) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"file": outcome.job.name, "source": str(outcome.job.path)}
    row |= {"status": outcome.status, "reason": outcome.reason}
    result = None if outcome.status == "failed" else result_of(out, outcome.job)
    if result is None:
        return row
    summary, hold = result["summary"], result["summary"]["longest_hold"]
    row |= {name: summary[name] for name in COLUMNS[4:12]}
    row["longest_hold_s"] = None if hold is None else round(hold["end_s"] - hold["start_s"], 3)
    row["reason"] = outcome.reason or " ".join(result["notes"])
    row["alerts"], row["breaks"] = len(result["alerts"]), len(result["breaks"])
    row["neutral"] = (result["neutral"] or {}).get("origin")
    if result["faults"]:
        row["worst_fault"], row["worst_fault_s"] = (
            result["faults"][0]["measure"],
            result["faults"][0]["total_s"],
        )
    return row
