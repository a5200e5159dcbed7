"""Whether anything moves: a cheap look that spares the pose model."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.records import FloatArray
from posture_cam.settings import MotionSettings

_EVERY_PX = 4
_WIDTH, _HEIGHT = 96, 54
_SIGMA_OF_MEDIAN = 1.4826


class MotionWatch:
    """Compares a small grey picture with the one at the last look of the model.

    With that one, not with the last picture: what creeps adds up until it is seen.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self._settings = settings
        self._then: FloatArray | None = None
        self._small: FloatArray | None = None
        self._looked_s = 0.0

    def is_still(self, image_bgr: NDArray[np.uint8], timestamp_s: float) -> bool:
        """Whether the picture shows what the last look showed, and that was not long ago."""
        every = max(1, min(_EVERY_PX, image_bgr.shape[1] // _WIDTH))
        green = np.ascontiguousarray(image_bgr[::every, ::every, 1])
        self._small = cv2.resize(green, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float64)
        if self._then is None or timestamp_s - self._looked_s >= self._settings.look_every_s:
            return False
        difference = self._small - self._then
        difference -= np.median(difference)  # the light, or the camera's exposure
        size = np.abs(difference)
        noise = _SIGMA_OF_MEDIAN * float(np.median(size))  # most of the picture does not move
        level = max(self._settings.level, self._settings.noise_factor * noise)
        return bool(np.count_nonzero(size > level) < self._settings.cells)

    def looked(self, timestamp_s: float) -> None:
        """The model has looked at the picture given last."""
        self._then, self._looked_s = self._small, timestamp_s
