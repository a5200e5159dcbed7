"""Train the angle estimator that `posture_cam` ships: models/angle_estimator.npz.

    uv run --group train python models/train_angle_estimator.py

There is one small network for each fold of the sessions in models/data, trained on the other folds.  Together
they are the estimator.  Each alone is judged on the sessions that it has not seen: this gives the stated
intervals, and lets benchmarks/accuracy.py print honest figures for the same sessions without training.
Training takes about twenty minutes on two cores and gives the same figures each time.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sessions import NEUTRAL, TRUTHS, Relative, Sessions

from posture_cam.geometry.estimator import (
    OUTPUTS,
    PROFILE_SHARES,
    AngleEstimator,
    Network,
    frontal_share,
    save_weights,
)
from posture_cam.geometry.points import GROUPS, MIRRORED, Points, inputs
from posture_cam.records import FloatArray

NEUTRAL_FRAMES = 4
HEAD = slice(0, 11)
# Intervals are widened by this factor, because other people, cameras and renderers differ more from the ones
# in the data than those differ from each other.
WIDENED = 1.08
HERE = Path(__file__).parent
_MIRRORED_SIGN = np.array([truth.mirrored_sign for truth in TRUTHS], np.float32)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; docs/accuracy.md describes what was tried.

    Attributes:
        turn_deg: Spread of the camera's pan and tilt against the recorded one, the same for a whole session.
        roll_deg: ... of its roll.
        zoom: ... of the logarithm of its focal length.
        bias: Spread of a landmark's constant displacement in a session, in body scales: clothes and hair.
        noise: Spread of a landmark's displacement from picture to picture, in body scales.
        world_noise_m: The same for world landmarks.
        nudge_front, nudge_oblique: Share of pictures whose camera was nudged since the neutral
            ones, by view: a laptop's lid moves more easily than a tripod at the side.
        nudge_deg: Spread of such a nudge's pan and tilt.
        composed: Share of pictures to which a movement of the head alone is added, taken from another picture
            of the same session. Without it, every turned head in the data sits on an upright neck, and the
            network would learn that.
        missing: Share of sessions in which groups of landmarks are missing, each with chance `group_missing`.
        others_weight: Weight of the truths that are learned besides the estimator's outputs.
        plain_weight: Weight of the plain error besides its likelihood, which alone neglects unsure moments.
    """

    hidden: tuple[int, ...] = (384, 256, 128)
    epochs: int = 300
    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1
    averaging: float = 0.995
    turn_deg: float = 8.0
    roll_deg: float = 3.0
    zoom: float = 0.2
    bias: float = 0.015
    noise: float = 0.003
    world_noise_m: float = 0.003
    composed: float = 0.3
    missing: float = 0.5
    group_missing: float = 0.35
    others_weight: float = 0.6
    plain_weight: float = 1.0
    nudge_front: float = 0.15
    nudge_oblique: float = 0.05
    nudge_deg: float = 4.0


class Batch(NamedTuple):
    """Sessions: (sessions, frames, ...)."""

    xy: Any
    depth: Any
    world: Any
    visibility: Any
    usable: Any
    truth: Any
    focal: Any
    nudge: Any


def as_batch(sessions: Sessions, recipe: Recipe) -> Batch:
    """The sessions side by side, neutral rows first; unknown values are 0 and not usable.

    Raises:
        ValueError: Sessions of different lengths, or with too few neutral rows.
    """
    names, number = sessions.numbers()
    order = np.lexsort((sessions.label != NEUTRAL, number))
    frames, rest = divmod(len(sessions), len(names))
    if rest or (np.bincount(number) != frames).any():
        raise ValueError("all sessions need the same number of rows")
    sessions = sessions.take(order)
    if (sessions.label.reshape(len(names), frames)[:, :NEUTRAL_FRAMES] != NEUTRAL).any():
        raise ValueError(f"all sessions need {NEUTRAL_FRAMES} neutral rows")
    points = sessions.points
    usable = np.isfinite(points.xy[:, 0, 0]) & (points.has.min(-1) > 0)
    views = sessions.view[::frames]

    def side_by_side(values: FloatArray) -> Any:
        return values.astype(np.float32).reshape(len(names), frames, *values.shape[1:])

    return Batch(
        xy=side_by_side(np.nan_to_num(points.xy)),
        depth=side_by_side(points.depth),
        world=side_by_side(points.world),
        visibility=side_by_side(points.visibility),
        usable=usable.reshape(len(names), frames),
        truth=side_by_side(sessions.truth),
        focal=sessions.focal[::frames].astype(np.float32),
        nudge=recipe.nudge_front * (views == "front") + recipe.nudge_oblique * (views == "oblique"),
    )


def mirrored(batch: Batch) -> Batch:
    """The same sessions seen in a mirror."""
    return batch._replace(
        xy=batch.xy[..., MIRRORED, :] * np.array((-1, 1), np.float32),
        depth=batch.depth[..., MIRRORED],
        world=batch.world[..., MIRRORED, :] * np.array((-1, 1, 1), np.float32),
        visibility=batch.visibility[..., MIRRORED],
        truth=batch.truth * _MIRRORED_SIGN,
    )


def _mean(values: Any, weights: Any) -> Any:
    """Mean over the frames of each session by weights (sessions, frames); keeps the axis."""
    weights = weights.reshape(weights.shape + (1,) * (values.ndim - 2))
    return (values * weights).sum(1, keepdims=True) / jnp.maximum(weights.sum(1, keepdims=True), 1e-9)


def _body_scale(xy: Any) -> Any:
    """Shoulder width and neck length joined, (..., 1), as the inputs measure lengths."""
    across = xy[..., 11, :] - xy[..., 12, :]
    neck = (xy[..., 7, :] + xy[..., 8, :] - xy[..., 11, :] - xy[..., 12, :]) / 2
    return jnp.sqrt((across**2).sum(-1) + (neck**2).sum(-1))[..., None]


def _composed(batch: Batch, key: Any, recipe: Recipe) -> Batch:
    """Give some pictures the head movement of another picture of the session in which only the head moved.

    The movement of the head's landmarks, relative to the shoulders and in body scales, is added; the true
    changes are added too.
    """
    choose_key, use_key = jax.random.split(key)
    first = jnp.zeros(batch.usable.shape).at[:, :NEUTRAL_FRAMES].set(batch.usable[:, :NEUTRAL_FRAMES] * 1.0)
    change = batch.truth - _mean(batch.truth, first)
    column = {truth.name: change[..., index] for index, truth in enumerate(TRUTHS)}
    is_still = (jnp.abs(column["trunk_inclination"]) < 2.0) & (jnp.abs(column["neck_inclination"]) < 8.0)
    moves = (jnp.abs(column["head_yaw"]) > 12.0) | (jnp.abs(column["head_pitch"]) > 12.0)
    moves = moves | (jnp.abs(column["head_roll"]) > 8.0)
    is_donor = is_still & moves & batch.usable
    lot = jax.random.uniform(choose_key, is_donor.shape) * is_donor
    donor = lot.argmax(1)[:, None]
    takes = jax.random.uniform(use_key, is_donor.shape) < recipe.composed
    takes = takes & ~moves & is_donor.any(1, keepdims=True)
    takes = takes & (jnp.arange(is_donor.shape[1]) >= NEUTRAL_FRAMES)

    def of_donor(values: Any) -> Any:
        return jnp.take_along_axis(values, donor.reshape(donor.shape + (1,) * (values.ndim - 2)), axis=1)

    def against_shoulders(values: Any) -> Any:
        return values[:, :, HEAD] - (values[:, :, 11:12] + values[:, :, 12:13]) / 2

    def move(values: Any, scale: Any) -> Any:
        """The head of each picture moved as the donor's was since the neutral pictures."""
        head = against_shoulders(values) / scale
        moved = of_donor(head) - _mean(head, first)
        mask = takes.reshape(takes.shape + (1,) * (values.ndim - 2))
        return values.at[:, :, HEAD].add(jnp.where(mask, moved * scale, 0.0))

    scale = jnp.maximum(_body_scale(batch.xy), 1e-3)  # rows without a person hold zeros
    return batch._replace(
        xy=move(batch.xy, scale[..., None]),
        depth=move(batch.depth, scale),
        world=move(batch.world, 1.0),
        truth=batch.truth + jnp.where(takes[..., None], of_donor(change), 0.0),
    )


def _turned(xy: Any, focal: Any, key: Any, recipe: Recipe) -> Any:
    """The picture of a camera turned about its centre and zoomed: a homography, exact for any scene."""
    turn_key, zoom_key = jax.random.split(key)
    spread = jnp.deg2rad(jnp.array((recipe.turn_deg, recipe.turn_deg, recipe.roll_deg)))
    pan, tilt, roll = (jax.random.normal(turn_key, (len(xy), 3)) * spread).T
    focal = focal[:, None, None]

    def turn(a: Any, b: Any, angle: Any) -> tuple[Any, Any]:
        cos, sin = jnp.cos(angle)[:, None, None], jnp.sin(angle)[:, None, None]
        return cos * a - sin * b, sin * a + cos * b

    x, y, ahead = xy[..., 0], xy[..., 1], jnp.broadcast_to(focal, xy.shape[:-1])
    x, ahead = turn(x, ahead, pan)
    y, ahead = turn(y, ahead, tilt)
    x, y = turn(x, y, roll)
    zoom = jnp.exp(jax.random.normal(zoom_key, (len(xy), 1, 1)) * recipe.zoom)
    scale = zoom * focal / jnp.maximum(ahead, 0.05)
    return jnp.stack([x * scale, y * scale], -1), zoom


def _varied(batch: Batch, key: Any, recipe: Recipe) -> tuple[Batch, Any, Any]:
    """The same sessions from slightly other cameras and people; weights of the reference; known groups."""
    count = len(batch.xy)
    keys = jax.random.split(key, 11)
    batch = _composed(batch, keys[10], recipe)
    xy, zoom = _turned(batch.xy, batch.focal, keys[0], recipe)
    nudged, _ = _turned(
        xy.reshape(-1, 1, *xy.shape[2:]),
        jnp.repeat(batch.focal, xy.shape[1]),
        keys[8],
        replace(recipe, turn_deg=recipe.nudge_deg, roll_deg=recipe.nudge_deg / 3, zoom=0.0),
    )
    is_nudged = jax.random.uniform(keys[9], xy.shape[:2]) < batch.nudge[:, None]
    is_nudged = is_nudged & (jnp.arange(xy.shape[1]) >= NEUTRAL_FRAMES)
    xy = jnp.where(is_nudged[..., None, None], nudged.reshape(xy.shape), xy)
    scale = jnp.median(_body_scale(xy), axis=1, keepdims=True)
    bias = jax.random.normal(keys[1], (count, 1, *xy.shape[2:])) * recipe.bias
    xy = xy + (bias + jax.random.normal(keys[2], xy.shape) * recipe.noise) * scale[..., None]
    depth = batch.depth * zoom + jax.random.normal(keys[3], batch.depth.shape) * recipe.noise * scale
    world = batch.world + jax.random.normal(keys[4], batch.world.shape) * recipe.world_noise_m
    # A random selection of the neutral pictures, at least one, serves as the reference.
    usable = batch.usable[:, :NEUTRAL_FRAMES]
    lot = jax.random.uniform(keys[5], usable.shape) * usable
    taken = usable & ((lot > 0.3) | (lot == lot.max(1, keepdims=True)))
    weights = jnp.zeros(batch.usable.shape).at[:, :NEUTRAL_FRAMES].set(taken * 1.0)
    is_missing = jax.random.uniform(keys[6], (count, 1, 1)) < recipe.missing
    drop = is_missing & (jax.random.uniform(keys[7], (count, 1, len(GROUPS))) < recipe.group_missing)
    has = jnp.broadcast_to(1.0 - drop, (*batch.usable.shape, len(GROUPS)))
    return batch._replace(xy=xy, depth=depth, world=world), weights, has


def _relative(batch: Batch, weights: Any, has: Any) -> tuple[Any, Any, Any]:
    """Inputs, which of them are known, and true changes, against the reference given by the weights."""
    now = Points(batch.xy, batch.depth, batch.world, batch.visibility, has)
    neutral = Points(
        _mean(batch.xy, weights),
        _mean(batch.depth, weights),
        _mean(batch.world, weights),
        _mean(batch.visibility, weights),
        has[:, :1],
    )
    values, known = inputs(now, neutral, jnp)
    return values, known, batch.truth - _mean(batch.truth, weights)


def _plain(batch: Batch) -> tuple[Any, Any, Any]:
    first = np.zeros(batch.usable.shape, np.float32)
    first[:, :NEUTRAL_FRAMES] = batch.usable[:, :NEUTRAL_FRAMES]
    return _relative(batch, jnp.asarray(first), jnp.ones((*batch.usable.shape, len(GROUPS))))


def _start(key: Any, sizes: tuple[int, ...]) -> list[tuple[Any, Any]]:
    layers = []
    for before, after in itertools.pairwise(sizes):
        key, part = jax.random.split(key)
        gain = 0.3 if after == sizes[-1] else 2.0
        layers.append((jax.random.normal(part, (before, after)) * np.sqrt(gain / before), jnp.zeros(after)))
    return layers


def _run(layers: list[tuple[Any, Any]], values: Any, key: Any, dropout: float) -> Any:
    for weights, bias in layers[:-1]:
        values = jax.nn.silu(values @ weights + bias)
        key, part = jax.random.split(key)
        values = values * jax.random.bernoulli(part, 1 - dropout, values.shape) / (1 - dropout)
    weights, bias = layers[-1]
    return values @ weights + bias


def train(sessions: Sessions, recipe: Recipe, seed: int, *, name: str = "") -> Network:
    """One network, trained on these sessions and their mirror images."""
    batch = as_batch(sessions, recipe)
    enough = batch.usable[:, :NEUTRAL_FRAMES].sum(1) >= 2
    batch = Batch(*(part[enough] for part in batch))
    values, _, truth = (np.asarray(part) for part in _plain(batch))
    centre, spread = values[batch.usable].mean(0), values[batch.usable].std(0) + 1e-3
    unit = truth[batch.usable].std(0)
    batch = Batch(*(np.concatenate(pair) for pair in zip(batch, mirrored(batch), strict=True)))
    count, outputs = len(batch.xy), len(OUTPUTS)
    steps = count // recipe.batch
    layers = _start(jax.random.PRNGKey(seed), (len(centre), *recipe.hidden, len(TRUTHS) + outputs))
    rate = optax.warmup_cosine_decay_schedule(
        0.0, recipe.rate, recipe.epochs * steps // 20, recipe.epochs * steps, recipe.rate / 100
    )
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=recipe.weight_decay)
    )

    def loss(layers: Any, part: Batch, key: Any) -> Any:
        vary_key, drop_key = jax.random.split(key)
        varied, weights, has = _varied(part, vary_key, recipe)
        values, known, truth = _relative(varied, weights, has)
        values = jnp.clip((values - centre) / spread, -8, 8) * known
        found = _run(layers, values, drop_key, recipe.dropout)
        error = jnp.abs(found[..., : len(TRUTHS)] - truth / unit)
        # Laplace's likelihood: the median as the estimate, and a width that fits its errors.
        log_width = jnp.clip(found[..., len(TRUTHS) :], -4, 3)
        told = (error[..., :outputs] * (jnp.exp(-log_width) + recipe.plain_weight) + log_width).sum(-1)
        beside = recipe.others_weight * error[..., outputs:].sum(-1)
        usable = part.usable * 1.0
        return ((told + beside) * usable).sum() / usable.sum()

    @jax.jit  # type: ignore[untyped-decorator, unused-ignore]
    def step(layers: Any, state: Any, mean: Any, part: Batch, key: Any, share: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(layers, part, key)
        change, state = optimiser.update(slopes, state, layers)
        layers = optax.apply_updates(layers, change)
        mean = jax.tree.map(lambda old, new: share * old + (1 - share) * new, mean, layers)
        return layers, state, mean, value

    order = np.random.default_rng(seed)
    state, mean, done, started = optimiser.init(layers), layers, 0, time.monotonic()
    for epoch in range(recipe.epochs):
        total, shuffled = 0.0, order.permutation(count)
        for number in range(steps):
            rows = shuffled[number * recipe.batch : (number + 1) * recipe.batch]
            share = min(recipe.averaging, (done + 1) / (done + 10))
            key = jax.random.fold_in(jax.random.PRNGKey(seed + 1), done)
            part = Batch(*(values[rows] for values in batch))
            layers, state, mean, value = step(layers, state, mean, part, key, share)
            total, done = total + float(value), done + 1
        if epoch % 25 == 24:
            print(
                f"{name} epoch {epoch + 1}: {total / steps:.3f} ({time.monotonic() - started:.0f} s)",
                flush=True,
            )
    keep = [*range(outputs), *range(len(TRUTHS), len(TRUTHS) + outputs)]
    last_weights, last_bias = mean[-1]
    kept = [*mean[:-1], (last_weights[:, keep], last_bias[jnp.array(keep)])]
    return Network(
        centre=centre,
        spread=spread,
        unit=unit[:outputs],
        layers=tuple((np.asarray(weights), np.asarray(bias)) for weights, bias in kept),
    )


def _train_fold(job: tuple[Path, Recipe, int, int, int]) -> Network:
    path, recipe, fold, folds, seed = job
    sessions = Sessions.load(path)
    others = sessions.folds(folds) != fold
    return train(sessions.take(others), recipe, seed + 1000 * fold, name=f"fold {fold}")


def train_folds(path: Path, recipe: Recipe, folds: int, seed: int = 0) -> list[Network]:
    """One network for each fold, trained without that fold; in parallel processes."""
    jobs = [(path, recipe, fold, folds, seed) for fold in range(folds)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_train_fold, jobs))


def fitted(networks: list[Network], sessions: Sessions, folds: int) -> tuple[FloatArray, dict[int, int]]:
    """Factors from error scales to 90 % intervals, on sessions that each network has not seen; the folds."""
    fold = sessions.folds(folds)
    fold_of = dict(zip(sessions.fingerprints().tolist(), fold.tolist(), strict=True))
    ratios, shares = [], []
    unit = np.ones((len(OUTPUTS), len(PROFILE_SHARES)))
    for number, network in enumerate(networks):
        relative = Relative.of(sessions.take(fold == number))
        alone = AngleEstimator((network,), unit, {})
        values, scales = alone.run(relative.now, relative.neutral)
        error = np.abs(values - relative.change[:, : len(OUTPUTS)])
        ratios.append((error / scales)[relative.usable])
        shares.append(frontal_share(relative.neutral)[relative.usable])
    ratio, share = np.concatenate(ratios), np.concatenate(shares)
    nearest = np.abs(share[:, None] - np.array(PROFILE_SHARES)).argmin(axis=1)
    factor = np.stack(
        [np.quantile(ratio[nearest == view], 0.9, axis=0) for view in range(len(PROFILE_SHARES))], axis=-1
    )
    return WIDENED * factor, fold_of


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=HERE / "data" / "sessions.npz")
    parser.add_argument("--out", type=Path, default=HERE / "angle_estimator.npz")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="change the recipe, to try"
    )
    options = parser.parse_args()
    changes = {
        name: ast.literal_eval(value) for name, _, value in (item.partition("=") for item in options.set)
    }
    recipe = replace(Recipe(), **changes)
    networks = train_folds(options.data, recipe, options.folds)
    sessions = Sessions.load(options.data)
    factor, fold_of = fitted(networks, sessions, options.folds)
    save_weights(options.out, networks, factor, fold_of)
    print(f"Wrote {options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
