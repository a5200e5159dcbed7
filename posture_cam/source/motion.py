"""Detects changes between pictures at little cost, so that the pose model can rest."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.settings import MotionSettings

# Left, top, right and bottom, in fractions of a picture.
Box = tuple[float, float, float, float]

_WIDTH, _HEIGHT = 96, 54
# A sixteenth of the cells is enough to measure light and noise, in a tenth of the time.
_SOME = slice(1, None, 4)
_SIGMA_OF_MEDIAN = 1.4826
# Larger differences are no noise: the whole picture has changed.  Chosen.
_LEAST_NOISE, _MOST_NOISE = 0.1, 4.0


def small_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small copy of a picture: 54 x 96, grey, each cell the mean of 16 points.

    Args:
        image: H x W x 3, blue-green-red, or H x W, its luma.
    """
    # Each point lies between four pixels; the mean of all pixels would take twenty times as long.
    places = cv2.resize(image, (2 * _WIDTH, 2 * _HEIGHT), interpolation=cv2.INTER_LINEAR)
    if places.ndim == 3:
        places = cv2.cvtColor(places, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(places, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def changed_share(
    small: NDArray[np.uint8], then: NDArray[np.uint8], settings: MotionSettings, box: Box
) -> float:
    """The share of cells in a box that differ between two pictures.

    Args:
        small: The picture, as made by `small_grey`.
        then: An earlier or later picture.
        settings: Defines when a cell differs.
        box: Where to look; parts outside of the picture are left out.
    """
    left, top, right, bottom = box
    rows = slice(max(math.floor(top * _HEIGHT), 0), max(math.ceil(bottom * _HEIGHT), 0))
    columns = slice(max(math.floor(left * _WIDTH), 0), max(math.ceil(right * _WIDTH), 0))
    light, noise = _light_and_noise(small[_SOME, _SOME].astype(np.float32) - then[_SOME, _SOME])
    level = max(settings.level, settings.noise_factor * noise)
    inside = small[rows, columns].astype(np.float32) - then[rows, columns] - light
    return float(np.mean(np.abs(inside) > level)) if inside.size else 0.0


def _light_and_noise(difference: NDArray[np.float32]) -> tuple[float, float]:
    """By how much the light or the exposure has changed, and the noise (standard deviation).

    Most of the picture does not move, so medians of its differences show both.
    """
    some = difference.flatten()
    light = _median_of(some)
    noise = _SIGMA_OF_MEDIAN * _median_of(np.abs(some - light))
    return light, min(max(noise, _LEAST_NOISE), _MOST_NOISE)


def _median_of(values: NDArray[np.float32]) -> float:
    """The upper of the two middle values; reorders the values.  np.median takes far longer."""
    middle = values.size // 2
    values.partition(middle)
    return float(values[middle])
