"""The tray: a figure that straightens and bends, the day so far, and a menu."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from posture_cam.desktop.figure import icon_for
from posture_cam.desktop.seen import Mood, Seen
from posture_cam.paths import profiles_dir
from posture_cam.words import sentence

_SNOOZES_MIN = (15, 30, 60)
_LEVELS = ("relaxed", "normal", "strict")
_MORNING_H = 5
# The figure is drawn anew if it bends by this much more or less.
_BEND_STEP = 0.1


class Tray(QObject):
    """Icon and menu.

    Args:
        level: The sensitivity at the start.
        parent: Owns it.

    Signals:
        command: A command for the monitor.
        asked: Something of the app's own is wanted, by name: window, calibrate, settings, quit and so on.
    """

    command = Signal(dict)
    asked = Signal(str)

    def __init__(self, level: str = "normal", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._icon = QSystemTrayIcon(self)
        self._shown: tuple[Mood, int] | None = None
        self.menu = QMenu()
        self._state = self.menu.addAction("")
        self._tip = self.menu.addAction("")
        for action in (self._state, self._tip):
            action.setEnabled(False)
        self.menu.addSeparator()
        self._says(self.menu, "I sit &well", {"command": "correct", "label": "good"})
        self._says(self.menu, "I s&louch", {"command": "correct", "label": "bad"})
        self._says(self.menu, "It still &fits", {"command": "still_fits"})
        self.menu.addSeparator()
        self.pause = self._asks(self.menu, "&Pause", "pause")
        snooze = self.menu.addMenu("&Snooze")
        for minutes in _SNOOZES_MIN:
            self._says(snooze, f"{minutes} min", {"command": "snooze", "minutes": minutes})
        snooze.addAction("Until tomorrow").triggered.connect(self._snooze_until_tomorrow)
        self._says(snooze, "No longer", {"command": "snooze", "minutes": 0})
        calibrate = self.menu.addMenu("&Calibrate")
        self._asks(calibrate, "Sitting", "calibrate sitting")
        self._asks(calibrate, "Standing", "calibrate standing")
        self._profiles = self.menu.addMenu("P&rofile")
        self._profiles.aboutToShow.connect(self._list_profiles)
        levels = self.menu.addMenu("S&ensitivity")
        group = QActionGroup(levels)
        self._levels: dict[str, QAction] = {}
        for one in _LEVELS:
            action = levels.addAction(sentence(one))
            action.setCheckable(True)
            action.setChecked(one == level)
            group.addAction(action)
            self._levels[one] = action
            action.triggered.connect(
                lambda _=False, own=one: self.command.emit({"command": "sensitivity", "level": own})
            )
        self.menu.addSeparator()
        for words, name in (
            ("&Window", "window"),
            ("&Today", "today"),
            ("Chec&k-in", "checkin"),
            ("E&xercise", "exercise"),
            ("Se&ttings", "settings"),
            ("&Quit", "quit"),
        ):
            self._asks(self.menu, words, name)
        self._icon.setContextMenu(self.menu)
        self._icon.activated.connect(self._activated)

    @staticmethod
    def is_there() -> bool:
        """Whether the desktop has a tray."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def show(self) -> None:
        """Show the icon; a tray that comes later gets it, too."""
        self._icon.show()

    def hide(self) -> None:
        """Take the icon away."""
        self._icon.hide()

    def show_level(self, level: str) -> None:
        """Show which sensitivity holds."""
        self._levels[level].setChecked(True)

    def follow(self, seen: Seen, still: str = "", *, can_resume: bool = False) -> None:
        """Show this moment; `still` says why the app keeps still."""
        shown = seen.mood, round(seen.bend / _BEND_STEP)
        if shown != self._shown:
            self._shown = shown
            self._icon.setIcon(icon_for(seen.mood, seen.bend))
        words = seen.words if not still else f"{seen.words} (quiet: {still})"
        self._icon.setToolTip("\n".join(part for part in (words, seen.day_words) if part))
        self._state.setText(words)
        self._tip.setText(seen.tip)
        self._tip.setVisible(bool(seen.tip))
        self.pause.setText("&Resume" if can_resume else "&Pause")

    def say(self, words: str) -> None:
        """Show a sentence as the tray does."""
        self._icon.showMessage("posture_cam", words, icon_for(Mood.GOOD, 0.0), 8000)

    def _says(self, menu: QMenu, words: str, command: dict[str, object]) -> QAction:
        action = menu.addAction(words)
        action.triggered.connect(lambda: self.command.emit(command))
        return action

    def _asks(self, menu: QMenu, words: str, name: str) -> QAction:
        action = menu.addAction(words)
        action.triggered.connect(lambda: self.asked.emit(name))
        return action

    def _snooze_until_tomorrow(self) -> None:
        self.command.emit(
            {"command": "snooze", "minutes": minutes_until_morning(datetime.now().astimezone())}
        )

    def _list_profiles(self) -> None:
        self._profiles.clear()
        names = profile_names(profiles_dir())
        for name in names:
            self._says(self._profiles, name, {"command": "profile", "name": name})
        if not names:
            self._profiles.addAction("None is stored yet").setEnabled(False)

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.asked.emit("window")


def minutes_until_morning(now: datetime) -> float:
    """The minutes until the next morning."""
    morning = now.replace(hour=_MORNING_H, minute=0, second=0, microsecond=0)
    if morning <= now:
        morning += timedelta(days=1)
    return min((morning - now).total_seconds() / 60.0, 1440.0)


def profile_names(folder: Path) -> list[str]:
    """The names of stored profiles; nothing of them is read."""
    try:
        return sorted(path.stem for path in folder.iterdir() if path.suffix == ".json" and path.is_file())
    except OSError:
        return []
