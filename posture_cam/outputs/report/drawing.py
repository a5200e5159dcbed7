"""The parts that all charts share: sizes, panels, axes, and the markup of a drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posture_cam.outputs.report.svg import GRID, INK, MUTED, inline_svg
from posture_cam.runlog import Sitting

WIDE, NARROW = 7.4, 3.5  # inches of 72 points
FONT_PT = 9.5


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as markup.

    Attributes:
        wide, narrow: `svg` elements, of which a style sheet shows one.
    """

    wide: str
    narrow: str


def drawn(key: str, draw: Callable[[float], Figure], title: str, description: str) -> Chart:
    """A chart, drawn at both widths."""
    wide = inline_svg(draw(WIDE), f"{key}-wide", title, description, "wide")
    return Chart(wide, inline_svg(draw(NARROW), f"{key}-narrow", title, description, "narrow"))


def panels(
    width: float,
    heights: Sequence[float],
    *,
    left: float = 0.5,
    has_titles: bool = True,
    shares_x: bool = False,
    is_beside: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure with panels below or beside one another; all in inches.

    Margins are set by hand, because matplotlib's own layout draws everything twice to find them.
    """
    title, foot, right = (0.28 if has_titles else 0.06), 0.3, 0.25
    if is_beside:
        whole = title + heights[0] + foot
        figure = Figure(figsize=(width, whole), dpi=72)
        each = (width - right) / len(heights)
        places = [(number * each + left, foot, each - left, heights[0]) for number in range(len(heights))]
    else:
        feet = [
            foot if not shares_x or number == len(heights) - 1 else 0.08 for number in range(len(heights))
        ]
        whole = sum(heights) + title * len(heights) + sum(feet)
        figure = Figure(figsize=(width, whole), dpi=72)
        top, places = whole, []
        for height, below in zip(heights, feet, strict=True):
            top -= title + height
            places.append((left, top, width - left - right, height))
            top -= below
    axes: list[Axes] = []
    for x, y, wide, high in places:
        share = axes[0] if axes and shares_x else None
        axes.append(figure.add_axes((x / width, y / whole, wide / width, high / whole), sharex=share))
    for one in axes[:-1] if shares_x else []:
        one.tick_params(axis="x", labelbottom=False)
    return figure, axes


def bare(axes: Axes, *, left: bool = False) -> None:
    """Remove the frame of a panel; `left` adds horizontal lines at the values."""
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(MUTED)
        spine.set_linewidth(0.8)
    axes.tick_params(colors=MUTED, labelsize=FONT_PT - 0.5, labelcolor=INK, width=0.8)
    if left:
        axes.tick_params(axis="y", length=0)
        axes.yaxis.grid(visible=True, color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)


def time_axis(axes: Axes, sitting: Sitting, left_s: float, right_s: float, width: float) -> None:
    """Times of day, or of the recording, as many as there is room for."""
    most = 5 if width <= NARROW else 11
    steps = (10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600)
    step_s = next((step for step in steps if (right_s - left_s) / step <= most), 43_200)
    first_s = np.ceil(left_s / step_s) * step_s
    ticks = np.arange(first_s, right_s + 1e-6, step_s)
    axes.set_xlim(left_s, right_s)
    axes.set_xticks(ticks, [sitting.time_at(float(tick), is_fine=step_s < 60) for tick in ticks])


def name_axis(axes: Axes, names: Sequence[str], width: float) -> None:
    """Names below bars, as many as there is room for."""
    room = int(width * (1.6 if width <= NARROW else 2.0))
    every = max(1, int(np.ceil(len(names) / room)))
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks(range(0, len(names), every), list(names)[::every])


def short_name(sitting: Sitting, width: float) -> str:
    """A day in a few letters."""
    if sitting.day is None:
        return ""
    return f"{sitting.day:%d %b}" if width <= NARROW else f"{sitting.day:%a %d %b}"
