"""Pictures for pages: JPEG, in a size that a page can show."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_MOST_WIDE_PX = 960
_JPEG_QUALITY = 82


def fitting(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of a picture, no wider than a page shows it."""
    height, width = image.shape[:2]
    if width <= _MOST_WIDE_PX:
        return image.copy()
    size = (_MOST_WIDE_PX, round(height * _MOST_WIDE_PX / width))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def as_jpeg(image_bgr: NDArray[np.uint8]) -> bytes | None:
    """A picture as JPEG; None if it cannot be encoded."""
    done, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes() if done else None
