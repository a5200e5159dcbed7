"""Whether a person is upright in the picture, or the picture lies on its side.

Phones that lose their rotation tag, and cameras mounted on their side, show a sitter lying.  Judged that way,
good and poor would be swapped.  People do lie in the picture for moments, for example when they bend over;
but if the person was seen upright before, the camera is not turned.
"""

from __future__ import annotations

import math
from collections import Counter

from posture_cam.geometry.points import EARS, EYES, HIPS, MOUTH, SHOULDERS
from posture_cam.ids import Landmark
from posture_cam.records import Pose

# Of trunk, neck and face together.  Upright sitters of recordings of real people are within 45 deg of the
# vertical 98 times in 100; a sitter in profile on a picture turned by 90 deg reads 70 deg.
_LIES_ABOVE_DEG, _UPRIGHT_BELOW_DEG = 60.0, 45.0
_SEEN_FROM = 0.5
_UPRIGHT_FOR_LOOKS = 3
_LEAST_LOOKS, _LYING_SHARE = 10, 0.8


def up_deg(pose: Pose) -> float:
    """The person's upward direction against the picture's vertical: positive towards the picture's right."""
    width, height = pose.image_size_wh

    def middle(pair: tuple[Landmark, Landmark]) -> tuple[float, float]:
        (x1, y1), (x2, y2) = pose.landmarks[list(pair), :2].tolist()
        return (x1 + x2) / 2 * width, (y1 + y2) / 2 * height

    lines = [(middle(EARS), middle(SHOULDERS)), (middle(EYES), middle(MOUTH))]
    if min(pose.visibility[list(HIPS)].min(), pose.presence[list(HIPS)].min()) >= _SEEN_FROM:
        lines.append((middle(SHOULDERS), middle(HIPS)))
    x = y = 0.0
    for (top_x, top_y), (foot_x, foot_y) in lines:
        length = math.hypot(top_x - foot_x, top_y - foot_y)
        if length > 0:
            x, y = x + (top_x - foot_x) / length, y + (foot_y - top_y) / length
    return math.degrees(math.atan2(x, y))


class Orientation:
    """Tracks looks at a person, in order of time.

    Attributes:
        lies: The last look shows a person lying who was never seen upright.
    """

    def __init__(self, *, was_upright: bool = False) -> None:
        self._upright = _UPRIGHT_FOR_LOOKS if was_upright else 0
        self._turns: Counter[int] = Counter()
        self.lies = False

    def note(self, pose: Pose) -> None:
        """Take a look."""
        angle = up_deg(pose)
        if abs(angle) < _UPRIGHT_BELOW_DEG:
            self._upright += 1
        self.lies = abs(angle) > _LIES_ABOVE_DEG and not self.was_upright
        self._turns[round(angle / 90.0) % 4 if abs(angle) > _LIES_ABOVE_DEG else 0] += 1

    @property
    def was_upright(self) -> bool:
        """Whether the person was seen upright, so that later looks show nobody lying."""
        return self._upright >= _UPRIGHT_FOR_LOOKS

    @property
    def turns(self) -> int:
        """Quarter turns anticlockwise that make most of the looks upright; 0 if most already are."""
        count = sum(self._turns.values())
        if count < _LEAST_LOOKS:
            return 0
        turns, most = self._turns.most_common(1)[0]
        return turns if most >= _LYING_SHARE * count else 0
