"""The charts of a report; each is drawn twice, for wide screens and paper, and for phones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from posture_cam.history import Figures
from posture_cam.ids import JUDGED_STATES, Measure, State
from posture_cam.measures import MeasureInfo, shown_in
from posture_cam.outputs.report.drawing import (
    FONT_PT,
    NARROW,
    Chart,
    bare,
    drawn,
    name_axis,
    panels,
    short_name,
    time_axis,
)
from posture_cam.outputs.report.svg import (
    BAND_FAIR,
    BAND_GOOD,
    BAND_POOR,
    INK,
    MUTED,
    NECK,
    STATE_INKS,
    TRUNK,
)
from posture_cam.runlog import Sitting, Slot, statistic, totals
from posture_cam.words import unit_words, words_of

# Heights distinguish the states without colour: the further from neutral, the taller.
STATE_HEIGHTS = {
    State.GOOD: 0.34,
    State.FAIR: 0.62,
    State.POOR: 0.92,
    State.AWAY: 0.05,
    State.UNJUDGED: 0.14,
}
_MOST_ROWS = 31
# Where several days are shown, each has room only for cells of this length.
_CELL_S = 120.0
# Fewer means do not show a distribution.
ENOUGH_SLOTS = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A measure to show, with the limits it is judged by."""

    measure: Measure
    info: MeasureInfo
    ink: str

    @property
    def label(self) -> str:
        """Its name, with the unit."""
        return f"{self.info.title or self.info.label} ({unit_words(self.info)})"


def chosen_for_charts(sittings: Sequence[Sitting], table: dict[Measure, MeasureInfo]) -> list[Shown]:
    """The two most telling of the measured values: neck and trunk, or else their stand-ins."""
    seconds = dict.fromkeys(shown_in("chart"), 0.0)
    for sitting in sittings:
        for slot in sitting.slots:
            for measure in seconds:
                if (portion := slot.measures.get(measure)) is not None:
                    seconds[measure] += portion.seconds
    most_s = max(seconds.values())
    found = [measure for measure, held_s in seconds.items() if held_s > 0.2 * most_s][:2]
    return [Shown(measure, table[measure], ink) for measure, ink in zip(found, (NECK, TRUNK), strict=False)]


def timeline(sittings: Sequence[Sitting]) -> Chart | None:
    """States over the day: one strip for each sitting; None if there are too many recordings."""
    if len(sittings) > _MOST_ROWS:
        return None if sittings[0].day is None else _state_hours(sittings)
    only = len(sittings) == 1
    left_s, right_s = _extent(sittings)

    def draw(width: float) -> Figure:
        height = 1.0 if only else 0.24 * len(sittings) + 0.1
        left = 0.25 if only else 0.95 if width > NARROW else 0.62
        figure, [axes] = panels(width, [height], left=left, has_titles=False)
        _strips(axes, sittings, left_s, right_s, exact=only)
        axes.set_ylim(0, len(sittings))
        names = [] if only else [short_name(one, width) for one in reversed(sittings)]
        axes.set_yticks([row + 0.35 for row in range(len(names))], names)
        axes.tick_params(axis="y", length=0)
        time_axis(axes, sittings[-1], left_s, right_s, width)
        bare(axes)
        return figure

    what = "How you sat, over the day" if sittings[0].origin_s is not None else "How you sat"
    sums = totals(sittings)
    words = ", ".join(
        f"{words_of(state)} {sums.seconds_by_state.get(state, 0.0) / 60:.0f} min"
        for state in State
        if sums.seconds_by_state.get(state, 0.0) >= 30
    )
    return drawn("timeline", draw, what, f"Stretches of each state. In all: {words}.")


def course(sittings: Sequence[Sitting], shown: Sequence[Shown]) -> Chart | None:
    """Measures over time: minute by minute for one sitting, day by day for several."""
    if not shown:
        return None
    only = len(sittings) == 1

    def draw(width: float) -> Figure:
        figure, axes = panels(width, [1.35] * len(shown), shares_x=True)
        for one, place in zip(shown, axes, strict=True):
            if only:
                _minutes(place, sittings[0], one)
            else:
                _days(place, sittings, one)
            place.set_title(one.label, loc="left", fontsize=FONT_PT, color=INK)
            _bands(place, one.info)
            bare(place, left=True)
        if only:
            time_axis(axes[-1], sittings[0], *_extent(sittings), width)
        else:
            name_axis(axes[-1], [short_name(one, NARROW) for one in sittings], width)
        return figure

    names = " and ".join(one.label for one in shown)
    parts = []
    for one in shown:
        found = statistic([slot for sitting in sittings for slot in sitting.slots], one.measure)
        if found is not None:
            unit = unit_words(one.info)
            parts.append(
                f"{one.label}: mean {found.mean:.0f} {unit}, from {found.p5:.0f} to {found.p95:.0f} {unit} "
                "for nine tenths of the time"
            )
    return drawn("course", draw, f"{names} over time", ". ".join(parts) + ".")


def distribution(sittings: Sequence[Sitting], shown: Sequence[Shown]) -> Chart | None:
    """How much time was spent at which value."""
    slots = [slot for sitting in sittings for slot in sitting.slots]
    shown = [one for one in shown if sum(one.measure in slot.measures for slot in slots) >= ENOUGH_SLOTS]
    if not shown:
        return None

    def draw(width: float) -> Figure:
        figure, axes = panels(width, [1.35] * len(shown), left=0.7, is_beside=width > NARROW)
        for one, place in zip(shown, axes, strict=True):
            _histogram(place, slots, one)
        return figure

    names = " and ".join(one.label for one in shown)
    return drawn("distribution", draw, f"Time spent at each value of {names}", "Time by value.")


def rhythm(labels: Sequence[str], changes: Sequence[float | None], breaks: Sequence[float | None]) -> Chart:
    """Posture changes and breaks per hour, by hour or by day; None where too little was judged."""

    def draw(width: float) -> Figure:
        figure, (upper, lower) = panels(width, [0.9, 0.9], shares_x=True)
        for place, values, title in (
            (upper, changes, "Posture changes an hour"),
            (lower, breaks, "Breaks an hour"),
        ):
            told = [(number, value) for number, value in enumerate(values) if value is not None]
            heights = [value for _, value in told]
            place.bar([number for number, _ in told], heights, width=0.7, color=NECK, linewidth=0)
            place.set_title(title, loc="left", fontsize=FONT_PT, color=INK)
            place.set_ylim(0, max([*heights, 0.5]) * 1.1)
            place.yaxis.set_major_locator(MaxNLocator(3))
            bare(place, left=True)
        name_axis(lower, labels, width)
        return figure

    return drawn("rhythm", draw, "Posture changes and breaks an hour", "The numbers follow as a table.")


def trend(weeks: Sequence[Figures], now_label: str, now_score: float) -> Chart:
    """The score of past weeks, and of now."""
    labels = [f"{week.day:%d %b}" for week in weeks] + [now_label]
    scores = [week.score or 0.0 for week in weeks] + [now_score]

    def draw(width: float) -> Figure:
        figure, [axes] = panels(width, [1.35], has_titles=False)
        axes.bar(range(len(weeks)), scores[:-1], width=0.6, color=MUTED, linewidth=0)
        axes.bar([len(weeks)], scores[-1:], width=0.6, color=NECK, linewidth=0)
        for place, score in enumerate(scores):
            axes.text(place, score + 2, f"{score:.0f}", ha="center", color=INK, fontsize=FONT_PT)
        axes.set_ylim(0, 115)
        axes.set_yticks([0, 50, 100])
        bare(axes, left=True)
        name_axis(axes, labels, width)
        return figure

    told = ", ".join(f"{label}: {score:.0f}" for label, score in zip(labels, scores, strict=True))
    return drawn("trend", draw, "Score by week", told)


def _strips(axes: Axes, sittings: Sequence[Sitting], left_s: float, right_s: float, *, exact: bool) -> None:
    """A strip for each sitting, the first on top; all bars of a state are one path."""
    bars: dict[State, list[tuple[float, float, float]]] = {state: [] for state in STATE_HEIGHTS}
    for row, sitting in enumerate(reversed(sittings)):
        spans = [(span.start_s, span.end_s, span.state) for span in sitting.spans]
        for start_s, end_s, state in spans if exact else _cells(spans, left_s, right_s):
            bars[state].append((row, start_s, end_s))
    corners = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    for state, found in bars.items():
        if not found:
            continue
        points: list[tuple[float, float]] = []
        for low, start_s, end_s in found:
            high = low + STATE_HEIGHTS[state]
            points += [(start_s, low), (end_s, low), (end_s, high), (start_s, high), (start_s, low)]
        path = Path(points, corners * len(found))
        axes.add_patch(PathPatch(path, facecolor=STATE_INKS[state], linewidth=0))


def _cells(
    spans: Sequence[tuple[float, float, State]], left_s: float, right_s: float
) -> list[tuple[float, float, State]]:
    """The main state of each cell, with equal neighbours joined; cells without a state are left out."""
    count = max(1, int(np.ceil((right_s - left_s) / _CELL_S)))
    states = list(State)
    seconds = np.zeros((len(states), count))
    for start_s, end_s, state in spans:
        first, last = (start_s - left_s) / _CELL_S, (end_s - left_s) / _CELL_S
        cells = np.arange(max(int(first), 0), min(int(np.ceil(last)), count))
        seconds[states.index(state), cells] += np.minimum(cells + 1, last) - np.maximum(cells, first)
    found: list[tuple[float, float, State]] = []
    for cell in range(count):
        if seconds[:, cell].sum() < 0.05:
            continue
        state = states[int(seconds[:, cell].argmax())]
        start_s, end_s = left_s + cell * _CELL_S, left_s + (cell + 1) * _CELL_S
        if found and found[-1][2] == state and found[-1][1] == start_s:
            found[-1] = (found[-1][0], end_s, state)
        else:
            found.append((start_s, end_s, state))
    return found


def _state_hours(sittings: Sequence[Sitting]) -> Chart:
    """Hours of each state by week, for ranges too long for strips."""
    weeks: dict[str, list[Sitting]] = {}
    for sitting in sittings:
        assert sitting.day is not None
        monday = sitting.day - timedelta(days=sitting.day.weekday())
        weeks.setdefault(f"{monday:%d %b}", []).append(sitting)

    def draw(width: float) -> Figure:
        figure, [axes] = panels(width, [1.9])
        bottom = np.zeros(len(weeks))
        for state in JUDGED_STATES:
            hours = np.array(
                [totals(week).seconds_by_state.get(state, 0.0) / 3600 for week in weeks.values()]
            )
            axes.bar(range(len(weeks)), hours, bottom=bottom, width=0.7, color=STATE_INKS[state], linewidth=0)
            bottom += hours
        axes.set_title("Hours judged, by week", loc="left", fontsize=FONT_PT, color=INK)
        bare(axes, left=True)
        name_axis(axes, list(weeks), width)
        return figure

    return drawn("timeline", draw, "Hours of each state by week", "The numbers follow as a table.")


def _minutes(axes: Axes, sitting: Sitting, one: Shown) -> None:
    """A line with its uncertainty, broken where nothing was measured."""
    pieces: list[list[Slot]] = []
    for slot in sitting.slots:
        if one.measure not in slot.measures:
            continue
        last = pieces[-1][-1] if pieces else None
        # Slots are stored to the millisecond.
        if last is not None and slot.run == last.run and abs(slot.start_s - last.end_s) < 0.01:
            pieces[-1].append(slot)
        else:
            pieces.append([slot])
    for piece in pieces:
        times = [(slot.start_s + slot.end_s) / 2 for slot in piece]
        portions = [slot.measures[one.measure] for slot in piece]
        means = np.array([portion.mean for portion in portions])
        errors = np.array([portion.error or 0.0 for portion in portions])
        if errors.any():
            axes.fill_between(times, means - errors, means + errors, color=one.ink, alpha=0.22, linewidth=0)
        lows, highs = [portion.min for portion in portions], [portion.max for portion in portions]
        axes.vlines(times, lows, highs, one.ink, linewidth=0.7, alpha=0.45)
        marker = "." if len(piece) == 1 else ""
        axes.plot(times, means, color=one.ink, linewidth=1.3, marker=marker, markersize=3)


def _days(axes: Axes, sittings: Sequence[Sitting], one: Shown) -> None:
    """Mean with its uncertainty, and where nine tenths of the minutes lay."""
    found = [statistic(sitting.slots, one.measure) for sitting in sittings]
    told = [(place, each) for place, each in enumerate(found) if each is not None]
    places = [place for place, _ in told]
    axes.vlines(places, [each.p5 for _, each in told], [each.p95 for _, each in told], one.ink, linewidth=1.1)
    errors = [each.error or 0.0 for _, each in told]
    lows = [each.mean - error for (_, each), error in zip(told, errors, strict=True)]
    axes.bar(
        places, [2 * error for error in errors], 0.56, bottom=lows, color=one.ink, alpha=0.22, linewidth=0
    )
    axes.plot(places, [each.mean for _, each in told], color=one.ink, marker="o", markersize=4, linestyle="")


def _limits(info: MeasureInfo) -> tuple[float, float, float, float]:
    """Where poor, fair, fair and poor begin, from low to high; infinite where a side has no limit."""
    good, poor = abs(info.good or np.inf), abs(info.poor or np.inf)
    low_good = low_poor = -np.inf
    if info.two_sided or info.lower_is_worse:
        low_good, low_poor = -good, -poor
    if info.lower_is_worse:
        good = poor = np.inf
    return low_poor, low_good, good, poor


def _bands(axes: Axes, info: MeasureInfo) -> None:
    """The ranges of good, fair and poor behind the values."""
    low_poor, low_good, good, poor = _limits(info)
    low, high = axes.get_ylim()
    for side in (low_poor, poor):
        if np.isfinite(side):
            low, high = min(low, 1.25 * side, -0.6 * abs(side)), max(high, 1.25 * side, 0.6 * abs(side))
    axes.set_ylim(low, high)
    edges = [low, *(float(np.clip(edge, low, high)) for edge in (low_poor, low_good, good, poor)), high]
    inks = (BAND_POOR, BAND_FAIR, BAND_GOOD, BAND_FAIR, BAND_POOR)
    for start, end, ink in zip(edges[:-1], edges[1:], inks, strict=True):
        if end > start:
            axes.axhspan(start, end, color=ink, linewidth=0, zorder=0)
    axes.axhline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def _histogram(axes: Axes, slots: Sequence[Slot], one: Shown) -> None:
    portions = [slot.measures[one.measure] for slot in slots if one.measure in slot.measures]
    means = np.array([portion.mean for portion in portions])
    held_s = np.array([portion.seconds for portion in portions])
    step = 2.0
    edges = np.arange(np.floor(means.min() / step), np.ceil(means.max() / step) + 1.5) * step
    heights, _ = np.histogram(means, edges, weights=held_s)
    divided_by, unit = next(
        (by, unit) for by, unit in ((3600, "h"), (60, "min"), (1, "s")) if heights.max() > 3 * by or by == 1
    )
    heights = heights / divided_by
    low_poor, low_good, good, poor = _limits(one.info)
    for start, height in zip(edges[:-1], heights, strict=True):
        middle = start + step / 2
        state = State.GOOD if low_good <= middle <= good else State.FAIR
        if not low_poor <= middle <= poor:
            state = State.POOR
        axes.bar([start], [height], width=step * 0.9, align="edge", color=STATE_INKS[state], linewidth=0)
    axes.set_title(one.label, loc="left", fontsize=FONT_PT, color=INK)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=bool(heights.max() >= 4)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} {unit}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    bare(axes, left=True)


def _extent(sittings: Sequence[Sitting]) -> tuple[float, float]:
    """Start and end of the time to show, rounded outwards for days."""
    starts = [run.start_s for sitting in sittings for run in sitting.runs]
    ends = [run.end_s for sitting in sittings for run in sitting.runs]
    left_s, right_s = min(starts, default=0.0), max(ends, default=1.0)
    if sittings[0].origin_s is None:
        return 0.0, max(sittings[0].length_s, 1.0)
    step_s = 3600.0 if right_s - left_s > 5400 else 300.0
    return np.floor(left_s / step_s) * step_s, np.ceil(right_s / step_s) * step_s
