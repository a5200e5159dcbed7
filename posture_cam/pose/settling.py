"""Whether another look is wanted soon, by what the last two of them saw."""

from __future__ import annotations

import math

import numpy as np

from posture_cam.records import HEAD_AND_SHOULDERS, Pose

_WATCHED = np.array(HEAD_AND_SHOULDERS)
# A person who moved may have done so at the end of a longer time.
_LONGEST_S = 0.6
# Whoever is seen badly for longer stays so.
_LOST_FOR_S = 3.0


class Settling:
    """Tells after each look of the model whether its pose should not stand for long."""

    def __init__(self, min_seen: float, settled_below_hz: float = math.inf) -> None:
        """Begin with nobody seen yet.

        Args:
            min_seen: Least presence and visibility of head and shoulders for a pose to be of use.
            settled_below_hz: Speed of a landmark, in body scales a second, below which a pose is settled;
                left out where MediaPipe does not smooth.
        """
        self._min_seen, self._settled_below_hz = min_seen, settled_below_hz
        self._before: Pose | None = None
        self._well_seen_s = -math.inf

    def is_unsettled(self, now: Pose | None) -> bool:
        """Take what a look saw, None where nobody was found; whether another one is wanted soon.

        In VIDEO mode MediaPipe smooths landmarks over several looks: after a movement the first look tells
        only a part of it, and of somebody who has left a shadow stays for some looks.  Somebody who has come,
        gone, or was missed once, is looked at again, too.
        """
        before, self._before = self._before, now
        if before is None or now is None:
            return (before is None) != (now is None)
        if np.minimum(now.visibility, now.presence)[_WATCHED].min() >= self._min_seen:
            self._well_seen_s = now.timestamp_s
        elif now.timestamp_s - self._well_seen_s < _LOST_FOR_S:
            return True
        if math.isinf(self._settled_below_hz):
            return False
        passed_s = min(now.timestamp_s - before.timestamp_s, _LONGEST_S)
        return shift_of(before, now) > self._settled_below_hz * passed_s


def shift_of(before: Pose, now: Pose) -> float:
    """How far head and shoulders have moved in the picture, at most, in body scales.

    A body scale is the width of the shoulders joined with the height of the neck, so that it is much the same
    from each side.
    """
    # Plain numbers: numpy would take four times as long for so few.
    (width, height), marks = now.image_size_wh, now.landmarks[_WATCHED, :2].tolist()
    earlier = before.landmarks[_WATCHED, :2].tolist()
    most = 0.0
    for (x, y), (then_x, then_y) in zip(marks, earlier, strict=True):
        most = max(most, abs(x * width - then_x * before.image_size_wh[0]))
        most = max(most, abs(y * height - then_y * before.image_size_wh[1]))
    _, left_ear, right_ear, left, right = marks
    shoulders = max(abs(left[0] - right[0]) * width, abs(left[1] - right[1]) * height)
    neck_x, neck_y = (left_ear[axis] + right_ear[axis] - left[axis] - right[axis] for axis in (0, 1))
    scale_px = math.hypot(shoulders, neck_x / 2 * width, neck_y / 2 * height)
    return most / scale_px if scale_px > 0 else math.inf
