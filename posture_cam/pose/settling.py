"""Whether another look is wanted soon, by what the last two of them saw."""

from __future__ import annotations

import numpy as np

from posture_cam.records import Landmark, Pose

_WATCHED = [
    Landmark.NOSE,
    Landmark.LEFT_EAR,
    Landmark.RIGHT_EAR,
    Landmark.LEFT_SHOULDER,
    Landmark.RIGHT_SHOULDER,
]
# Speed of a landmark in body scales a second below which a pose counts as settled.  People who sit still and
# breathe stay below it in 9 of 10 pairs of looks.
_SETTLED_BELOW_HZ = 0.12
# A person who moved may have done so at the end of a longer time.
_LONGEST_S = 0.6


def is_unsettled(before: Pose | None, now: Pose | None) -> bool:
    """Whether a pose still changes, so that it should not stand for long.

    In VIDEO mode MediaPipe smooths landmarks over several looks: after a movement the first look tells only a
    part of it.  Somebody who has come, gone, or was missed once, is looked at again, too.

    Args:
        before: The pose of the last look but one; None where nobody was found.
        now: That of the last one.
    """
    if before is None or now is None:
        return (before is None) != (now is None)
    then_px, now_px = (pose.landmarks[_WATCHED, :2] * pose.image_size_wh for pose in (before, now))
    shoulders, ears = now_px[3:], now_px[1:3]
    scale = np.hypot(np.ptp(shoulders, axis=0).max(), np.linalg.norm(ears.mean(0) - shoulders.mean(0)))
    most = _SETTLED_BELOW_HZ * min(now.timestamp_s - before.timestamp_s, _LONGEST_S) * scale
    return bool(np.abs(now_px - then_px).max() > most)
