"""The window: picture, skeleton or figure; state, angles, tip and the day."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRectF, QSettings, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QPainter, QPaintEvent, QPixmap, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from posture_cam.desktop.figure import COLOURS, draw_figure, icon_for, mark_of
from posture_cam.desktop.seen import Mood, Seen, unseen_words

_DAY_S = 86_400.0
_PREVIEW_HZ, _PREVIEW_PX = 5.0, 640
_MODES = {"skeleton": "Skeleton", "picture": "Picture", "figure": "Figure only"}


class DayBand(QWidget):
    """The day as a band from its first hour to its last."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(22)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("The day so far")
        self._seen: Seen | None = None

    def follow(self, seen: Seen) -> None:
        """Show this day."""
        self._seen = seen
        self.setAccessibleDescription(seen.day_words)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - as Qt calls it
        """Draw the pieces of the day."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().alternateBase())
        if self._seen is not None and self._seen.band:
            first_s = 3600.0 * (self._seen.band[0].start_s // 3600.0)
            last_s = max(3600.0 * (self._seen.band[-1].end_s // 3600.0 + 1), first_s + 3600.0)
            scale = self.width() / (last_s - first_s)
            for piece in self._seen.band:
                left, right = (scale * (at_s - first_s) for at_s in (piece.start_s, piece.end_s))
                painter.fillRect(
                    QRectF(left, 3, max(right - left, 1.0), self.height() - 6), COLOURS[piece.mood]
                )
            painter.setPen(self.palette().text().color())
            for number in range(int(first_s // 3600), int(last_s // 3600) + 1):
                at = scale * (3600.0 * number - first_s)
                painter.drawLine(round(at), 0, round(at), 3)
        painter.end()


class View(QFrame):
    """The live picture, or the figure."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setMinimumSize(240, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Live view")
        self._pixmap: QPixmap | None = None
        self._seen = Seen()

    def show_picture(self, pixmap: QPixmap | None) -> None:
        """Show a picture; None shows the figure."""
        self._pixmap = pixmap
        self.update()

    def follow(self, seen: Seen) -> None:
        """Show this moment where there is no picture."""
        self._seen = seen
        self.setAccessibleDescription(seen.words)
        if self._pixmap is None:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - as Qt calls it
        """Draw it as large as fits."""
        super().paintEvent(event)
        painter = QPainter(self)
        inside = self.contentsRect()
        if self._pixmap is not None:
            fitting = self._pixmap.scaled(
                inside.size() * self.devicePixelRatio(),
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            fitting.setDevicePixelRatio(self.devicePixelRatio())
            size = fitting.deviceIndependentSize()
            painter.drawPixmap(
                inside.left() + round((inside.width() - size.width()) / 2),
                inside.top() + round((inside.height() - size.height()) / 2),
                fitting,
            )
        else:
            side = 0.9 * min(inside.width(), inside.height())
            area = QRectF(0, 0, side, side)
            area.moveCenter(QRectF(inside).center())
            draw_figure(painter, area, self._seen.bend, COLOURS[self._seen.mood], mark_of(self._seen.mood))
        painter.end()


class Window(QMainWindow):
    """Shows the present moment, and takes what the person says of it.

    Args:
        send: Gives a command to the monitor; the second argument takes the words of its answer.
        store: Remembers where the window was.
        mode: What to show: picture, skeleton or figure.

    Signals:
        asked: Another window is wanted, by its name.
    """

    asked = Signal(str)

    def __init__(
        self,
        send: Callable[[dict[str, Any], Callable[[bool, str], None] | None], None],
        store: QSettings,
        mode: str = "skeleton",
        note: str = "",
    ) -> None:
        super().__init__()
        self._send, self._store = send, store
        self.setWindowTitle("posture_cam")
        self.setWindowIcon(icon_for(Mood.GOOD, 0.0))
        self._view, self._band = View(), DayBand()
        self._state, self._day, self._tip = QLabel(), QLabel(), QLabel()
        self._said, self._unseen = QLabel(), QLabel()
        for label, name in (
            (self._state, "State"),
            (self._day, "Today"),
            (self._tip, "Tip"),
            (self._said, "Message"),
            (self._unseen, "Not seen"),
        ):
            label.setAccessibleName(name)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        font = self._state.font()
        font.setPointSizeF(1.8 * font.pointSizeF())
        font.setBold(True)
        self._state.setFont(font)
        self._angles = QGridLayout()
        self._angles.setColumnStretch(0, 1)
        self._rows: list[tuple[QLabel, QLabel]] = []
        self._mode = QComboBox()
        self._mode.setAccessibleName("What to show")
        for key, words in _MODES.items():
            self._mode.addItem(words, key)
        self._mode.setCurrentIndex(max(self._mode.findData(mode), 0))
        self._mode.currentIndexChanged.connect(self._choose)
        self._on_top = QCheckBox("Always on &top")
        self._on_top.toggled.connect(self._stay_on_top)
        self._build(note)
        self._restore()

    def _build(self, note: str) -> None:
        right = QVBoxLayout()
        right.addWidget(self._state)
        right.addLayout(self._angles)
        right.addWidget(self._unseen)
        right.addWidget(self._tip)
        right.addStretch(1)
        right.addWidget(self._said)
        for rows in (
            (
                ("I sit &well", {"command": "correct", "label": "good"}),
                ("I s&louch", {"command": "correct", "label": "bad"}),
            ),
            (("It still &fits", {"command": "still_fits"}),),
        ):
            row = QHBoxLayout()
            for words, command in rows:
                button = QPushButton(words)
                button.setAccessibleName(words.replace("&", ""))
                button.clicked.connect(lambda _=False, one=command: self._send(one, self._answered))
                row.addWidget(button)
            right.addLayout(row)
        row = QHBoxLayout()
        for words, name in (
            ("&Calibrate", "calibrate"),
            ("&Pause", "pause"),
            ("&Snooze", "snooze"),
            ("S&ettings", "settings"),
        ):
            button = QPushButton(words)
            button.setAccessibleName(words.replace("&", ""))
            button.clicked.connect(lambda _=False, one=name: self.asked.emit(one))
            row.addWidget(button)
        right.addLayout(row)
        left = QVBoxLayout()
        left.addWidget(self._view, 1)
        row = QHBoxLayout()
        row.addWidget(self._mode)
        row.addWidget(self._on_top)
        row.addStretch(1)
        left.addLayout(row)
        upper = QHBoxLayout()
        upper.addLayout(left, 3)
        upper.addLayout(right, 2)
        whole = QVBoxLayout()
        if note:
            label = QLabel(note)
            label.setWordWrap(True)
            label.setAccessibleName("Note")
            label.setOpenExternalLinks(True)
            whole.addWidget(label)
        whole.addLayout(upper, 1)
        whole.addWidget(self._day)
        whole.addWidget(self._band)
        centre = QWidget()
        centre.setLayout(whole)
        self.setCentralWidget(centre)

    def _restore(self) -> None:
        geometry = self._store.value("window/geometry")
        if geometry is None or not self.restoreGeometry(geometry):
            self.resize(QSize(900, 520))
        self._on_top.setChecked(self._store.value("window/on_top", "false") == "true")

    def _stay_on_top(self, is_on_top: bool) -> None:
        was_visible = self.isVisible()
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint, is_on_top)
        self._store.setValue("window/on_top", "true" if is_on_top else "false")
        if was_visible:
            self.show()

    def take(self, line: dict[str, Any]) -> None:
        """Take a line of the monitor: a picture."""
        if line.get("type") == "preview" and self._mode.currentData() != "figure":
            pixmap = QPixmap()
            pixmap.loadFromData(base64.b64decode(line["jpeg"]), "JPEG")
            self._view.show_picture(pixmap)

    def follow(self, seen: Seen, coverage: list[str] | None = None) -> None:
        """Show this moment."""
        if not self.isVisible():
            return
        self._state.setText(seen.words)
        self._state.setStyleSheet(f"color: {COLOURS[seen.mood].name()}")
        self._day.setText(seen.day_words)
        self._tip.setText(f"{seen.alert} {seen.tip}".strip())
        self._said.setText(seen.said)
        is_judged = seen.mood in (Mood.GOOD, Mood.FAIR, Mood.POOR)
        self._unseen.setText(unseen_words(coverage) if is_judged and coverage is not None else "")
        self._show_angles(seen.measures)
        if seen.mood in (Mood.PAUSED, Mood.ENDED, Mood.STARTING):
            self._view.show_picture(None)
        self._view.follow(seen)
        self._band.follow(seen)

    def _show_angles(self, measures: list[tuple[str, str]]) -> None:
        while len(self._rows) < len(measures):
            row = QLabel(), QLabel()
            row[1].setAlignment(Qt.AlignmentFlag.AlignRight)
            for column, label in enumerate(row):
                self._angles.addWidget(label, len(self._rows), column)
            self._rows.append(row)
        for number, (name, value) in enumerate(self._rows):
            words = measures[number] if number < len(measures) else ("", "")
            name.setText(words[0])
            value.setText(words[1])
            name.setVisible(bool(words[0]))
            value.setVisible(bool(words[0]))

    def _answered(self, _is_done: bool, words: str) -> None:
        if words:
            self._said.setText(words)

    def say(self, words: str) -> None:
        """Show a sentence."""
        self._said.setText(words)

    def _choose(self) -> None:
        self._view.show_picture(None)
        self.ask_for_pictures()

    def ask_for_pictures(self) -> None:
        """Have the monitor send pictures while somebody looks at them, and no longer."""
        mode = self._mode.currentData()
        wanted = self.isVisible() and mode != "figure"
        show = {"picture": "overlay", "skeleton": "skeleton"}.get(mode, "skeleton")
        command: dict[str, Any] = {"command": "preview", "rate_hz": _PREVIEW_HZ if wanted else 0.0}
        self._send({**command, "width_px": _PREVIEW_PX, "show": show}, None)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - as Qt calls it
        """Begin to show pictures."""
        super().showEvent(event)
        self.ask_for_pictures()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - as Qt calls it
        """End the pictures."""
        super().hideEvent(event)
        self.ask_for_pictures()

    def remember(self) -> None:
        """Remember where the window is."""
        self._store.setValue("window/geometry", self.saveGeometry())

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - as Qt calls it
        """Remember the place; the app lives on in the tray."""
        self.remember()
        super().closeEvent(event)
        self.asked.emit("closed")
