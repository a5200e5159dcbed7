"""A cue on the screen while somebody slouches; it lets every click through and takes no focus."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QObject, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QBitmap,
    QColor,
    QGuiApplication,
    QLinearGradient,
    QPainter,
    QPaintEvent,
    QRegion,
    QScreen,
)
from PySide6.QtWidgets import QWidget

from posture_cam.desktop import x11
from posture_cam.desktop.figure import COLOURS, draw_figure
from posture_cam.desktop.seen import Mood, Seen

# The full strength is reached this long after the cue began; chosen.
_GROWS_S = 60.0
_FIRST_SHARE = 0.35
_STEP_MS = 100
# Width of the glow, as a share of the screen's height; and of the band where nothing can be transparent.
_GLOW_SHARE, _BAND_SHARE = 0.12, 0.012
_FIGURE_PX = 140
# A fair posture has to last this many times as long as a poor one before a cue comes.
_FAIR_FACTOR = 3.0


class CueSettings(NamedTuple):
    """How to show it: `kind` is glow, dim, figure or none."""

    kind: str = "glow"
    after_s: float = 5.0
    strength: float = 0.6


def has_compositor() -> bool:
    """Whether windows can be transparent here; only an X server may be without."""
    return QGuiApplication.platformName() != "xcb" or x11.has_compositor()


class _Pane(QWidget):
    """The cue on one screen."""

    def __init__(self, screen: QScreen, kind: str, is_transparent: bool) -> None:
        flags = (
            Qt.WindowType.FramelessWindowHint
            | Qt.WindowType.WindowStaysOnTopHint
            | Qt.WindowType.Tool
            | Qt.WindowType.WindowTransparentForInput
            | Qt.WindowType.WindowDoesNotAcceptFocus
            | Qt.WindowType.BypassWindowManagerHint
        )
        super().__init__(None, flags)
        self._kind, self._is_transparent = kind, is_transparent
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        if is_transparent:
            self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setWindowTitle("posture_cam cue")
        self.setAccessibleName("Posture cue")
        self._strength, self._bend, self._mood = 0.0, 0.0, Mood.POOR
        area = screen.geometry()
        if kind == "figure":
            free = screen.availableGeometry()
            self.setGeometry(
                free.right() - _FIGURE_PX - 24, free.bottom() - _FIGURE_PX - 24, _FIGURE_PX, _FIGURE_PX
            )
        else:
            self.setGeometry(area)
        if not is_transparent:
            self.setMask(self._shape())

    def _shape(self) -> QRegion:
        """What is left of the window where nothing can be transparent: a band at the edges, or the figure."""
        whole = QRegion(self.rect())
        if self._kind == "figure":
            bitmap = QBitmap(self.size())
            bitmap.clear()
            painter = QPainter(bitmap)
            draw_figure(painter, QRectF(self.rect()), self._bend, QColor(Qt.GlobalColor.color1))
            painter.end()
            return QRegion(bitmap)
        band = max(round(_BAND_SHARE * self.height()), 4)
        return whole - QRegion(self.rect().adjusted(band, band, -band, -band))

    def show_as(self, strength: float, bend: float, mood: Mood) -> None:
        """Show it, 0 to 1 strong."""
        self._strength, self._bend, self._mood = strength, bend, mood
        if not self._is_transparent and self._kind == "figure":
            self.setMask(self._shape())
        if not self.isVisible():
            self.show()
            self.raise_()
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - as Qt calls it
        """Draw glow, shade or figure."""
        painter = QPainter(self)
        colour = QColor(COLOURS[self._mood])
        area = QRectF(self.rect())
        if not self._is_transparent:
            painter.fillRect(area, colour)
        elif self._kind == "figure":
            colour.setAlphaF(0.4 + 0.6 * self._strength)
            draw_figure(painter, area, self._bend, colour)
        elif self._kind == "dim":
            painter.fillRect(area, QColor(0, 0, 0, round(200 * self._strength)))
        else:
            self._glow(painter, area, colour)
        painter.end()

    def _glow(self, painter: QPainter, area: QRectF, colour: QColor) -> None:
        wide = _GLOW_SHARE * area.height() * (0.5 + 0.5 * self._strength)
        edges = (
            (QRectF(area.left(), area.top(), wide, area.height()), (1, 0)),
            (QRectF(area.right() - wide, area.top(), wide, area.height()), (-1, 0)),
            (QRectF(area.left(), area.top(), area.width(), wide), (0, 1)),
            (QRectF(area.left(), area.bottom() - wide, area.width(), wide), (0, -1)),
        )
        strong, weak = QColor(colour), QColor(colour)
        strong.setAlphaF(self._strength)
        weak.setAlphaF(0.0)
        for edge, (right, down) in edges:
            start = edge.topLeft() if right + down > 0 else edge.bottomRight()
            gradient = QLinearGradient(
                start.x(), start.y(), start.x() + right * wide, start.y() + down * wide
            )
            gradient.setColorAt(0.0, strong)
            gradient.setColorAt(1.0, weak)
            painter.fillRect(edge, gradient)


class Cue(QObject):
    """Shows the cue as long as somebody slouches; it goes at once.

    Args:
        settings: How to show it.
        compositor: Whether windows can be transparent; asked when a cue begins.
    """

    def __init__(
        self,
        settings: CueSettings,
        compositor: Callable[[], bool] = has_compositor,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.settings, self._compositor = settings, compositor
        self.is_silent = False
        self._panes: list[_Pane] = []
        self._shown_s = self._strength = self._bend = 0.0
        self._mood = Mood.POOR
        self._grows = QTimer(self, interval=_STEP_MS)
        self._grows.timeout.connect(self._grow)
        self._is_preview = False
        self._bad_since_s: float | None = None
        self._preview_ends = QTimer(self, singleShot=True)
        self._preview_ends.timeout.connect(self.hide)

    @property
    def is_shown(self) -> bool:
        """Whether it is on the screen."""
        return bool(self._panes)

    def follow(self, seen: Seen) -> None:
        """Show it or take it away, by the present moment."""
        if self._is_preview:
            return
        if self.is_silent or self.settings.kind == "none" or not seen.is_bad_now:
            self.hide()
            return
        self._bend, self._mood = seen.bend, seen.mood
        now_s = time.monotonic()
        if self._bad_since_s is None:
            self._bad_since_s = now_s
        after_s = self.settings.after_s * (_FAIR_FACTOR if seen.mood == Mood.FAIR else 1.0)
        if not self._panes and max(now_s - self._bad_since_s, seen.held_s) >= after_s:
            self._begin()

    def preview(self, settings: CueSettings, for_ms: int = 4000) -> None:
        """Show a kind of cue for some seconds, to choose from."""
        self.hide()
        before, self.settings = self.settings, settings
        self._bend, self._mood = 1.0, Mood.POOR
        if settings.kind != "none":
            self._is_preview = True
            self._begin(full=True)
        self._strength, self.settings = settings.strength, before
        self._preview_ends.start(for_ms)

    def hide(self) -> None:
        """Take it away at once."""
        self._grows.stop()
        self._preview_ends.stop()
        self._is_preview, self._bad_since_s = False, None
        for pane in self._panes:
            pane.close()
            pane.deleteLater()
        self._panes = []

    def _begin(self, *, full: bool = False) -> None:
        is_transparent = self._compositor()
        kind, self._strength = self.settings.kind, self.settings.strength
        screens = QGuiApplication.screens() if kind != "figure" else [QGuiApplication.primaryScreen()]
        self._panes = [_Pane(screen, kind, is_transparent) for screen in screens]
        self._shown_s = _GROWS_S if full else 0.0
        self._grow()
        self._grows.start()

    def _grow(self) -> None:
        self._shown_s += _STEP_MS / 1000
        share = _FIRST_SHARE + (1 - _FIRST_SHARE) * min(self._shown_s / _GROWS_S, 1.0)
        badness = 1.0 if self._mood == Mood.POOR else 0.6
        for pane in self._panes:
            pane.show_as(self._strength * share * badness, self._bend, self._mood)
