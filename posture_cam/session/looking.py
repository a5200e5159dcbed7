"""The rule for when the model looks, for recordings and live runs; replace it here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posture_cam.records import Frame
from posture_cam.settings import MotionSettings
from posture_cam.source.motion import MotionWatch, small_grey

# Frame times deviate slightly from the grid by which frames are taken.
_BESIDE_S = 1e-3


class Looking:
    """Decides which pictures the model looks at: soon if something has moved, else now and then.

    In between, the last look stands; after a movement the posture is assumed to change evenly into that of
    the next look.

    Args:
        settings: Defines what counts as movement.
        moving_s: How long after a look the next is due if something has moved since.
        still_s: How long after a look the next is due if nothing has moved.

    Attributes:
        has_moved: Whether the last picture showed a change since the last look.
    """

    def __init__(self, settings: MotionSettings, moving_s: float, still_s: float) -> None:
        self._motion, self._least_cells = MotionWatch(settings), settings.cells
        self._moving_s, self._still_s = moving_s, still_s
        self._looked_s = 0.0
        self.has_moved = False

    def is_due(self, small: NDArray[np.uint8], timestamp_s: float) -> bool:
        """Whether to look at this picture.

        Args:
            small: The picture, as made by `small_grey`.
            timestamp_s: The time of the picture.
        """
        changed = self._motion.changed_cells(small)
        self.has_moved = changed is not None and changed >= self._least_cells
        wait_s = self._moving_s if self.has_moved else self._still_s
        return changed is None or timestamp_s - self._looked_s + _BESIDE_S >= wait_s

    def is_due_in(self, frame: Frame) -> bool:
        """Whether to look at this frame."""
        return self.is_due(small_grey(frame.image_bgr), frame.timestamp_s)

    def looked(self, timestamp_s: float) -> None:
        """Record that the model has looked at the last picture; later pictures are compared with it."""
        self._motion.looked()
        self._looked_s = timestamp_s
