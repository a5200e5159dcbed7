"""How right posture_cam is, beside the rules of other tools, on people whose true posture is known.

    python benchmarks/accuracy.py                      the sessions of models/data and the clips of samples/
    python benchmarks/accuracy.py --data FILE.npz ...  other sessions, or recordings of real people
    python benchmarks/accuracy.py --write-docs         also renew the tables of docs/accuracy.md

Needs no training.  Sessions that the estimator was trained on are judged only by the network that has not
seen them.  docs/accuracy.md explains formats and figures.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "models"), str(ROOT / "benchmarks")]

from rules import RULES
from sessions import Relative, Sessions

from posture_cam.alerts import AlertPolicy
from posture_cam.assessment.judge import Judge
from posture_cam.assessment.learning import learned_factors
from posture_cam.assessment.scoring import corrected, is_sign
from posture_cam.geometry import AngleEstimator, compare
from posture_cam.geometry.estimator import OUTPUTS
from posture_cam.geometry.points import Points
from posture_cam.ids import Label, Measure, State
from posture_cam.measures import MeasureTable, load_measures
from posture_cam.records import FloatArray, Measures, Observation, Pose
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.neutrals import found_neutral, load_estimator, moments_of, neutral_from
from posture_cam.session.pipeline import Pipeline
from posture_cam.session.poses import given_poses, recorded_poses
from posture_cam.settings import StateSettings, load_settings

OURS = "posture_cam"
DOCS = ROOT / "docs" / "accuracy.md"
# What counts as bad in sessions: change from neutral of neck (deg), trunk (deg), drop of the shoulders (cm).
BAD = np.array([12.0, 10.0, 5.0])
# Good limits for a single picture. The program uses lower limits, because noise averages out over time.
_GOOD_LIMITS = {
    Measure.NECK_INCLINATION_CHANGE: 12.0,
    Measure.TRUNK_INCLINATION_CHANGE: 10.0,
    Measure.SINKING: 6.5,
    Measure.EAR_DROP: 7.0,
}
_JUDGED = tuple((index, _GOOD_LIMITS[name]) for index, name in enumerate(OUTPUTS) if name in _GOOD_LIMITS)
_ERROR_SHARE = load_settings().state.error_share
_CALIBRATED_ON, _LEAST = 60, 6
# Pictures a second of recordings without times, and the height that all their pictures are given.
_UNTIMED_HZ, _HEIGHT_PX = 10.0, 720
# Simulated corrections: seeds, neighbours left out with each, and stretches with and without them.
_SEEDS, _NEIGHBOURS, _BLOCK_S = 20, 5, 5.0
_VIEWS = ("front", "front, camera below the eyes", "oblique", "side", "side, bent far")
# Changes of neck and trunk that count as bent far.
_FAR_DEG = np.array([30.0, 20.0])
_CLIPS = ("desk-side", "desk-laptop", "desk-monitor", "desk-oblique")
_BAD_LABELS, _GOOD_LABELS = ("slouch", "forward_head"), ("neutral", "look_down", "rest")
_EDGE_S = 1.0

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of one output.

    Attributes:
        mean, p95: Mean absolute error and its 95th percentile.
        correlation, slope, bias: Those of the estimate against the truth.
        inside: Share of truths inside the stated 90 % interval.
    """

    mean: float
    p95: float
    correlation: float
    slope: float
    bias: float
    inside: float

    @classmethod
    def of(cls, value: FloatArray, error: FloatArray, truth: FloatArray) -> Errors:
        """Errors of estimates with their half intervals."""
        off = np.abs(value - truth)
        slope, _ = np.polyfit(truth, value, 1)
        return cls(
            mean=float(off.mean()),
            p95=float(np.percentile(off, 95)),
            correlation=float(np.corrcoef(value, truth)[0, 1]),
            slope=float(slope),
            bias=float((value - truth).mean()),
            inside=float((off <= error).mean()),
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """How well a rule separates bad from good: AUC, good called bad and bad found at the rule's limits."""

    auc: float
    false: float
    found: float

    @classmethod
    def of(cls, score: FloatArray, called: Mask, bad: Mask) -> Telling:
        """The figures from scores (higher is worse), frames called bad, and frames that are bad."""
        known = np.isfinite(score)
        return cls(
            auc=auc(score[known], bad[known]),
            false=float(called[~bad].mean()),
            found=float(called[bad].mean()),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one group of frames."""

    recipe: str
    view: str
    frames: int
    errors: dict[str, Errors]
    rules: dict[str, Telling]


def auc(score: FloatArray, bad: Mask) -> float:
    """Chance that a bad frame scores above a good one (ties count half); NaN if one kind is missing."""
    count = int(bad.sum())
    if not 0 < count < len(bad):
        return float("nan")
    _, place, ties = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(ties) - (ties - 1) / 2)[place]
    return float((rank[bad].sum() - count * (count + 1) / 2) / (count * (len(bad) - count)))


def sureness(values: FloatArray, errors: FloatArray) -> FloatArray:
    """How surely a limit is passed: the largest distance beyond a limit in half intervals; above 0 is bad."""
    beyond = [(values[..., index] - limit) / errors[..., index] for index, limit in _JUDGED]
    return np.asarray(np.max(beyond, axis=0) + _ERROR_SHARE)


def estimates(
    estimator: AngleEstimator, sessions: Sessions, relative: Relative
) -> tuple[FloatArray, FloatArray]:
    """Values and half intervals; training sessions are judged only by the network that has not seen them."""
    values = np.full((len(sessions), len(OUTPUTS)), np.nan)
    errors = np.full_like(values, np.nan)
    prints = sessions.fingerprints()
    fold = np.array([estimator.fold_of.get(int(number), -1) for number in prints], dtype=np.intp)
    for number in np.unique(fold):
        rows = fold == number
        values[rows], errors[rows] = estimator.run(
            _taken(relative.now, rows), _taken(relative.neutral, rows), None if number < 0 else int(number)
        )
    return values, errors


def _taken(points: Points, rows: NDArray[Any]) -> Points:
    return Points(
        points.xy[rows], points.depth[rows], points.world[rows], points.visibility[rows], points.has[rows]
    )


def session_groups(estimator: AngleEstimator, path: Path) -> list[Group]:
    """Every recipe and view of rendered sessions."""
    sessions = Sessions.load(path)
    relative = Relative.of(sessions)
    values, errors = estimates(estimator, sessions, relative)
    truth = relative.change[:, : len(OUTPUTS)]
    bad: Mask = np.asarray((truth[:, : len(BAD)] > BAD).any(axis=1))
    ours = sureness(values, errors)
    with np.errstate(divide="ignore", invalid="ignore"):  # rows in which nobody was found
        scores = {name: rule(relative.now, relative.neutral) for name, rule in RULES.items()}
    groups = []
    for recipe in (*dict.fromkeys(sessions.recipe), "all"):
        for view in _VIEWS:
            rows = relative.usable & (sessions.view == view.split(",")[0])
            if recipe != "all":
                rows &= sessions.recipe == recipe
            if "below" in view:
                rows &= sessions.below_eyes
            if "far" in view:
                rows &= (np.abs(truth[:, :2]) > _FAR_DEG).any(axis=1)
            if not rows.any():
                continue
            telling = {}
            if 0 < bad[rows].sum() < rows.sum():
                telling[OURS] = Telling.of(ours[rows], ours[rows] > 0, bad[rows])
            for name, score in scores.items() if telling else ():
                telling[name] = Telling.of(score[rows], score[rows] > 1, bad[rows])
            groups.append(
                Group(
                    recipe=str(recipe),
                    view=view,
                    frames=int(rows.sum()),
                    errors={
                        name.value: Errors.of(values[rows, index], errors[rows, index], truth[rows, index])
                        for index, name in enumerate(OUTPUTS)
                    },
                    rules=telling,
                )
            )
    return groups


@dataclass(frozen=True, slots=True)
class Recording:
    """The figures of one recording of a real person.

    Attributes:
        rules: Each rule, picture by picture.
        given, found: The judgement over time, with a given neutral posture and with the posture found; None
            where there was nothing to compare with.
        found_upright: Share of the moments of the neutral posture found that are labelled good.
        learned: After each count of corrections, with `--corrections`: on all moments but those corrected and
            their neighbours, the same with nothing learned, and on stretches without any correction.
    """

    name: str
    frames: int
    calibrated_on: int
    rules: dict[str, Telling]
    given: Telling | None
    found: Telling | None
    found_upright: float
    learned: dict[str, list[Telling]] = field(default_factory=dict)


def real_recordings(
    estimator: AngleEstimator, path: Path, corrections: Sequence[int] = ()
) -> list[Recording]:
    """Recordings of real people, each calibrated on its first good frames."""
    with np.load(path, allow_pickle=False) as data:
        group, order, labels = data["group"], data["order"], data["label"]
        parts = _parts(data)
    found = []
    for name in dict.fromkeys(group.tolist()):
        rows = np.flatnonzero(group == name)
        rows = rows[np.argsort(order[rows], kind="stable")]
        landmarks, world, visibility, size, time_s = (part[rows] for part in parts)
        time_s = np.arange(len(rows)) / _UNTIMED_HZ if np.isnan(time_s).any() else time_s
        points = Points.of(landmarks, world, visibility, size)
        usable = np.isfinite(points.xy[:, 0, 0])
        bad = labels[rows] != "good"
        good = np.flatnonzero(usable & ~bad)
        first = good[: _CALIBRATED_ON if len(good) >= 4 * _CALIBRATED_ON else max(len(good) // 4, _LEAST)]
        if len(first) < _LEAST or not bad.any():
            continue
        rest = usable.copy()
        rest[first] = False
        neutral = _median(points, first)
        now = _taken(points, rest)
        values, errors = estimator.run(now, neutral)
        ours = sureness(values, errors)
        telling = {OURS: Telling.of(ours, ours > 0, bad[rest])}
        for rule, of in RULES.items():
            score = of(now, neutral)
            if np.isfinite(score).any():
                telling[rule] = Telling.of(score, score > 1, bad[rest])
        taken = np.flatnonzero(usable)
        poses = [
            _pose(float(time_s[row]), landmarks[row], world[row], visibility[row], float(size[row, 0]))
            for row in taken.tolist()
        ]
        told, _, seen = _over_time(poses, bad[taken], rest[taken], estimator)
        alone, upright, _ = _over_time(poses, bad[taken], rest[taken], estimator, is_told=False)
        learned = _learned(seen, bad[taken], rest[taken], corrections) if corrections and seen else {}
        found.append(
            Recording(
                str(name) or "recording", int(rest.sum()), len(first), telling, told, alone, upright, learned
            )
        )
    return found


def _parts(data: np.lib.npyio.NpzFile) -> tuple[FloatArray, ...]:
    """Landmarks, world landmarks, visibility, sizes and times of a file; NaN where it does not have them."""
    xy, count = data["xy"].astype(np.float64), len(data["xy"])
    shape = np.broadcast_to(data["aspect"], (count,)).astype(np.float64)
    optional = {"world": (count, 33, 3), "visibility": (count, 33), "time_s": (count,)}
    world, visibility, time_s = (
        data[name].astype(np.float64) if name in data.files else np.full(wanted, np.nan)
        for name, wanted in optional.items()
    )
    landmarks = np.concatenate([xy, data["z"].astype(np.float64)[..., None]], axis=-1)
    return landmarks, world, visibility, np.stack([shape, np.ones(count)], axis=-1), time_s


def _pose(
    time_s: float, landmarks: FloatArray, world: FloatArray, visibility: FloatArray, aspect: float
) -> Pose:
    """A moment as the program gets it; without a visibility, each landmark that is known counts as seen."""
    has = np.isfinite(landmarks[:, :2]).all(axis=-1)
    seen = np.where(np.isnan(visibility), np.where(has, 1.0, np.nan), visibility)
    return Pose(
        timestamp_s=time_s,
        landmarks=landmarks.astype(np.float32),
        world_landmarks=world.astype(np.float32) if np.isfinite(world).all() else None,
        visibility=seen.astype(np.float32),
        presence=seen.astype(np.float32),
        image_size_wh=(round(_HEIGHT_PX * aspect), _HEIGHT_PX),
    )


def _over_time(
    poses: Sequence[Pose], bad: Mask, rest: Mask, estimator: AngleEstimator, *, is_told: bool = True
) -> tuple[Telling | None, float, list[Observation]]:
    """The judgement that users get: scores, and moments called fair or poor.

    Args:
        poses: All moments of a recording.
        bad: Which of them are bad.
        rest: Which of them count; the others are those to calibrate on.
        estimator: For the pipeline.
        is_told: Calibrate on those; else the program finds a neutral posture by itself.

    Returns:
        The figures, the share of the moments of the neutral posture that are good, and the moments.
    """
    settings = load_settings()
    given = given_poses(poses, settings, "recording")
    if is_told:
        features = [look.features for look, is_rest in zip(given.looks, rest, strict=True) if not is_rest]
        neutral = neutral_from(features, given.header, settings)
    else:
        neutral = found_neutral(given, settings)
    if neutral is None:
        return None, float("nan"), []
    judging = Pipeline(neutral, settings, estimator, AlertPolicy(settings.alerts))
    judging.begin(given.header.source, given.header.model)
    seen = [one for moment in judging.measure(given.looks) for one in judging.judge(moment).settled]
    seen += judging.finish(given.end_s)
    score = np.array([np.nan if (at := one.assessment.score) is None else 100.0 - at for one in seen])
    called = np.array([one.assessment.state in (State.FAIR, State.POOR) for one in seen])
    time_s = np.array([pose.timestamp_s for pose in poses])
    start_s, end_s = neutral.start_s or 0.0, neutral.end_s or 0.0
    inside = (time_s >= start_s) & (time_s <= end_s)
    upright = float((~bad[inside]).mean()) if neutral.is_personal else float("nan")
    return Telling.of(score[rest], called[rest], bad[rest]), upright, seen


def _learned(
    seen: Sequence[Observation], bad: Mask, rest: Mask, counts: Sequence[int]
) -> dict[str, list[Telling]]:
    """Simulated corrections: random moments that are judged wrongly, each told what it is.

    Moments are bad where the signs of slouching by their good limits, as the root of the sum of squares, are
    above 1.  Means over seeds.
    """
    table, settings = load_measures("estimated"), load_settings().state
    signs = [name for name in OUTPUTS if is_sign(name, table[name])]
    sizes = np.array([[_size(one.measures, name, table, settings) for name in signs] for one in seen])
    known = np.array([any(name in one.measures.values for name in signs) for one in seen])
    block = np.array([int(one.assessment.timestamp_s // _BLOCK_S) for one in seen])
    ways = {"left out": True, "nothing learned": False, "elsewhere": True}
    found: dict[str, list[list[Telling | None]]] = {way: [] for way in ways}
    for seed in range(_SEEDS):
        for way, is_learning in ways.items():
            rng = np.random.default_rng(seed)
            told: list[tuple[Measures, Label]] = []
            factors: dict[Measure, float] = {}
            judged = rest & known
            may = judged & (block % 2 == seed % 2) if way == "elsewhere" else judged.copy()
            asked = judged & ~may if way == "elsewhere" else judged.copy()
            row = []
            for count in counts:
                while len(told) < count:
                    size = _together(sizes, signs, factors)
                    wrong = np.flatnonzero(may & ((size > 1) != bad))
                    if not wrong.size:
                        break
                    at = int(rng.choice(wrong))
                    told.append((seen[at].measures, Label.BAD if bad[at] else Label.GOOD))
                    near = slice(max(at - _NEIGHBOURS, 0), at + _NEIGHBOURS + 1)
                    may[near] = False
                    if way != "elsewhere":
                        asked[near] = False
                    if is_learning:
                        factors = learned_factors(told, table, settings)
                size = _together(sizes, signs, factors)
                row.append(_telling(size[asked], bad[asked]))
            found[way].append(row)
    return {
        way: [one for many in zip(*rows, strict=True) if (one := _mean([t for t in many if t])) is not None]
        for way, rows in found.items()
    }


def _size(measures: Measures, name: Measure, table: MeasureTable, settings: StateSettings) -> float:
    told = corrected(measures.values, measures.errors, settings.error_share)
    good = table[name].good
    assert good is not None
    return max(told.get(name, 0.0), 0.0) / good


def _together(sizes: FloatArray, signs: Sequence[Measure], factors: dict[Measure, float]) -> FloatArray:
    by = np.array([factors.get(name, 1.0) for name in signs])
    return np.asarray(np.sqrt(((sizes / by) ** 2).sum(axis=1)))


def _telling(size: FloatArray, bad: Mask) -> Telling | None:
    return Telling.of(size, size > 1, bad) if 0 < bad.sum() < bad.size else None


def _median(points: Points, rows: NDArray[Any]) -> Points:
    some = _taken(points, rows)

    def median(part: FloatArray) -> FloatArray:
        return np.asarray(np.median(part, axis=0, keepdims=True))

    return Points(
        median(some.xy),
        median(some.depth),
        median(some.world),
        median(some.visibility),
        some.has.min(axis=0, keepdims=True),
    )


@dataclass(frozen=True, slots=True)
class Clip:
    """How a clip with known truth is judged over time.

    Attributes:
        onset_s, release_s: Time from the start of a bad stretch to fair or poor, and from its end to good, in
            a live run.
        wrong_s_per_min: Seconds judged wrongly, in hindsight, per minute of labelled time.
        found: Share of each bad label's samples that are fair or poor.
        good: Share of the good labels' samples that are good.
        false_alerts: Alerts outside bad stretches.
        neck_error_deg, trunk_error_deg: Mean absolute errors of the smoothed measures.
    """

    name: str
    onset_s: list[float]
    release_s: list[float]
    wrong_s_per_min: float
    found: dict[str, float]
    good: float
    false_alerts: int
    neck_error_deg: float
    trunk_error_deg: float


def clip(name: str, folder: Path, *, use_estimator: bool = True) -> Clip:
    """Judge one of the samples: live for delays, in hindsight for the rest."""
    rows = _rows(ROOT / "samples" / f"{name}.csv")
    times = np.array([float(row["t"]) for row in rows])
    labels = np.array([row["label"] for row in rows])
    stretches = list(_stretches(times, labels))
    neutral_s = next((start, end) for label, start, end in stretches if label == "neutral")
    poses_path, table_path = folder / f"{name}.poses.jsonl", folder / f"{name}.csv"
    if not poses_path.exists():
        analyze(AnalysisRequest(ROOT / "samples" / f"{name}.mp4", poses=poses_path))
    summary = analyze(
        AnalysisRequest(poses_path, neutral_s=neutral_s, csv=table_path, estimator=use_estimator)
    )
    samples = _rows(table_path)
    at = np.array([float(row["timestamp_s"]) for row in samples])
    state = np.array([row["state"] for row in samples])
    label_at = labels[np.abs(times[:, None] - at[None]).argmin(axis=0)]
    inner = np.array([_is_inner(moment, stretches) for moment in at])
    is_off = np.isin(state, ("fair", "poor"))
    bad, good = np.isin(label_at, _BAD_LABELS) & inner, np.isin(label_at, _GOOD_LABELS) & inner
    wrong = (bad & (state == "good")) | (good & is_off)
    live = list(_live_states(poses_path, neutral_s, use_estimator=use_estimator))
    bad_stretches = [(start, end) for label, start, end in stretches if label in _BAD_LABELS]
    return Clip(
        name=name,
        onset_s=[_delay(live, start, end, (State.FAIR, State.POOR)) for start, end in bad_stretches],
        release_s=[_delay(live, end, end + 10.0, (State.GOOD,)) for _, end in bad_stretches],
        wrong_s_per_min=float(60.0 * wrong.sum() / max((bad | good).sum(), 1)),
        found={
            label: float(is_off[(label_at == label) & inner].mean())
            for label in _BAD_LABELS
            if (label_at == label).any()
        },
        good=float((state[good] == "good").mean()),
        false_alerts=sum(
            not any(start <= alert.timestamp_s <= end + 3.0 for start, end in bad_stretches)
            for alert in summary.alerts
        ),
        neck_error_deg=_clip_error(samples, at, times, rows, neutral_s, "neck"),
        trunk_error_deg=_clip_error(samples, at, times, rows, neutral_s, "trunk"),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _clip_error(
    samples: list[dict[str, str]],
    at: FloatArray,
    times: FloatArray,
    rows: list[dict[str, str]],
    neutral_s: tuple[float, float],
    part: str,
) -> float:
    true = np.array([float(row[f"{part}_inclination"] or "nan") for row in rows])
    inside = (times >= neutral_s[0]) & (times <= neutral_s[1])
    change = np.interp(at, times, true - np.nanmedian(true[inside]))
    told = np.array([float(row[f"{part}_inclination_change_deg"] or "nan") for row in samples])
    return float(np.nanmean(np.abs(told - change)))


def _stretches(times: FloatArray, labels: NDArray[np.str_]) -> Iterator[tuple[str, float, float]]:
    edges = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(labels)]
    for first, after in itertools.pairwise(edges):
        yield str(labels[first]), float(times[first]), float(times[min(after, len(times) - 1)])


def _is_inner(moment: float, stretches: Sequence[tuple[str, float, float]]) -> bool:
    return any(start + _EDGE_S <= moment <= end - _EDGE_S for _, start, end in stretches)


def _live_states(
    poses_path: Path, neutral_s: tuple[float, float], *, use_estimator: bool
) -> Iterator[tuple[float, State]]:
    settings, poses = load_settings(), recorded_poses(poses_path, load_settings())
    neutral = neutral_from(moments_of(poses, neutral_s), poses.header, settings)
    assert neutral is not None
    assert neutral.pose is not None
    estimates, judge = load_estimator().against(neutral.pose), Judge(neutral, settings)
    for look in poses.looks:
        pose = look.features.pose
        estimate = estimates.of(pose) if use_estimator and pose is not None else None
        _, assessment = judge.judge(compare(look.features, neutral, settings, estimate))
        yield look.sample.timestamp_s, assessment.state


def _delay(live: list[tuple[float, State]], start: float, end: float, wanted: tuple[State, ...]) -> float:
    """The time from a moment to the first wanted state; NaN if it does not come in time."""
    return next(
        (time - start for time, state in live if start <= time <= end and state in wanted), float("nan")
    )


# ---- words ----


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


_UNITS = {Measure.SINKING: "cm", Measure.EAR_DROP: "cm"}
_SHORT = {
    Measure.NECK_INCLINATION_CHANGE: "neck",
    Measure.TRUNK_INCLINATION_CHANGE: "trunk",
    Measure.SINKING: "shoulder drop",
    Measure.EAR_DROP: "ear drop",
    Measure.HEAD_PITCH_CHANGE: "head pitch",
    Measure.HEAD_YAW_CHANGE: "head yaw",
}


def error_table(groups: list[Group]) -> str:
    """Errors by recipe, view and output."""
    head = (
        "recipe",
        "view",
        "frames",
        "",
        "mean error",
        "95th percentile",
        "correlation",
        "slope",
        "bias",
        "in 90 % interval",
    )
    rows = []
    for group in groups:
        for index, name in enumerate(OUTPUTS[:4]):
            errors, unit = group.errors[name.value], _UNITS.get(name, "°")
            gap = "" if unit == "°" else " "
            first = (group.recipe, group.view, f"{group.frames:,}") if not index else ("", "", "")
            rows.append(
                (
                    *first,
                    _SHORT[name],
                    f"{errors.mean:.2f}{gap}{unit}",
                    f"{errors.p95:.1f}{gap}{unit}",
                    f"{errors.correlation:.3f}",
                    f"{errors.slope:.2f}",
                    f"{errors.bias:+.2f}{gap}{unit}",
                    f"{errors.inside:.0%}".replace("%", " %"),
                )
            )
    return _table(head, rows)


def rule_table(groups: list[Group]) -> str:
    """AUC, false alarms and recall of each rule."""
    head = ("recipe", "view", *(f"{name}" for name in (OURS, *RULES)))
    rows = [
        (group.recipe, group.view, *(_telling_words(group.rules.get(name)) for name in (OURS, *RULES)))
        for group in groups
        if group.rules
    ]
    return _table(head, rows)


def recording_table(recordings: list[Recording]) -> str:
    """The same for recordings of real people, with their mean."""
    head = ("recording", "frames", *(f"{name}" for name in (OURS, *RULES)))
    rows = [
        (item.name, f"{item.frames}", *(_telling_words(item.rules.get(name)) for name in (OURS, *RULES)))
        for item in recordings
    ]
    if len(recordings) > 1:
        means = [
            _mean([item.rules[name] for item in recordings if name in item.rules]) for name in (OURS, *RULES)
        ]
        rows.append(("mean", f"{sum(item.frames for item in recordings)}", *map(_telling_words, means)))
    return _table(head, rows)


def over_time_table(recordings: list[Recording]) -> str:
    """The judgement over time of recordings of real people, and its mean."""
    head = ("recording", "neutral given", "neutral found", "the found neutral is good")
    rows = [
        (item.name, _telling_words(item.given), _telling_words(item.found), _share_words(item.found_upright))
        for item in recordings
    ]
    if len(recordings) > 1:
        told, found = (
            _telling_words(_mean([one for one in tellings if one is not None]))
            for tellings in zip(*((item.given, item.found) for item in recordings), strict=True)
        )
        rows.append(("mean", told, found, ""))
    return _table(head, rows)


def learned_table(recordings: list[Recording], counts: Sequence[int]) -> str:
    """AUC, false alarms and recall after corrections, and their means."""
    head = ("recording", "judged on", *(f"{count} corrections" for count in counts))
    rows: list[tuple[str, ...]] = []
    items = [item for item in recordings if item.learned]
    for item in items:
        for way, tellings in item.learned.items():
            rows.append((item.name, way, *map(_telling_words, tellings)))
    for way in items[0].learned if items else ():
        many = zip(*(item.learned[way] for item in items), strict=True)
        rows.append(("mean", way, *(_telling_words(_mean(list(one))) for one in many)))
    return _table(head, rows)


def _share_words(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if np.isfinite(share) else ""


def clip_table(clips: list[Clip]) -> str:
    """The figures over time."""
    head = (
        "clip",
        "onset",
        "release",
        "wrong per minute",
        "slouch found",
        "forward head found",
        "good called good",
        "false alerts",
        "neck error",
        "trunk error",
    )
    rows = [
        (
            item.name,
            ", ".join(f"{delay:.1f} s" for delay in item.onset_s),
            ", ".join(f"{delay:.1f} s" for delay in item.release_s),
            f"{item.wrong_s_per_min:.1f} s",
            *(
                f"{item.found[label]:.0%}".replace("%", " %") if label in item.found else ""
                for label in _BAD_LABELS
            ),
            f"{item.good:.0%}".replace("%", " %"),
            f"{item.false_alerts}",
            f"{item.neck_error_deg:.1f}°",
            f"{item.trunk_error_deg:.1f}°",
        )
        for item in clips
    ]
    return _table(head, rows)


def _telling_words(telling: Telling | None) -> str:
    if telling is None or not np.isfinite(telling.auc):
        return ""
    return f"{telling.auc:.3f} ({100 * telling.false:.1f} / {100 * telling.found:.0f} %)"


def _mean(tellings: list[Telling]) -> Telling | None:
    if not tellings:
        return None
    return Telling(
        *(float(np.mean([getattr(item, name) for item in tellings])) for name in Telling.__slots__)
    )


def write_docs(tables: dict[str, str], path: Path = DOCS) -> None:
    """Write each table between its two marks in the page."""
    text = path.read_text("utf-8")
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{path} has no place for {name}")
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        text = pattern.sub(lambda _: "\0", text).replace("\0", f"{start}\n\n{table}\n\n{end}")
    path.write_text(text, "utf-8")


@dataclass(slots=True)
class Report:
    """Everything measured in one run."""

    groups: dict[str, list[Group]] = field(default_factory=dict)
    recordings: dict[str, list[Recording]] = field(default_factory=dict)
    clips: list[Clip] = field(default_factory=list)


def measure(
    paths: Sequence[Path],
    estimator: AngleEstimator,
    *,
    with_clips: bool,
    corrections: Sequence[int] = (),
) -> Report:
    """Measure on data sets of either format and, if asked for, on the clips."""
    report = Report()
    for path in paths:
        with np.load(path, allow_pickle=False) as data:
            is_real = "xy" in data.files
        if is_real:
            report.recordings[path.stem] = real_recordings(estimator, path, corrections)
        else:
            report.groups[path.stem] = session_groups(estimator, path)
    if with_clips:
        with tempfile.TemporaryDirectory() as folder:
            report.clips = [clip(name, Path(folder)) for name in _CLIPS]
    return report


def _known(value: Any) -> Any:
    """The same with null for unknown figures, because JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def retrained(path: Path, folds: int) -> AngleEstimator:
    """An estimator trained anew by folds, for --cross-validate."""
    from train_angle_estimator import Recipe, fitted, train_folds

    networks = train_folds(path, Recipe(), folds)
    factor, fold_of = fitted(networks, Sessions.load(path), folds)
    return AngleEstimator(tuple(networks), factor, fold_of)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, nargs="+", help="data sets instead of models/data/sessions.npz")
    parser.add_argument(
        "--corrections",
        metavar="N,...",
        help="of recordings: after so many simulated corrections, such as 0,3,6,10",
    )
    parser.add_argument("--json", type=Path, help="write every figure")
    parser.add_argument("--cross-validate", action="store_true", help="retrain by session folds first (long)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--no-clips", action="store_true", help="leave the clips out")
    parser.add_argument("--write-docs", action="store_true", help="renew the tables of docs/accuracy.md")
    options = parser.parse_args()
    paths = options.data or [ROOT / "models" / "data" / "sessions.npz"]
    for path in paths:
        if not path.is_file():
            sys.exit(f"{path} does not exist.")
    try:
        counts = sorted({int(count) for count in (options.corrections or "").split(",") if count})
    except ValueError:
        sys.exit(f"--corrections {options.corrections!r}: write counts, such as 0,3,6,10.")
    if options.write_docs and (options.data or options.cross_validate):
        sys.exit("--write-docs is for the data and weights of the repository; leave the other options out.")
    if options.json and not options.json.absolute().parent.is_dir():
        sys.exit(f"The folder of {options.json} does not exist.")
    try:
        estimator = retrained(paths[0], options.folds) if options.cross_validate else load_estimator()
        report = measure(
            paths,
            estimator,
            with_clips=options.data is None and not options.no_clips,
            corrections=counts,
        )
    except ImportError as error:
        sys.exit(f"Training needs its own group: uv run --group train python {Path(__file__).name} ({error})")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        sys.exit(f"A data set cannot be used: {error}. docs/accuracy.md describes the formats.")
    tables = {}
    for name, groups in report.groups.items():
        tables["errors"], tables["rules"] = error_table(groups), rule_table(groups)
        print(f"{name}\n\n{tables['errors']}\n\nAUC (good called bad / bad found)\n\n{tables['rules']}\n")
    for name, recordings in report.recordings.items():
        print(f"{name}: AUC (good called bad / bad found)\n\n{recording_table(recordings)}\n")
        print(f"{name}, judged over time\n\n{over_time_table(recordings)}\n")
    if counts:
        everybody = [item for items in report.recordings.values() for item in items]
        print(f"After corrections: AUC (good called bad / bad found)\n\n{learned_table(everybody, counts)}\n")
    if report.clips:
        tables["clips"] = clip_table(report.clips)
        print(tables["clips"])
    if options.json:
        options.json.write_text(json.dumps(_known(asdict(report)), indent=1, default=float), "utf-8")
    if options.write_docs:
        write_docs(tables)


if __name__ == "__main__":
    main()
