"""A small sitting figure that straightens and bends: the icon, a cue, and the picture without a picture."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from posture_cam.desktop.seen import Mood

COLOURS = {
    Mood.GOOD: QColor("#2e9e5b"),
    Mood.FAIR: QColor("#d98a00"),
    Mood.POOR: QColor("#d13438"),
    Mood.AWAY: QColor("#7a7f87"),
    Mood.UNJUDGED: QColor("#7a7f87"),
    Mood.STARTING: QColor("#7a7f87"),
    Mood.PAUSED: QColor("#7a7f87"),
    Mood.ENDED: QColor("#7a7f87"),
}
# How far trunk and neck lean forward at the most, in degrees.
_TRUNK_DEG, _NECK_DEG = 38.0, 62.0
_SIZES = (16, 22, 24, 32, 48, 64, 128)


def draw_figure(painter: QPainter, area: QRectF, bend: float, colour: QColor, mark: str = "") -> None:
    """Draw the figure from the side, looking to the right.

    Args:
        painter: Draws it.
        area: A square.
        bend: 0 upright, 1 bent.
        colour: Of figure and chair.
        mark: `pause` draws two bars beside it, `none` leaves the chair empty, `ask` makes the head a ring.
    """
    painter.save()
    painter.translate(area.topLeft())
    painter.scale(area.width() / 100.0, area.height() / 100.0)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(colour, 11.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    hip = QPointF(36.0, 70.0)
    chair = QPainterPath(QPointF(18.0, 40.0))
    chair.lineTo(20.0, 82.0)
    chair.lineTo(58.0, 82.0)
    thin = QPen(pen)
    thin.setWidthF(6.0)
    painter.setPen(thin)
    painter.drawPath(chair)
    painter.drawLine(QPointF(38.0, 82.0), QPointF(38.0, 96.0))
    if mark != "none":
        trunk_deg, neck_deg = 3.0 + bend * _TRUNK_DEG, 6.0 + bend * _NECK_DEG
        neck = hip + _along(34.0, trunk_deg)
        head = neck + _along(19.0, neck_deg)
        painter.setPen(pen)
        body = QPainterPath(hip)
        body.quadTo(hip + _along(20.0, 0.4 * trunk_deg), neck)
        painter.drawPath(body)
        legs = QPainterPath(hip)
        legs.lineTo(70.0, 70.0)
        legs.lineTo(72.0, 95.0)
        painter.drawPath(legs)
        painter.setPen(thin)
        painter.drawLine(neck, head)
        painter.setPen(Qt.PenStyle.NoPen if mark != "ask" else thin)
        painter.setBrush(Qt.BrushStyle.NoBrush if mark == "ask" else colour)
        painter.drawEllipse(head, 12.0, 12.0)
    if mark == "pause":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for left in (78.0, 90.0):
            painter.drawRect(QRectF(left, 8.0, 8.0, 26.0))
    painter.restore()


def _along(length: float, lean_deg: float) -> QPointF:
    """A way upwards that leans to the right."""
    angle = math.radians(lean_deg)
    return QPointF(length * math.sin(angle), -length * math.cos(angle))


def mark_of(mood: Mood) -> str:
    """The mark that tells a mood apart without its colour."""
    return {Mood.PAUSED: "pause", Mood.AWAY: "none", Mood.ENDED: "none", Mood.UNJUDGED: "ask"}.get(mood, "")


def icon_for(mood: Mood, bend: float) -> QIcon:
    """The tray's icon, in all usual sizes."""
    icon = QIcon()
    for size in _SIZES:
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        draw_figure(painter, QRectF(0, 0, size, size), bend, COLOURS[mood], mark_of(mood))
        painter.end()
        icon.addPixmap(pixmap)
    return icon
