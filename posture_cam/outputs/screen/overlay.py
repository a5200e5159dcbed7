"""Drawing what was measured onto a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.ids import LANDMARK_COUNT, AlertKind, Landmark, Measure, State
from posture_cam.measures import GROUP_WEIGHTS, load_measures, shown_in
from posture_cam.records import Alert, Assessment, FloatArray, Measures, Neutral, Tip
from posture_cam.words import error_words, sentence, value_words, words_for, words_of

Colour = tuple[int, int, int]
Point = tuple[int, int]

# Blue-green-red.  The colours also differ in lightness, and the state's name always stands beside them.
STATE_COLOURS: dict[State, Colour] = {
    State.GOOD: (120, 190, 60),
    State.FAIR: (60, 190, 250),
    State.POOR: (70, 70, 235),
    State.AWAY: (150, 150, 150),
    State.UNJUDGED: (150, 150, 150),
}
WHITE: Colour = (255, 255, 255)
INK: Colour = (40, 33, 28)
_FINE_BITS = 4  # OpenCV draws at fractions of a pixel by fixed-point coordinates

_EARS = (Landmark.LEFT_EAR, Landmark.RIGHT_EAR)
_SHOULDERS = (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER)
_HIPS = (Landmark.LEFT_HIP, Landmark.RIGHT_HIP)
_BONES = (
    _SHOULDERS,
    (Landmark.LEFT_SHOULDER, Landmark.LEFT_ELBOW),
    (Landmark.LEFT_ELBOW, Landmark.LEFT_WRIST),
    (Landmark.RIGHT_SHOULDER, Landmark.RIGHT_ELBOW),
    (Landmark.RIGHT_ELBOW, Landmark.RIGHT_WRIST),
    (Landmark.LEFT_SHOULDER, Landmark.LEFT_HIP),
    (Landmark.RIGHT_SHOULDER, Landmark.RIGHT_HIP),
    _HIPS,
)
_JOINTS = (Landmark.NOSE, *_EARS, *_SHOULDERS, Landmark.LEFT_ELBOW, Landmark.RIGHT_ELBOW, *_HIPS)
_FACE = slice(Landmark.NOSE, Landmark.LEFT_SHOULDER)
_SEEN_FROM = 0.5
# The height left for a tip below the small figure.
_TIP_SHARE = 0.25
# Below this a picture has no room for words.
_WORDS_FROM_PX = 160


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The content of a drawing: the judgement of a moment, and the landmarks to draw it on.

    Attributes:
        landmarks: (33, 2), fractions of the picture, or None where nobody is seen.
        visibility: (33,), or None.
        tip: A tip against the worst fault now, or None.
        alert: The alert that a live run would show now, or None.
        shows_coverage: Say which groups of measures were judged.
        keys: The keys that answer a question, if there are any.
    """

    measures: Measures
    assessment: Assessment
    landmarks: FloatArray | None
    visibility: FloatArray | None
    tip: Tip | None = None
    alert: Alert | None = None
    shows_coverage: bool = False
    keys: str = ""


class Overlay:
    """Draws skeleton, angle arcs, the neutral posture as a ghost, state, score and tip."""

    def __init__(self, neutral: Neutral | None, *, is_mirrored: bool = False) -> None:
        pose = neutral.pose if neutral is not None and neutral.is_personal else None
        self._ghost = pose.landmarks[:, :2] if pose is not None else None
        if is_mirrored and self._ghost is not None:
            self._ghost = mirrored(self._ghost)

    def draw(self, image_bgr: NDArray[np.uint8], scene: Scene) -> None:
        """Draw onto the picture, in place."""
        height, width = image_bgr.shape[:2]
        line_px = max(1, round(min(height, width) / 240))
        colour = STATE_COLOURS[scene.assessment.state]
        if self._ghost is not None:
            _draw_ghost(image_bgr, self._ghost * (width, height), line_px)
        if scene.landmarks is not None and scene.visibility is not None:
            xy = scene.landmarks * (width, height)
            _draw_skeleton(image_bgr, xy, scene.visibility, colour, line_px)
            if scene.measures.view.is_side:
                ghost = self._ghost * (width, height) if self._ghost is not None else None
                _draw_arcs(image_bgr, xy, ghost, scene, colour, line_px)
            elif min(height, width) >= _WORDS_FROM_PX:
                _draw_figure(image_bgr, scene, colour, line_px)
        if min(height, width) >= _WORDS_FROM_PX:
            _draw_card(image_bgr, scene, colour)
            if scene.alert is not None:
                keys = f" {scene.keys}" if scene.keys and scene.alert.kind == AlertKind.QUESTION else ""
                _draw_tip(image_bgr, scene.alert.tip, f"{scene.alert.message}{keys}")
            elif scene.tip is not None:
                _draw_tip(image_bgr, scene.tip)


def mirrored(landmarks: FloatArray) -> FloatArray:
    """Mirrored landmarks.

    Args:
        landmarks: (33, 2), fractions of the picture.
    """
    return np.column_stack([1.0 - landmarks[:, 0], landmarks[:, 1]])


def draw_banner(image_bgr: NDArray[np.uint8], words: str, share: float) -> None:
    """Draw a sentence over the lower edge, legible from the chair, and a progress bar."""
    height, width = image_bgr.shape[:2]
    size_px = max(14, round(min(height / 16, width / 26)))
    pad = size_px
    lines = _wrapped(words, width - 2 * pad, size_px, 700)
    top = height - round(1.4 * size_px) * len(lines) - 2 * pad
    _shade(image_bgr, (0, top), (width, height), 0.7)
    for number, line in enumerate(lines):
        _text(image_bgr, line, (pad, top + round(1.4 * size_px) * (number + 1)), size_px, WHITE, 700)
    bar = (0, height - pad // 2), (round(share * width), height)
    cv2.rectangle(image_bgr, *bar, STATE_COLOURS[State.GOOD], -1)


def draw_count(image_bgr: NDArray[np.uint8], title: str, tally: str) -> None:
    """Draw an exercise's name and count at the top, a sixth of the picture high."""
    height, width = image_bgr.shape[:2]
    size_px = round(min(height / 6, width / (0.62 * max(len(tally), 6))))
    title_px = max(14, size_px // 4)
    bottom = round(1.3 * size_px + 1.8 * title_px)
    _shade(image_bgr, (0, 0), (width, bottom), 0.6)
    _text(image_bgr, title, (title_px, round(1.4 * title_px)), title_px, WHITE, 400)
    _text(image_bgr, tally, (title_px, round(1.4 * title_px + 1.1 * size_px)), size_px, WHITE, 700)


def draw_timeline(image_bgr: NDArray[np.uint8], stretches: Sequence[tuple[float, float, State]]) -> None:
    """The states so far as a strip at the lower edge; start and end as shares of the whole."""
    height, width = image_bgr.shape[:2]
    strip_px = max(2, height // 90)
    image_bgr[height - strip_px :] = INK
    for start, end, state in stretches:
        left, right = round(start * width), max(round(end * width), round(start * width) + 1)
        image_bgr[height - strip_px :, left:right] = STATE_COLOURS[state]


def _draw_ghost(image: NDArray[np.uint8], xy: FloatArray, line_px: int) -> None:
    layer = image.copy()
    ears, shoulders, hips = (_middle(xy, pair) for pair in (_EARS, _SHOULDERS, _HIPS))
    radius = max(3.0, 0.55 * math.dist(ears, shoulders))
    cv2.circle(layer, _whole(ears), round(radius), WHITE, line_px, cv2.LINE_AA)
    height = image.shape[0]
    lines = [(ears, shoulders), (xy[_SHOULDERS[0]], xy[_SHOULDERS[1]])]
    if hips[1] < 1.2 * height:
        lines.append((shoulders, hips))
    for start, end in lines:
        _dashed(layer, start, end, WHITE, 2 * line_px)
    cv2.addWeighted(layer, 0.55, image, 0.45, 0, dst=image)


def _dashed(
    image: NDArray[np.uint8], start: FloatArray, end: FloatArray, colour: Colour, line_px: int
) -> None:
    length = math.dist(start, end)
    dashes = max(1, round(length / (6 * line_px)))
    for number in range(dashes):
        a, b = (start + (end - start) * ((number + part) / dashes) for part in (0.0, 0.55))
        cv2.line(image, _fine(a), _fine(b), colour, line_px, cv2.LINE_AA, _FINE_BITS)


def _draw_skeleton(
    image: NDArray[np.uint8], xy: FloatArray, visibility: FloatArray, colour: Colour, line_px: int
) -> None:
    for start, end in _BONES:
        if min(visibility[start], visibility[end]) >= _SEEN_FROM:
            _bone(image, xy[start], xy[end], colour, line_px)
    _bone(image, _middle(xy, _EARS), _middle(xy, _SHOULDERS), colour, line_px)
    for joint in _JOINTS:
        if visibility[joint] >= _SEEN_FROM:
            cv2.circle(image, _whole(xy[joint]), 2 * line_px + 1, INK, -1, cv2.LINE_AA)
            cv2.circle(image, _whole(xy[joint]), 2 * line_px, WHITE, -1, cv2.LINE_AA)


def _bone(image: NDArray[np.uint8], start: FloatArray, end: FloatArray, colour: Colour, line_px: int) -> None:
    cv2.line(image, _fine(start), _fine(end), INK, 2 * line_px + 2, cv2.LINE_AA, _FINE_BITS)
    cv2.line(image, _fine(start), _fine(end), colour, 2 * line_px, cv2.LINE_AA, _FINE_BITS)


def _draw_arcs(
    image: NDArray[np.uint8],
    xy: FloatArray,
    ghost: FloatArray | None,
    scene: Scene,
    colour: Colour,
    line_px: int,
) -> None:
    """Draw neck and trunk as arcs from the neutral lines, or from the vertical; write the change in words."""
    for measure, feet, heads in (
        (Measure.NECK_INCLINATION_CHANGE, _SHOULDERS, _EARS),
        (Measure.TRUNK_INCLINATION_CHANGE, _HIPS, _SHOULDERS),
    ):
        foot, head = _middle(xy, feet), _middle(xy, heads)
        start = -90.0
        if ghost is not None:
            line = _middle(ghost, heads) - _middle(ghost, feet)
            start = math.degrees(math.atan2(line[1], line[0]))
        if measure not in scene.measures.values:
            continue
        radius = 0.7 * math.dist(foot, head)
        angle = math.degrees(math.atan2(head[1] - foot[1], head[0] - foot[0]))
        low, high = sorted((start, angle))
        wedge = np.array(cv2.ellipse2Poly(_whole(foot), (round(radius),) * 2, 0, round(low), round(high), 2))
        layer = image.copy()
        cv2.fillPoly(layer, [np.vstack([wedge, [_whole(foot)]])], colour, cv2.LINE_AA)
        cv2.addWeighted(layer, 0.45, image, 0.55, 0, dst=image)
        reach = 1.15 * math.dist(foot, head)
        top = foot + reach * np.array((math.cos(math.radians(start)), math.sin(math.radians(start))))
        cv2.line(image, _fine(foot), _fine(top), WHITE, line_px, cv2.LINE_AA, _FINE_BITS)
        cv2.polylines(image, [wedge], False, colour, line_px + 1, cv2.LINE_AA)
        if min(image.shape[:2]) >= _WORDS_FROM_PX:
            size_px = max(11, round(min(image.shape[:2]) / 32))
            text = value_words(measure, scene.measures.values[measure])
            # Behind the line, away from arms and desk.
            behind = -1.0 if head[0] >= foot[0] else 1.0
            anchor = foot + np.array((behind * 0.8 * size_px, -0.6 * radius))
            if behind < 0:
                anchor[0] -= _text_width(text, size_px, 700)
            _label(image, text, _whole(anchor), size_px)


def _draw_figure(image: NDArray[np.uint8], scene: Scene, colour: Colour, line_px: int) -> None:
    """Draw a small figure from the side, to show angles that the camera sees from the front."""
    values = scene.measures.values
    if Measure.NECK_INCLINATION_CHANGE not in values or Measure.TRUNK_INCLINATION_CHANGE not in values:
        return
    height, width = image.shape[:2]
    side, pad = min(height, width) / 3, min(height, width) / 45
    left = width - pad - 0.95 * side
    top = pad if not _shows_face(scene, image, (left, pad), side) else height - _TIP_SHARE * height - side
    _shade(image, (round(left), round(top)), (round(width - pad), round(top + side)), 0.6)
    hips = np.array((left + 0.5 * side, top + 0.93 * side))
    now, then = (
        _figure(hips, side, neck_deg, trunk_deg)
        for neck_deg, trunk_deg in (
            (values[Measure.NECK_INCLINATION_CHANGE], values[Measure.TRUNK_INCLINATION_CHANGE]),
            (0.0, 0.0),
        )
    )
    _draw_arcs(image, now, then, scene, colour, line_px)
    ears, shoulders = _middle(now, _EARS), _middle(now, _SHOULDERS)
    _bone(image, hips, shoulders, colour, line_px)
    _bone(image, shoulders, ears, colour, line_px)
    cv2.circle(image, _whole(ears), round(0.07 * side), INK, -1, cv2.LINE_AA)
    cv2.circle(image, _whole(ears), round(0.07 * side) - line_px, colour, -1, cv2.LINE_AA)


def _shows_face(scene: Scene, image: NDArray[np.uint8], low: tuple[float, float], side: float) -> bool:
    """Whether a part of the face lies in a square of the picture."""
    if scene.landmarks is None:
        return False
    height, width = image.shape[:2]
    face = scene.landmarks[_FACE] * (width, height)
    return bool(((face > low) & (face < np.add(low, side))).all(axis=1).any())


def _figure(hips: FloatArray, size_px: float, neck_deg: float, trunk_deg: float) -> FloatArray:
    """Landmarks of somebody seen from the side, facing right, in pixels."""
    xy = np.zeros((LANDMARK_COUNT, 2))
    xy[list(_HIPS)] = hips
    lean, bow = math.radians(trunk_deg), math.radians(neck_deg)
    xy[list(_SHOULDERS)] = shoulders = hips + 0.45 * size_px * np.array((math.sin(lean), -math.cos(lean)))
    xy[list(_EARS)] = shoulders + 0.27 * size_px * np.array((math.sin(bow), -math.cos(bow)))
    return xy


def _draw_card(image: NDArray[np.uint8], scene: Scene, colour: Colour) -> None:
    """State, score and the worst fault, in the upper left corner."""
    height, width = image.shape[:2]
    size_px = max(12, round(min(height / 22, width / 30)))
    pad = size_px // 2
    assessment = scene.assessment
    head = sentence(words_of(assessment.state))
    if assessment.score is not None and assessment.state in (State.GOOD, State.FAIR, State.POOR):
        head += f" · {assessment.score} / 100"
    lines = _explained(scene)
    if scene.shows_coverage and assessment.coverage:
        unseen = [words_for("coverage", group) for group in GROUP_WEIGHTS if group not in assessment.coverage]
        seen = [words_for("coverage", group) for group in GROUP_WEIGHTS if group in assessment.coverage]
        lines.append(f"Seen: {', '.join(seen)}" + (f". Unseen: {', '.join(unseen)}" if unseen else ""))
    small_px = round(0.75 * size_px)
    widths = [_text_width(head, size_px, 700), *(_text_width(line, small_px) for line in lines)]
    right = min(width, pad + round(max(widths)) + 4 * pad)
    bottom = pad + round(1.8 * size_px) + round(1.5 * small_px) * len(lines) + pad // 2
    _shade(image, (pad, pad), (right, min(bottom, height)), 0.72)
    cv2.rectangle(image, (pad, pad), (pad + pad // 2, min(bottom, height)), colour, -1)
    _text(image, head, (2 * pad + pad // 2, pad + round(1.3 * size_px)), size_px, WHITE, 700)
    for number, line in enumerate(lines):
        y = pad + round(1.8 * size_px) + round(1.5 * small_px * (number + 0.7))
        _text(image, line, (2 * pad + pad // 2, y), small_px, (225, 225, 225))


def _explained(scene: Scene) -> list[str]:
    """The worst faults with their values, or why nothing is judged."""
    assessment = scene.assessment
    if assessment.reason is not None and assessment.score is None:
        return [sentence(words_of(assessment.reason))]
    errors, table = scene.measures.errors, load_measures()
    if assessment.state not in (State.FAIR, State.POOR):
        told = [
            f"{table[name].brief} {value_words(name, scene.measures.values[name])} "
            f"{error_words(name, errors[name])}"
            for name in shown_in("headline")
            if name in errors and name in scene.measures.values
        ]
        return [sentence(", ".join(told))] if told else []
    lines = []
    for finding in assessment.findings[:2]:
        fault = sentence(table[finding.measure].fault)
        error = (
            f" {error_words(finding.measure, errors[finding.measure])}" if finding.measure in errors else ""
        )
        lines.append(f"{fault} {value_words(finding.measure, finding.value)}{error}")
    return lines


def _draw_tip(image: NDArray[np.uint8], tip: Tip, headline: str = "") -> None:
    """Draw a tip over the lower edge, below the headline of a live run."""
    height, width = image.shape[:2]
    size_px = max(11, round(min(height / 28, width / 44)))
    pad = size_px
    bold = _wrapped(headline, width - 4 * pad, size_px, 700) if headline else []
    lines = [*bold, *_wrapped(tip.text, width - 4 * pad, size_px)]
    line_px = round(1.45 * size_px)
    top = height - line_px * len(lines) - 2 * pad
    if top < height // 3:
        return
    _shade(image, (pad, top), (width - pad, height - pad), 0.78)
    for number, line in enumerate(lines):
        y = top + round(0.4 * pad) + line_px * (number + 1) - size_px // 3
        _text(image, line, (2 * pad, y), size_px, WHITE, 700 if number < len(bold) else 400)


def _wrapped(text: str, width_px: int, size_px: int, weight: int = 400) -> list[str]:
    """Lines no wider than the limit, at the weight they are drawn in."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and _text_width(longer, size_px, weight) > width_px:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def _label(image: NDArray[np.uint8], text: str, origin: Point, size_px: int) -> None:
    """Words on a dark ground, wherever they stand."""
    pad = size_px // 4
    right = origin[0] + round(_text_width(text, size_px, 700))
    _shade(image, (origin[0] - pad, origin[1] - size_px), (right + pad, origin[1] + pad), 0.7)
    _text(image, text, origin, size_px, WHITE, 700)


def _shade(image: NDArray[np.uint8], low: Point, high: Point, amount: float) -> None:
    part = image[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)]
    if part.size:
        part[:] = (part * (1 - amount) + np.array(INK) * amount).astype(np.uint8)


def _text(
    image: NDArray[np.uint8], text: str, origin: Point, size_px: int, colour: Colour, weight: int = 400
) -> None:
    cv2.putText(image, text, origin, colour, _font(), size_px, weight)


def _text_width(text: str, size_px: int, weight: int = 400) -> float:
    return float(cv2.getTextSize((0, 0), text, (0, 0), _font(), size_px, weight)[2])


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _middle(xy: FloatArray, pair: tuple[Landmark, Landmark]) -> FloatArray:
    return np.asarray((xy[pair[0]] + xy[pair[1]]) / 2, dtype=np.float64)


def _whole(point: FloatArray) -> Point:
    x, y = np.clip(point, -16000, 16000)
    return round(float(x)), round(float(y))


def _fine(point: FloatArray) -> Point:
    x, y = np.clip(point, -16000, 16000) * (1 << _FINE_BITS)
    return round(float(x)), round(float(y))
