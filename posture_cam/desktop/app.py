"""The app itself: joins monitor, tray, cue, window and what keeps them still."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from PySide6.QtCore import QProcess, QSettings, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog

from posture_cam.config import Config, config_path, load_config
from posture_cam.desktop.cue import Cue, CueSettings
from posture_cam.desktop.figure import icon_for
from posture_cam.desktop.instance import COMMANDS, Instance, OnTheBus, told_running
from posture_cam.desktop.monitor import SILENT_S, MonitorProcess, program_with
from posture_cam.desktop.places import NAME
from posture_cam.desktop.seen import HOLDS_S, Mood, Seen
from posture_cam.desktop.silence import Still, StillWatch
from posture_cam.desktop.tray import Tray
from posture_cam.desktop.window import Window
from posture_cam.errors import PostureCamError
from posture_cam.paths import history_path, profiles_dir
from posture_cam.settings import read_data
from posture_cam.words import words_of

_NO_TRAY = (
    "This desktop shows no tray icons. On GNOME the extension “AppIndicator and KStatusNotifierItem Support” "
    "adds them. Until then there is this window; closed, it comes back when you start the app again."
)
_NO_CAMERA = {Still.LOCKED, Still.ASLEEP}
# How often signals such as Ctrl-C get their turn, as Qt's loop does not run Python's handlers by itself.
_SIGNALS_EVERY_MS = 200


class App:
    """Runs until it is quit.

    Args:
        monitor_arguments: Further arguments of the monitor, such as another source.
        is_hidden: Begin in the tray.
    """

    def __init__(self, monitor_arguments: Sequence[str] = (), *, is_hidden: bool = False) -> None:
        config = load_config()
        self._own = list(monitor_arguments)
        self.seen = Seen()
        self._coverage: list[str] = []
        # What the person wants of the monitor, also of one that is started anew.
        self._is_paused = self._is_quitting = self._is_first = False
        self._told_pause = False  # what the running monitor was told last
        self._open_settings: QDialog | None = None
        self._snoozed_until: datetime | None = None
        self._chosen: dict[str, dict[str, Any]] = {}  # profile and sensitivity, by command
        self._store = QSettings(str(config_path().parent / "window.ini"), QSettings.Format.IniFormat)
        self.monitor = MonitorProcess(self._arguments(config))
        self.cue = Cue(_cue_settings(config))
        self._config = config
        self.tray = Tray(_level(config))
        note = "" if Tray.is_there() else _NO_TRAY
        self.window = Window(self.monitor.send, self._store, config.desktop.window_mode, note)
        self.still = StillWatch()
        self.instance = Instance(self.do)
        self._on_the_bus = OnTheBus(self.do) if sys.platform == "linux" else None
        self._others: list[QProcess] = []
        self.monitor.line.connect(self._take)
        self.monitor.silent.connect(self._unheard)
        self.monitor.ended.connect(self._ended)
        self.monitor.died.connect(self._died)
        self.monitor.given_up.connect(self._given_up)
        self.tray.command.connect(self._order)
        self.tray.asked.connect(self.do)
        self.window.asked.connect(self.do)
        self.still.changed.connect(self._keep_still)
        QGuiApplication.instance().screenAdded.connect(lambda _screen: self.cue.hide())  # type: ignore[union-attr]
        self._set_pace()
        self._follow()
        self.tray.show()
        self._ask_day()
        is_first = not any(profiles_dir().glob("*.json"))
        if is_first and not is_hidden:
            QTimer.singleShot(0, self.first_start)
            return
        if not is_hidden or note:
            self.window.show()
        self.monitor.start()

    def _arguments(self, config: Config) -> list[str]:
        every = ["--every", str(config.desktop.every_s)] if config.desktop.every_s >= 10 else []
        return [*self._own, *every]

    def _set_pace(self) -> None:
        """What a sample stands for, and when silence means that nothing is known."""
        every_s = self._config.desktop.every_s
        self.seen.holds_s = max(HOLDS_S, 1.2 * every_s)
        self.monitor.silent_s = SILENT_S + 1.2 * every_s
        self.still.ask_full_screen(self._config.desktop.quiet_when_full_screen)

    def first_start(self) -> None:
        """Lead through the first start."""
        from posture_cam.desktop.first_start import FirstStart

        wizard = FirstStart(self.monitor, self.cue, has_own_source=bool(self._own))
        self._is_first = True
        is_done = wizard.exec() == QDialog.DialogCode.Accepted
        self._is_first = False
        wizard.deleteLater()
        if self._is_quitting:
            return
        if not is_done and not any(profiles_dir().glob("*.json")):
            self.monitor.stop()  # nothing was agreed to
            self._answered(
                False, "Not started. “Resume” starts it, and asks you to sit well for five seconds."
            )
            self.window.show()
            return
        self._reload()
        if not self.window.isVisible() and not Tray.is_there():
            self.window.show()

    def _take(self, line: dict[str, Any]) -> None:
        if line.get("type") == "start":
            self._told_pause = False
            self._tell_monitor()
        if line.get("type") == "sample":
            self._coverage = line.get("coverage", [])
        if line.get("type") == "preview":
            self.window.take(line)
            return
        self.seen.take(line)
        self._follow()

    def _follow(self) -> None:
        self.cue.follow(self.seen)
        words = ", ".join(words_of(one) for one in sorted(self.still.reasons))
        self.tray.follow(self.seen, words, can_resume=self._is_paused or not self.monitor.is_running)
        self.window.follow(self.seen, self._coverage)

    def _tell_monitor(self) -> None:
        """Give a monitor that has just started what holds now."""
        for command in self._chosen.values():
            self.monitor.send(command)
        if self._snoozed_until is not None:
            left_min = (self._snoozed_until - datetime.now().astimezone()).total_seconds() / 60.0
            if left_min > 0:
                self.monitor.send({"command": "snooze", "minutes": left_min})
        self._keep_still(is_new=True)
        self.window.ask_for_pictures()

    def _unheard(self) -> None:
        self.seen.unheard()
        self._follow()

    def _ended(self) -> None:
        self._told_pause = False
        self.seen.ended()
        self._follow()

    def _died(self, words: str) -> None:
        self.seen.said = f"The monitor has ended and is started again: {words}"
        self._follow()

    def _given_up(self, words: str) -> None:
        self._answered(False, words)

    def _keep_still(self, *, is_new: bool = False) -> None:
        """Camera off while nobody can be there; no cue and no alert while others are listened to."""
        desktop = self._config.desktop
        reasons = set(self.still.reasons)
        if not desktop.quiet_in_calls:
            reasons.discard(Still.CALL)
        if not desktop.quiet_when_full_screen:
            reasons.discard(Still.FULL_SCREEN)
        is_silent = bool(reasons - _NO_CAMERA)
        if is_silent != self.cue.is_silent or is_new:
            self.cue.is_silent = is_silent
            self.monitor.send({"command": "silence", "on": is_silent})
        wants_pause = self._is_paused or (bool(reasons & _NO_CAMERA) and desktop.pause_when_locked)
        if wants_pause != self._told_pause and self.monitor.process_id is not None:
            self._told_pause = wants_pause
            self.monitor.send({"command": "pause" if wants_pause else "resume"})
        self._follow()

    def _order(self, command: dict[str, Any]) -> None:
        match command.get("command"):
            case "snooze":
                minutes = command.get("minutes", self._config.alerts.snooze_min)
                self._snoozed_until = datetime.now().astimezone() + timedelta(minutes=minutes)
                command = {**command, "minutes": minutes}
            case "profile" | "sensitivity" as name:
                self._chosen[name] = command
        self.monitor.send(command, self._answered)

    def _answered(self, _is_done: bool, words: str) -> None:
        if words:
            self.seen.said = words
            self._follow()
            if not self.window.isVisible():
                self.tray.say(words)

    def do(self, name: str) -> None:
        """Do what a menu, a button, a shortcut or a second start asks for."""
        if (command := COMMANDS.get(name)) is not None:
            self._order(command)
            return
        match name.split():
            case ["window"]:
                self.window.show()
                self.window.raise_()
                self.window.activateWindow()
            case ["closed"] if not Tray.is_there():
                self.window.say(_NO_TRAY)
            case ["pause"] if not self.monitor.is_running:  # it had given up
                self._is_paused = False
                self.monitor.start()
            case ["pause"]:
                self._is_paused = not self._is_paused
                self._keep_still()
            case ["snooze"]:
                self._order({"command": "snooze"})
            case ["calibrate", *posture]:
                self.do("window")
                self._is_paused = self._told_pause = False  # calibrating resumes
                asked = {"command": "calibrate", "replace": True}
                self._order(asked | ({"posture": posture[0]} if posture else {}))
            case ["settings"]:
                self._settings()
            case ["today"]:
                self._run(["report", "--open", "--output", str(history_path().with_name("report.html"))])
            case ["checkin"]:
                self._check_in()
            case ["exercise"]:
                self._exercise()
            case ["quit"]:
                self.quit()

    def _settings(self) -> None:
        from posture_cam.desktop.settings_window import SettingsWindow

        if self._is_first:
            return
        if self._open_settings is not None:
            self._open_settings.raise_()
            return
        try:
            window = SettingsWindow(self.window if self.window.isVisible() else None)
        except PostureCamError as error:
            self._answered(False, f"{error.message} {error.hint}".strip())
            return
        window.changed.connect(self._reload)
        self._open_settings = window
        window.exec()
        self._open_settings = None

    def _reload(self) -> None:
        """Let changed settings take effect."""
        before = self._config
        try:
            self._config = load_config()
        except PostureCamError as error:
            self._answered(False, f"{error.message} {error.hint}".strip())
            return
        if self._config.judging.sensitivity != before.judging.sensitivity:  # what is saved later counts
            self._chosen.pop("sensitivity", None)
            self.tray.show_level(_level(self._config))
        if self._config.source != before.source:
            self._chosen.pop("profile", None)
        self.cue.hide()
        self.cue.settings = _cue_settings(self._config)
        self._set_pace()
        self.monitor.restart(self._arguments(self._config))

    def _check_in(self) -> None:
        pain, is_given = QInputDialog.getInt(
            self.window, "posture_cam: check-in", "Pain now, from 0 (none) to 10 (the worst):", 0, 0, 10
        )
        if is_given:
            self._run(["checkin", "--pain", str(pain)])

    def _exercise(self) -> None:
        """Run an exercise in its own window; the camera is lent to it."""
        titles = {str(one["title"]): str(one["name"]) for one in read_data("exercises.toml")["exercise"]}
        title, is_chosen = QInputDialog.getItem(
            self.window, "posture_cam: exercise", "Which exercise?", sorted(titles), 0, False
        )
        if not is_chosen:
            return
        self.monitor.stop()
        process = self._run(["exercise", titles[title]])
        process.finished.connect(lambda *_: None if self._is_quitting else self.monitor.start())

    def _run(self, arguments: Sequence[str]) -> QProcess:
        process = QProcess()
        program, *rest = program_with(arguments)
        self._others.append(process)

        def ended(*_: object) -> None:
            words = bytes(process.readAllStandardError().data()).decode("utf-8", "replace").strip()
            if process.exitCode() and words:
                self._answered(False, words.splitlines()[-1])
            self._others.remove(process)

        process.finished.connect(ended)
        process.start(program, rest)
        return process

    def _ask_day(self) -> None:
        """Learn from the history how the day was so far."""
        process, day = QProcess(), datetime.now().astimezone().date()
        program, *rest = program_with(["history", "--day", day.isoformat(), "--json"])
        self._others.append(process)

        def ended(*_: object) -> None:
            self._others.remove(process)
            try:
                total = json.loads(bytes(process.readAllStandardOutput().data()))["total"]
            except (ValueError, KeyError, TypeError):
                return
            names = ("good", "fair", "poor", "away", "unjudged")
            self.seen.began_with({name: float(total.get(f"{name}_s") or 0.0) for name in names}, day)
            self._follow()

        process.finished.connect(ended)
        process.start(program, rest)

    def quit(self) -> None:
        """End everything; the camera is free afterwards."""
        self._is_quitting = True
        self.cue.hide()
        self.window.remember()
        self.tray.hide()
        self.instance.close()
        self.monitor.stop()
        for process in list(self._others):
            process.kill()
        QApplication.quit()


def _level(config: Config) -> str:
    """The sensitivity for all faults."""
    return next((one for one in reversed(config.judging.sensitivity) if "=" not in one), "normal")


def _cue_settings(config: Config) -> CueSettings:
    desktop = config.desktop
    return CueSettings(desktop.cue, desktop.cue_after_s, desktop.cue_strength)


def main(arguments: Sequence[str], *, is_hidden: bool = False, command: str = "window") -> int:
    """Run the app, or give the running one a command; returns the exit code.

    Args:
        arguments: Further arguments of the monitor.
        is_hidden: Begin in the tray, without a window.
        command: What a running app is asked to do (`instance.COMMANDS`).
    """
    application = QApplication(sys.argv[:1])
    application.setApplicationName("posture_cam")
    application.setDesktopFileName(NAME)
    application.setWindowIcon(icon_for(Mood.GOOD, 0.0))
    application.setQuitOnLastWindowClosed(False)
    if told_running(command):
        return 0
    app = App(arguments, is_hidden=is_hidden)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.quit())
    turns = QTimer()
    turns.timeout.connect(lambda: None)
    turns.start(_SIGNALS_EVERY_MS)
    return application.exec()
