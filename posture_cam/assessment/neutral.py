"""The neutral posture: found in a recording, or taken from a stretch of it."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posture_cam.assessment.likeness import are_alike, middles_of, share_of_time_kept
from posture_cam.assessment.steadiness import Columns, calmed, is_steady, median_pose, middle_of
from posture_cam.assessment.uprightness import costs_of, is_plausible, is_tilted
from posture_cam.ids import Feature, View
from posture_cam.records import Features, FloatArray, Neutral, Pose
from posture_cam.settings import Settings

# Features that describe the camera rather than the posture.
_CONTEXT = (Feature.CAMERA_ELEVATION,)
_CANDIDATE_STEP_S = 0.5
# Candidates this close to the most upright one are as good; the earliest typical one of them is taken, as
# people sit well at the beginning of a recording more often than at its end.
_AS_GOOD_SIDE, _AS_GOOD_FRONT = 0.25, 0.5
# Largest share of a stretch in which the head may be turned.
_TURNED_AT_MOST = 0.1
# A posture held twice as long as another outweighs this much cost: a neutral posture comes back often.
_PER_DOUBLING_OF_TIME = 0.15
_STRETCHES_COMPARED = 200
# If nothing is steady by the settings (a small face, a poor camera), these multiples of them are tried.
_SLACKS = (1.0, 1.5, 2.5)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a recording that can serve as the neutral posture.

    Attributes:
        alike_s: Start and end of this and other stretches in the same posture, in order.
    """

    start_s: float
    end_s: float
    view: View
    is_plausible: bool
    alike_s: tuple[tuple[float, float], ...]

    @property
    def more_s(self) -> float:
        """The total duration of the other stretches."""
        return sum(end_s - start_s for start_s, end_s in self.alike_s) - (self.end_s - self.start_s)


class _Candidate(NamedTuple):
    """A steady stretch: its first and last row, its cost, and its cost regardless of time held."""

    first: int
    last: int
    cost: float
    level: float

    @property
    def rows(self) -> slice:
        return slice(self.first, self.last + 1)


class NeutralFinder:
    """Finds the most upright steady stretch of a recording, in the view that it mostly shows.

    "Most upright" is relative to the rest of the same recording and, from the side, to how people sit on
    average.  A person who slouches all the time is therefore recognised from the side only.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.neutral
        self._max_gap_s = settings.sampling.max_gap_s
        self._camera_low_below_deg = settings.gates.camera_low_below_deg
        self._views: list[View] = []
        self._times = array("d")
        self._columns = {name: array("d") for name in Feature}

    def add(self, features: Features) -> None:
        """Take the features of one moment; unusable ones are ignored."""
        if features.reason is not None:
            return
        self._views.append(features.view)
        self._times.append(features.timestamp_s)
        for name, column in self._columns.items():
            column.append(features.values.get(name, np.nan))

    @property
    def main_view(self) -> View | None:
        """The view that the recording mostly shows while the person sits level, or None if nobody was usable.

        Whoever leans sideways seems to turn.
        """
        if not self._views:
            return None
        names = (Feature.SHOULDER_TILT, Feature.HEAD_TILT)
        tilted = is_tilted({name: np.array(self._columns[name]) for name in names}).tolist()
        level = [view for view, is_off in zip(self._views, tilted, strict=True) if not is_off]
        return Counter(level or self._views).most_common(1)[0][0]

    def find(self) -> Stretch | None:
        """The best stretch, or None if the person was never steady for long enough."""
        view = self.main_view
        if view is None:
            return None
        rows = np.array([seen == view for seen in self._views])
        times = np.array(self._times)[rows]
        raw = {name: np.array(column)[rows] for name, column in self._columns.items()}
        columns = {name: calmed(times, column) for name, column in raw.items()}
        is_front = view == View.FRONT
        costs = costs_of(columns, view, self._camera_low_below_deg)
        as_good = _AS_GOOD_FRONT if is_front else _AS_GOOD_SIDE
        candidates: list[_Candidate] = []
        for slack in _SLACKS:
            found = self._candidates(times, columns, raw, costs, view, slack)
            upright = [one for one in found if is_plausible(columns, one.rows, view)]
            candidates = upright or candidates or found
            if upright:
                break
        if not candidates:
            return None
        best = min(one.cost for one in candidates)
        first, last, _, level = _typical(
            columns, _some([one for one in candidates if one.cost <= best + as_good]), view
        )
        near = np.abs(costs - np.median(costs[first : last + 1])) <= as_good
        last = self._extended(times, columns, raw, near, view, slack, first, last)
        chosen = slice(first, last + 1)
        others = _some([one for one in candidates if abs(one.level - level) <= as_good])
        return Stretch(
            start_s=float(times[first]),
            end_s=float(times[last]),
            view=view,
            is_plausible=is_plausible(columns, chosen, view),
            alike_s=self._alike(times, columns, view, chosen, others),
        )

    def _alike(
        self,
        times: FloatArray,
        columns: Columns,
        view: View,
        chosen: slice,
        others: Sequence[_Candidate],
    ) -> tuple[tuple[float, float], ...]:
        """The chosen stretch and others in the same posture, from the whole recording, up to a limit.

        First the stretches that are like the chosen one are taken, then those that are like the middle of all
        these: so it matters little which of several stretches was chosen.
        """
        middles = np.array([middles_of(columns, one.rows) for one in others])
        middle = middles_of(columns, chosen)
        alike = middles[are_alike(middles, middle, view)]
        if alike.size:
            middle = np.array([middle_of(column) for column in alike.T])
        rows = [others[index].rows for index in np.flatnonzero(are_alike(middles, middle, view)).tolist()]
        first_s, last_s = float(times[chosen.start]), float(times[chosen.stop - 1])
        missing_s = max(self._settings.alike_s - (last_s - first_s), 0.0)
        more = _spans(times, rows, chosen)
        if sum(end_s - start_s for start_s, end_s in more) > missing_s:
            apart = [one for one in _apart(rows) if one.start >= chosen.stop or one.stop <= chosen.start]
            count = min(math.ceil(missing_s / self._settings.min_s), len(apart))
            places = np.linspace(0, len(apart) - 1, count).round().astype(int).tolist()
            more = [span for index in places for span in _spans(times, [apart[index]])]
        return tuple(sorted([(first_s, last_s), *more]))

    def _candidates(
        self,
        times: FloatArray,
        columns: Columns,
        raw: Columns,
        costs: FloatArray,
        view: View,
        slack: float,
    ) -> list[_Candidate]:
        """Steady stretches of the shortest length."""
        found = []
        period_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        middle_yaw_deg = middle_of(columns[Feature.HEAD_YAW])
        next_start_s = -np.inf
        last = 0
        for first in range(len(times)):
            if times[first] < next_start_s:
                continue
            # A sample counts for the time to the next one.
            while last < len(times) and times[last] - times[first] + period_s < self._settings.min_s - 1e-6:
                last += 1
            last = max(last, first + self._settings.min_samples - 1)
            if last >= len(times):
                break
            stretch = slice(first, last + 1)
            if not self._is_steady(times[stretch], _cut(columns, stretch), _cut(raw, stretch), view, slack):
                continue
            is_turned = (
                np.abs(columns[Feature.HEAD_YAW][stretch] - middle_yaw_deg) > self._settings.max_yaw_deg
            )
            if view == View.FRONT and is_turned.mean() > _TURNED_AT_MOST:
                continue
            kept = share_of_time_kept(columns, stretch, view)
            level = float(np.median(costs[stretch]))
            cost = level - _PER_DOUBLING_OF_TIME * math.log2(kept)
            found.append(_Candidate(first, last, cost, level))
            next_start_s = times[first] + _CANDIDATE_STEP_S
        return found

    def _extended(
        self,
        times: FloatArray,
        columns: Columns,
        raw: Columns,
        near: NDArray[np.bool_],
        view: View,
        slack: float,
        first: int,
        last: int,
    ) -> int:
        """The last row up to which the posture is unchanged, at most the longest length."""
        while (
            last + 1 < len(times)
            and times[last + 1] - times[first] <= self._settings.max_s
            and near[last + 1]
        ):
            stretch = slice(first, last + 2)
            if not self._is_steady(times[stretch], _cut(columns, stretch), _cut(raw, stretch), view, slack):
                break
            last += 1
        return last

    def _is_steady(
        self,
        times: FloatArray,
        columns: Columns,
        raw: Columns,
        view: View,
        slack: float,
    ) -> bool:
        if np.diff(times).max() > self._max_gap_s:
            return False
        return is_steady(raw, columns, view, self._settings, slack)


def take_stretch(features: Sequence[Features], view: View | None = None) -> list[Features]:
    """The usable moments, all of one view: the view asked for, or the most frequent one."""
    usable = [moment for moment in features if moment.reason is None]
    if not usable:
        return []
    wanted = view or Counter(moment.view for moment in usable).most_common(1)[0][0]
    return [moment for moment in usable if moment.view == wanted]


def build_neutral(
    features: Sequence[Features],
    *,
    created_at: str,
    source: str,
    model: str,
    running_mode: str,
    image_size_wh: tuple[int, int],
    version: str,
) -> Neutral:
    """The neutral posture from usable moments of one view.

    Args:
        features: At least one; from `take_stretch`.
        created_at: Time of creation, ISO 8601 with zone.
        source: The name of the recording or the camera.
        model: The model of the poses.
        running_mode: MediaPipe's running mode, as it shifts landmarks.
        image_size_wh: The size of the pictures in pixels.
        version: The version of posture_cam.

    Returns:
        Median and median absolute deviation of every feature that most moments have, and the median pose.
    """
    names = Counter(name for moment in features for name in moment.values)
    centre, spread = {}, {}
    for name, count in names.items():
        if 2 * count < len(features):
            continue
        values = np.array([moment.values[name] for moment in features if name in moment.values])
        centre[name] = float(np.median(values))
        spread[name] = float(np.median(np.abs(values - centre[name])))
    context = {name: centre.pop(name) for name in _CONTEXT if name in centre}
    for name in context:
        del spread[name]
    return Neutral(
        created_at=created_at,
        source=source,
        view=features[0].view,
        centre=centre,
        spread=spread,
        sample_count=len(features),
        context=context,
        model=model,
        running_mode=running_mode,
        image_size_wh=image_size_wh,
        version=version,
        pose=_median_pose([moment.pose for moment in features if moment.pose is not None]),
        start_s=features[0].timestamp_s,
        end_s=features[-1].timestamp_s,
    )


def _median_pose(poses: Sequence[Pose]) -> Pose | None:
    """The median of the poses that share the last one's picture size."""
    return median_pose([pose for pose in poses if pose.image_size_wh == poses[-1].image_size_wh])


def _apart(stretches: Sequence[slice]) -> list[slice]:
    """The stretches, in order, that do not overlap an earlier stretch."""
    found: list[slice] = []
    for one in stretches:
        if not found or one.start >= found[-1].stop:
            found.append(one)
    return found


def _spans(
    times: FloatArray, stretches: Sequence[slice], without: slice = slice(0)
) -> list[tuple[float, float]]:
    """Start and end of the times that the stretches cover, without one stretch and without single moments."""
    covered = np.zeros(times.size + 1, dtype=bool)
    for one in stretches:
        covered[one] = True
    covered[without] = False
    borders = np.flatnonzero(np.diff(covered, prepend=False)).reshape(-1, 2)
    return [
        (float(times[start]), float(times[stop - 1])) for start, stop in borders.tolist() if stop - start > 1
    ]


def _some(candidates: Sequence[_Candidate]) -> Sequence[_Candidate]:
    """An evenly spread selection, as large as is worth comparing."""
    return candidates[:: max(-(-len(candidates) // _STRETCHES_COMPARED), 1)]


def _typical(columns: Columns, candidates: Sequence[_Candidate], view: View) -> _Candidate:
    """The earliest of some stretches whose posture many of the others share.

    MediaPipe reads the first seconds of a recording, and occasionally others, unlike all the rest.
    """
    middles = np.array([middles_of(columns, one.rows) for one in candidates])
    counts = np.sum([are_alike(middles, one, view) for one in middles], axis=0)
    return candidates[int(np.argmax(2 * counts >= counts.max()))]


def _cut(columns: Columns, stretch: slice) -> dict[Feature, FloatArray]:
    return {name: column[stretch] for name, column in columns.items()}
