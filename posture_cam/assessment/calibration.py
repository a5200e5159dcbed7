"""Taking a neutral posture with the person's help: what to say, when it is done, why it is refused.

Pure: moments in, advice out, with time taken from their timestamps; works for cameras and recordings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from posture_cam.assessment.steadiness import calmed, columns_of, is_steady
from posture_cam.ids import Feature, Hint, Landmark, Reason, View
from posture_cam.records import Features
from posture_cam.settings import Settings

_HINTS = {
    Reason.NOBODY: Hint.NOBODY,
    Reason.TOO_SMALL: Hint.COME_CLOSER,
    Reason.ON_ITS_SIDE: Hint.ON_ITS_SIDE,
}
# A moment without a usable pose does not discard what was collected; a longer gap does.
_FORGIVEN_S = 1.0
# Moments needed to judge whether a person is still.
_LEAST_TO_JUDGE = 5


@dataclass(frozen=True, slots=True)
class Advice:
    """The instruction of a moment, and the share of the required time collected so far (0 to 1)."""

    hint: Hint
    share: float


class Calibrator:
    """Collects a steady stretch of one posture; movement restarts it.

    Attributes:
        kept: The moments collected, all of one view.
        min_s: The shortest duration they must cover.
    """

    def __init__(self, settings: Settings, *, min_s: float | None = None, may_turn: bool = False) -> None:
        self._calibration = settings.calibration
        self._neutral = settings.neutral
        self._out_share = settings.gates.shoulders_out_share
        self.min_s = settings.calibration.min_s if min_s is None else min_s
        least = settings.calibration.min_samples * self.min_s / settings.calibration.min_s
        self.min_samples = round(least)
        self._may_turn = may_turn
        self.kept: list[Features] = []
        self._refusals: Counter[Hint] = Counter()

    @property
    def is_done(self) -> bool:
        """Whether the stretch is long enough."""
        return len(self.kept) >= self.min_samples and self._span_s >= self.min_s - 1e-6

    @property
    def refusal(self) -> Hint:
        """The most frequent instruction; `Hint.STAY` if too little was recorded."""
        return self._refusals.most_common(1)[0][0] if self._refusals else Hint.STAY

    @property
    def _span_s(self) -> float:
        if len(self.kept) < 2:
            return 0.0
        steps = np.diff([moment.timestamp_s for moment in self.kept])
        # Each moment stands for the time to the next one.
        return self.kept[-1].timestamp_s - self.kept[0].timestamp_s + float(np.median(steps))

    def collect(self, features: Features, brightness: float | None = None) -> Advice:
        """Take one moment.

        Args:
            features: The features of that moment.
            brightness: Mean of the picture, 0 to 255, or None without a picture.
        """
        hint = self._fault(features, brightness)
        if hint is not None:
            self._refusals[hint] += 1
            if self.kept and features.timestamp_s - self.kept[-1].timestamp_s > _FORGIVEN_S:
                self.kept.clear()
            return self._advice(hint)
        if self.kept and (
            features.view != self.kept[-1].view
            or features.timestamp_s - self.kept[-1].timestamp_s > 2 * _FORGIVEN_S
        ):
            self.kept.clear()
        self.kept.append(features)
        moved = False
        while len(self.kept) > _LEAST_TO_JUDGE and not self._is_steady():
            del self.kept[0]
            moved = True
        if moved:
            self._refusals[Hint.HOLD_STILL] += 1
            return self._advice(Hint.HOLD_STILL)
        return self._advice(Hint.STAY)

    def _is_steady(self) -> bool:
        times, raw = np.array([moment.timestamp_s for moment in self.kept]), columns_of(self.kept)
        calm = {name: calmed(times, column) for name, column in raw.items()}
        return is_steady(raw, calm, self.kept[0].view, self._neutral)

    def _advice(self, hint: Hint) -> Advice:
        share = min(len(self.kept) / self.min_samples, self._span_s / self.min_s, 1.0)
        return Advice(hint, share)

    def _fault(self, features: Features, brightness: float | None) -> Hint | None:
        if features.reason is not None:
            if brightness is not None and brightness < self._calibration.dark_below:
                return Hint.TOO_DARK
            return _HINTS.get(features.reason, Hint.FACE_HIDDEN)
        pose = features.pose
        if pose is None:
            return None
        width, height = pose.image_size_wh
        shoulders = pose.landmarks[[Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER], :2]
        span = float(abs(shoulders[0, 0] - shoulders[1, 0]))
        if span > self._calibration.max_shoulder_width_share:
            return Hint.MOVE_BACK
        outside = np.maximum(np.maximum(-shoulders, shoulders - 1.0), 0.0) * (width / height, 1.0)
        if outside.max() > self._out_share:
            return Hint.MOVE_BACK if span > 0.6 else Hint.SHOULDERS_OUT
        if features.view == View.FRONT:
            if span < self._calibration.min_shoulder_width_share:
                return Hint.COME_CLOSER
            yaw_deg = features.values.get(Feature.HEAD_YAW)
            if not self._may_turn and yaw_deg is not None and abs(yaw_deg) > self._neutral.max_yaw_deg:
                return Hint.TURN
        return None
