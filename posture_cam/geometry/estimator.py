"""The learned angle estimator: changes of posture in degrees and centimetres from any camera.

A few small networks, evaluated with numpy alone, trained on rendered people whose true angles are known
(models/train_angle_estimator.py; models/README.md has the model card).  Each estimates how far a person's
neck and trunk have bent and sunk since the neutral posture, and how certain that is.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from posture_cam.errors import ModelError
from posture_cam.geometry.points import EARS, SHOULDERS, Points, inputs
from posture_cam.ids import Measure
from posture_cam.records import FloatArray, Pose

OUTPUTS = (
    Measure.NECK_INCLINATION_CHANGE,
    Measure.TRUNK_INCLINATION_CHANGE,
    Measure.SINKING,
    Measure.EAR_DROP,
    Measure.HEAD_PITCH_CHANGE,
    Measure.HEAD_YAW_CHANGE,
)
# In a mirror a turned head turns the other way; everything else is the same.
_MIRRORED_SIGN = np.array([-1.0 if name == Measure.HEAD_YAW_CHANGE else 1.0 for name in OUTPUTS])
# Inputs further from the mean than this did not occur in training.
_MOST_SPREADS = 8.0
_INT8 = 127.0
FORMAT = 1
# Shoulder width by body scale in the picture, of a person in profile, three quarters and front.
PROFILE_SHARES = (0.4, 0.65, 0.85)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Changes from the neutral posture, and half the width of the interval that holds 90 % of them."""

    values: dict[Measure, float]
    errors: dict[Measure, float]


class Estimates(Protocol):
    """Estimates of changes from one neutral posture."""

    def of(self, pose: Pose) -> Estimate:
        """The change of one pose."""

    def of_many(self, poses: Sequence[Pose]) -> list[Estimate]:
        """The changes of many poses at once."""


class Estimator(Protocol):
    """An estimator of changes of posture."""

    @property
    def name(self) -> str:
        """The name of the weights, for results."""

    def against(self, neutral: Pose) -> Estimates:
        """The estimates of changes from a neutral posture."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A multi-layer perceptron with SiLU units.

    Attributes:
        centre, spread: (n,), centre and spread of the inputs in training.
        unit: (outputs,), the size of one unit of the last layer.
        layers: Weights (before, after) and bias (after,) of each; their precision is that of the computation.
    """

    centre: FloatArray
    spread: FloatArray
    unit: FloatArray
    layers: tuple[tuple[NDArray[np.floating], NDArray[np.floating]], ...]

    def run(self, values: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Estimates (..., outputs) and the scale of their errors, from inputs (..., n)."""
        far = (values - self.centre) / self.spread
        signal = (np.clip(far, -_MOST_SPREADS, _MOST_SPREADS) * known).astype(self.layers[0][0].dtype)
        for weights, bias in self.layers[:-1]:
            total = signal @ weights + bias
            signal = total / (1.0 + np.exp(-np.clip(total, -60.0, 60.0)))
        weights, bias = self.layers[-1]
        found = (signal @ weights + bias).astype(np.float64)
        count = len(self.unit)
        return found[..., :count] * self.unit, np.exp(np.clip(found[..., count:], -4.0, 3.0)) * self.unit


@dataclass(frozen=True, slots=True, eq=False)
class AngleEstimator:
    """The networks together.

    Attributes:
        networks: One for each fold of the training sessions, trained without that fold.
        factor: (outputs, views), ratio of half the 90 % interval to the scale of the errors, fitted on unseen
            sessions: in profile, three quarters and front, located by `PROFILE_SHARES`.
        fold_of: The fold of each training session by its fingerprint.
        name: Name of the weights with the start of their checksum, for results.
    """

    networks: tuple[Network, ...]
    factor: FloatArray
    fold_of: dict[int, int]
    name: str = ""

    @classmethod
    def load(cls, path: Path) -> Self:
        """The estimator from a file of weights.

        Raises:
            ModelError: The file is missing, or is not a file of our weights.
        """
        hint = "Install posture_cam again, or use --no-estimator."
        try:
            with np.load(path, allow_pickle=False) as data:
                if int(data["format"]) != FORMAT:
                    raise ValueError(f"format {int(data['format'])}")  # noqa: TRY301
                networks = tuple(_unpacked(data, number) for number in range(int(data["networks"])))
                fold_of = dict(zip(data["fingerprints"].tolist(), data["folds"].tolist(), strict=True))
                return cls(networks, data["factor"].astype(np.float64), fold_of, _identity(path))
        except FileNotFoundError as error:
            raise ModelError(f"The weights of the angle estimator are missing ({path}).", hint) from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} holds no weights that this version can use.", hint) from error

    def run(self, now: Points, neutral: Points, fold: int | None = None) -> tuple[FloatArray, FloatArray]:
        """Changes and the half widths of their 90 % intervals, (..., outputs) in the order of `OUTPUTS`.

        Args:
            now: Points of shape (...).
            neutral: Points of a compatible shape.
            fold: Use only the network that has not seen this fold of the training sessions.

        Returns:
            NaN where nose, ears or shoulders are unknown.
        """
        chosen = self.networks if fold is None else self.networks[fold : fold + 1]
        values: FloatArray = np.zeros(())
        errors: FloatArray = np.zeros(())
        for seen, sign in (
            (inputs(now, neutral), np.ones(len(OUTPUTS))),
            (inputs(now.mirrored(), neutral.mirrored()), _MIRRORED_SIGN),
        ):
            for network in chosen:
                found, scale = network.run(*seen)
                values = values + found * sign
                errors = errors + scale
        count = 2.0 * len(chosen)
        return values / count, self._factor(neutral) * errors / count

    def _factor(self, neutral: Points) -> FloatArray:
        share = frontal_share(neutral)
        columns = [np.interp(share, PROFILE_SHARES, row) for row in self.factor]
        return np.stack(columns, axis=-1)

    def against(self, neutral: Pose) -> Estimates:
        """The estimates of changes from a neutral posture."""
        return _Against(self, Points.of_pose(neutral))


class _Against:
    def __init__(self, estimator: AngleEstimator, neutral: Points) -> None:
        self._estimator, self._neutral = estimator, neutral

    def of(self, pose: Pose) -> Estimate:
        """The change of one pose."""
        return _estimate(*self._estimator.run(Points.of_pose(pose), self._neutral))

    def of_many(self, poses: Sequence[Pose]) -> list[Estimate]:
        """The changes of many poses at once, in a tenth of the time; the same except for rounding."""
        if not poses:
            return []
        now = Points.of_poses(poses)
        return [_estimate(*one) for one in zip(*self._estimator.run(now, self._neutral), strict=True)]


def _estimate(values: FloatArray, errors: FloatArray) -> Estimate:
    return Estimate(
        dict(zip(OUTPUTS, values.tolist(), strict=True)), dict(zip(OUTPUTS, errors.tolist(), strict=True))
    )


def _identity(path: Path) -> str:
    return f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def frontal_share(points: Points) -> FloatArray:
    """Shoulder width in body scales, small in profile and large from the front."""
    left, right = (points.xy[..., point, :] for point in SHOULDERS)
    ears = (points.xy[..., EARS[0], :] + points.xy[..., EARS[1], :]) / 2
    width = np.linalg.norm(left - right, axis=-1)
    neck = np.linalg.norm(ears - (left + right) / 2, axis=-1)
    return np.asarray(width / np.maximum(np.hypot(width, neck), 1e-9))


def save_weights(path: Path, networks: list[Network], factor: FloatArray, fold_of: dict[int, int]) -> None:
    """Write the weights in eight bits each; the same networks always give the same bytes."""
    arrays: dict[str, NDArray[np.generic] | int | str] = {
        "format": FORMAT,
        "networks": len(networks),
        "factor": np.asarray(factor, np.float64),
        "fingerprints": np.array(list(fold_of), np.uint32),
        "folds": np.array(list(fold_of.values()), np.uint8),
    }
    for number, network in enumerate(networks):
        key = f"network{number}"
        arrays[f"{key}_centre"] = network.centre.astype(np.float32)
        arrays[f"{key}_spread"] = network.spread.astype(np.float32)
        arrays[f"{key}_unit"] = network.unit.astype(np.float32)
        arrays[f"{key}_layers"] = len(network.layers)
        for depth, (weights, bias) in enumerate(network.layers):
            step = np.maximum(np.abs(weights).max(axis=0), 1e-12) / _INT8
            arrays[f"{key}_weights{depth}"] = np.round(weights / step).astype(np.int8)
            arrays[f"{key}_step{depth}"] = step.astype(np.float32)
            arrays[f"{key}_bias{depth}"] = bias.astype(np.float32)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def _unpacked(data: np.lib.npyio.NpzFile, number: int) -> Network:
    key = f"network{number}"

    def take(part: str) -> FloatArray:
        return data[f"{key}_{part}"].astype(np.float64)

    layers = tuple(
        # Half the work of double precision, and finer than the eight bits of the stored weights.
        (
            data[f"{key}_weights{depth}"] * data[f"{key}_step{depth}"].astype(np.float32),
            data[f"{key}_bias{depth}"].astype(np.float32),
        )
        for depth in range(int(data[f"{key}_layers"]))
    )
    return Network(take("centre"), take("spread"), take("unit"), layers)
