"""When the app keeps still: screen locked, computer asleep, do-not-disturb, a call, a full screen.

On Linux by D-Bus (logind, the screen saver, the notification service), by PulseAudio or PipeWire through
`pactl`, and by the window manager's hints.  On Windows and macOS by their own interfaces, untried so far.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Any

from PySide6.QtCore import SLOT, QObject, QProcess, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication

from posture_cam.desktop import x11

# How often to ask where nothing tells by itself.
_ASK_EVERY_MS = 5000
_ANSWERS_WITHIN_MS = 500
_LOGIN, _NOTIFICATIONS = "org.freedesktop.login1", "org.freedesktop.Notifications"


class Still(StrEnum):
    """Reasons to keep still."""

    LOCKED = "locked"
    ASLEEP = "asleep"
    DO_NOT_DISTURB = "do_not_disturb"
    CALL = "call"
    FULL_SCREEN = "full_screen"


class StillWatch(QObject):
    """Follows the reasons to keep still.

    Signals:
        changed: The set of reasons has changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.reasons: set[Still] = set()
        self.watching: list[str] = []  # what is watched, for doctor
        self._parts: list[QObject] = []
        self._full_screen: _FullScreen | None = None
        if sys.platform == "linux":
            self._full_screen = _FullScreen(self)
            self._parts = [_Bus(self), _Microphone(self), self._full_screen]
        else:
            self._parts = [_Asked(self)]

    def ask_full_screen(self, is_wanted: bool) -> None:
        """Whether to look if a window fills the screen."""
        if self._full_screen is not None:
            self._full_screen.ask(is_wanted)

    def set(self, reason: Still, is_so: bool) -> None:
        """Note that a reason holds, or no longer does."""
        if is_so == (reason in self.reasons):
            return
        self.reasons ^= {reason}
        self.changed.emit()


class _Bus(QObject):
    """Lock, sleep and do-not-disturb by D-Bus."""

    def __init__(self, watch: StillWatch) -> None:
        super().__init__(watch)
        from PySide6.QtDBus import QDBusConnection, QDBusInterface

        self._watch, self._session_path = watch, ""
        # Any: what PySide says of the types of `connect` is wrong.
        system: Any = QDBusConnection.systemBus()
        session: Any = QDBusConnection.sessionBus()
        self._system, self._session = system, session
        if system.isConnected():
            login = _LOGIN
            manager = QDBusInterface(login, "/org/freedesktop/login1", f"{login}.Manager", system)
            if manager.isValid():
                watch.watching.append("logind")
            system.connect(
                login,
                "/org/freedesktop/login1",
                f"{login}.Manager",
                "PrepareForSleep",
                self,
                SLOT("slept(bool)"),
            )
            # The session's own path; "auto" is an alias of it that sends no signals.
            reply = manager.call("GetSession", "auto") if manager.isValid() else None
            path = _text(reply.arguments()[0]) if reply is not None and reply.arguments() else ""
            path = path if path.startswith("/") else ""  # an error comes with words
            system.connect(
                login,
                path,  # empty: of any session
                "org.freedesktop.DBus.Properties",
                "PropertiesChanged",
                self,
                SLOT("properties(QString)"),
            )
            self._session_path = path or "/org/freedesktop/login1/session/auto"
            self.properties(f"{_LOGIN}.Session")
        if session.isConnected():
            for name, path in (
                ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver"),
                ("org.freedesktop.ScreenSaver", "/ScreenSaver"),
                ("org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"),
                ("org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver"),
                ("org.mate.ScreenSaver", "/org/mate/ScreenSaver"),
            ):
                session.connect(name, path, name, "ActiveChanged", self, SLOT("saver(bool)"))
            watch.watching.append("screen saver")
            session.connect(
                "org.freedesktop.Notifications",
                "/org/freedesktop/Notifications",
                "org.freedesktop.DBus.Properties",
                "PropertiesChanged",
                self,
                SLOT("properties(QString)"),
            )
            watch.watching.append("do not disturb")
            if "gnome" in os.environ.get("XDG_CURRENT_DESKTOP", "").lower() and shutil.which("gsettings"):
                self._banners = _Banners(watch)
            self._ask_inhibited()
            self._asks = QTimer(self, interval=_ASK_EVERY_MS)
            self._asks.timeout.connect(self._ask_inhibited)
            self._asks.start()

    @Slot(bool)
    def slept(self, is_asleep: bool) -> None:
        """Take logind's PrepareForSleep."""
        self._watch.set(Still.ASLEEP, is_asleep)

    @Slot(bool)
    def saver(self, is_active: bool) -> None:
        """Take a screen saver's ActiveChanged."""
        self._watch.set(Still.LOCKED, is_active)

    @Slot(str)
    def properties(self, interface: str) -> None:
        """Ask anew for a property that has changed: PySide cannot read the values of the signal."""
        if interface == f"{_LOGIN}.Session":
            self._ask(self._system, _LOGIN, self._session_path, interface, "LockedHint", Still.LOCKED)
        elif interface == _NOTIFICATIONS:
            self._ask_inhibited()

    def _ask_inhibited(self) -> None:
        path = "/org/freedesktop/Notifications"
        self._ask(self._session, _NOTIFICATIONS, path, _NOTIFICATIONS, "Inhibited", Still.DO_NOT_DISTURB)

    def _ask(self, bus: Any, service: str, path: str, interface: str, name: str, reason: Still) -> None:
        from PySide6.QtDBus import QDBus, QDBusMessage

        question = QDBusMessage.createMethodCall(service, path, "org.freedesktop.DBus.Properties", "Get")
        question.setArguments([interface, name])
        question.setAutoStartService(False)
        answer = bus.call(question, QDBus.CallMode.Block, _ANSWERS_WITHIN_MS)
        if answer.type() == QDBusMessage.MessageType.ReplyMessage and answer.arguments():
            value = answer.arguments()[0]
            self._watch.set(reason, bool(value.variant() if hasattr(value, "variant") else value))


class _Banners(QObject):
    """GNOME's do-not-disturb, which is a setting of the desktop."""

    _SETTING = ("org.gnome.desktop.notifications", "show-banners")

    def __init__(self, watch: StillWatch) -> None:
        super().__init__(watch)
        self._watch = watch
        for words in (("get", *self._SETTING), ("monitor", *self._SETTING)):
            asked = QProcess(self)
            asked.readyReadStandardOutput.connect(partial(self._told, asked))
            asked.start("gsettings", list(words))

    def _told(self, asked: QProcess) -> None:
        words = bytes(asked.readAllStandardOutput().data())
        self._watch.set(Still.DO_NOT_DISTURB, b"false" in words)


def _text(value: Any) -> str:
    """An object path as text."""
    return str(value.path()) if hasattr(value, "path") else str(value)


class _Microphone(QObject):
    """Whether another program records sound, by PulseAudio or PipeWire."""

    def __init__(self, watch: StillWatch) -> None:
        super().__init__(watch)
        self._watch = watch
        self._events: QProcess | None = None
        self._waits = QTimer(self, singleShot=True, interval=300)
        self._waits.timeout.connect(self._list)
        self._again = QTimer(self, singleShot=True, interval=30_000)
        self._again.timeout.connect(self._begin)
        if shutil.which("pactl"):
            watch.watching.append("microphone")
            self._begin()

    def _begin(self) -> None:
        events = QProcess(self)
        self._events = events
        events.readyReadStandardOutput.connect(self._told)
        events.finished.connect(lambda *_: self._again.start())
        events.start("pactl", ["subscribe"])
        self._waits.start()

    def _told(self) -> None:
        assert self._events is not None
        if b"source-output" in self._events.readAllStandardOutput().data():
            self._waits.start()

    def _list(self) -> None:
        asked = QProcess(self)

        def listed(*_: object) -> None:
            self._watch.set(Still.CALL, is_recording(bytes(asked.readAllStandardOutput().data())))
            asked.deleteLater()

        asked.finished.connect(listed)
        asked.start("pactl", ["-f", "json", "list", "source-outputs"])


def is_recording(listed: bytes) -> bool:
    """Whether PulseAudio's list of recordings holds any but those of level meters."""
    try:
        outputs = json.loads(listed)
    except ValueError:
        return False
    if not isinstance(outputs, list):
        return False
    meters = ("peak detect", "pavucontrol")
    for one in outputs:
        properties = one.get("properties", {}) if isinstance(one, dict) else {}
        name = f"{properties.get('media.name', '')} {properties.get('application.name', '')}".lower()
        if not any(meter in name for meter in meters):
            return True
    return False


class _FullScreen(QObject):
    """Whether a window fills the screen; only an X server tells."""

    def __init__(self, watch: StillWatch) -> None:
        super().__init__(watch)
        self._watch, self._can_ask = watch, QGuiApplication.platformName() == "xcb"
        if self._can_ask:
            watch.watching.append("full screen")
        self._asks = QTimer(self, interval=_ASK_EVERY_MS)
        self._asks.timeout.connect(lambda: watch.set(Still.FULL_SCREEN, x11.is_full_screen()))

    def ask(self, is_wanted: bool) -> None:
        """Begin or end to ask."""
        if self._can_ask and is_wanted:
            self._asks.start()
        else:
            self._asks.stop()
            self._watch.set(Still.FULL_SCREEN, False)


class _Asked(QObject):
    """Windows and macOS: asked every few seconds.  Written by their documentation, untried."""

    def __init__(self, watch: StillWatch) -> None:
        super().__init__(watch)
        self._watch = watch
        questions: dict[str, dict[Still, Callable[[], bool]]] = {
            "win32": {Still.LOCKED: _windows_locked, Still.CALL: _windows_call},
            "darwin": {Still.LOCKED: _mac_locked},
        }
        self._questions = questions.get(sys.platform, {})
        watch.watching += [str(reason) for reason in self._questions]
        self._asks = QTimer(self, interval=_ASK_EVERY_MS)
        self._asks.timeout.connect(self._ask)
        self._asks.start()

    def _ask(self) -> None:
        for reason, question in self._questions.items():
            with suppress(Exception):  # a system may answer anything
                self._watch.set(reason, question())


def _windows_locked() -> bool:
    """Whether the desktop that gets input cannot be opened, as on the lock screen (OpenInputDesktop)."""
    import ctypes

    user32: Any = ctypes.windll.user32  # type: ignore[attr-defined,unused-ignore]
    desktop = user32.OpenInputDesktop(0, False, 0x0100)
    if not desktop:
        return True
    is_hidden = not user32.SwitchDesktop(desktop)
    user32.CloseDesktop(desktop)
    return bool(is_hidden)


def _windows_call() -> bool:
    """Whether a program uses the microphone now: the consent store keeps no end of such a use."""
    import winreg

    store: Any = winreg
    root = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone"

    def in_use(path: str) -> bool:
        with store.OpenKey(store.HKEY_CURRENT_USER, path) as key:
            for number in range(store.QueryInfoKey(key)[0]):
                name = store.EnumKey(key, number)
                if name == "NonPackaged":
                    if in_use(f"{path}\\{name}"):
                        return True
                    continue
                with store.OpenKey(key, name) as one, suppress(OSError):
                    if store.QueryValueEx(one, "LastUsedTimeStop")[0] == 0:
                        return True
        return False

    return in_use(root)


def _mac_locked() -> bool:
    """Whether the session's dictionary says that the screen is locked (CGSessionCopyCurrentDictionary)."""
    import subprocess

    told = subprocess.run(
        ["ioreg", "-n", "Root", "-d1", "-a"], capture_output=True, timeout=5, check=False
    ).stdout
    return b"<key>CGSSessionScreenIsLocked</key>\n\t\t\t<true/>" in told
