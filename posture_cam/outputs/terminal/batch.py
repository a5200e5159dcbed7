"""A batch as a table for people."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posture_cam.ids import JUDGED_STATES, NeutralOrigin
from posture_cam.plain import clean
from posture_cam.words import clock, count_words, words_of

_SHOWN = 40


def print_batch(table_file: Path, console: Console) -> None:
    """Print a line for each recording, from the written table."""
    with table_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    table.add_column("recording", overflow="fold")
    for column in ("length", "good", "fair", "poor", "score"):
        table.add_column(column, justify="right")
    table.add_column("neutral")
    table.add_column("")
    for row in rows[:_SHOWN]:
        judged_s = float(row["judged_s"] or 0.0)
        shares = [
            f"{100 * float(row[f'{state.value}_s']) / judged_s:.0f} %" if judged_s > 0 else "–"
            for state in JUDGED_STATES
        ]
        length = clock(float(row["duration_s"])) if row["duration_s"] else "–"
        what = "" if row["status"] == "done" else row["status"]
        table.add_row(
            Text(clean(row["file"])),
            length,
            *shares,
            row["score"] or "–",
            row["neutral"] or "–",
            Text(what, style="yellow"),
        )
    console.print(table, highlight=False)
    if len(rows) > _SHOWN:
        console.print(f"and {len(rows) - _SHOWN} more, in {table_file.name}", highlight=False)
    if any(row["neutral"] == NeutralOrigin.FOUND.value for row in rows):
        words = f"found: {words_of(NeutralOrigin.FOUND)} --profile NAME compares with a stored one."
        console.print(f"\n{words}", style="bright_black", highlight=False)
    counts = Counter(row["status"] for row in rows)
    words = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    console.print(f"\n{count_words(len(rows), 'recording')}: {words}", highlight=False)
