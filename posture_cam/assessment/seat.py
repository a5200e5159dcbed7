"""A slow change of seat: a chair lowered in the afternoon, other shoes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from posture_cam.assessment.scoring import is_sign
from posture_cam.ids import Measure, State
from posture_cam.measures import MeasureInfo
from posture_cam.settings import SeatSettings


class SlowSeat:
    """Moves the reference for judging slowly towards the posture that is held while the state is good.

    It moves at most by a share of each good limit, and never towards a bad posture; so a slouch that
    creeps in is found all the same, a little later.

    Args:
        table: The measures and their limits.
        settings: How slowly, and how far.
        max_gap_s: A longer time without moments does not count.

    Attributes:
        offsets: How far it has moved, by measure.
    """

    def __init__(
        self, table: Mapping[Measure, MeasureInfo], settings: SeatSettings, max_gap_s: float
    ) -> None:
        self._settings, self._max_gap_s = settings, max_gap_s
        self._most = {
            name: settings.most_share * info.good
            for name, info in table.items()
            if is_sign(name, info) and info.good is not None
        }
        self._last_s = math.inf
        self.offsets: dict[Measure, float] = {}

    def from_here(self, values: Mapping[Measure, float]) -> dict[Measure, float]:
        """Measures against where the person sits now."""
        return {name: value - self.offsets.get(name, 0.0) for name, value in values.items()}

    def follow(self, now_s: float, values: Mapping[Measure, float], state: State) -> None:
        """Take a moment and the state it was judged to be."""
        step_s, self._last_s = now_s - self._last_s, now_s
        if not self._settings.follow or state != State.GOOD or not 0.0 < step_s <= self._max_gap_s:
            return
        share = step_s / (step_s + self._settings.within_s)
        for name, most in self._most.items():
            if name in values:
                moved = self.offsets.get(name, 0.0)
                moved += share * (values[name] - moved)
                self.offsets[name] = min(max(moved, -most), most)

    @property
    def told(self) -> dict[Measure, float]:
        """The offsets that are worth a word."""
        least = self._settings.told_share / self._settings.most_share
        return {name: moved for name, moved in self.offsets.items() if abs(moved) >= least * self._most[name]}
