"""One app for each user: a second start, or a shortcut of the desktop, gives the first one a command."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import ClassInfo, QObject, QTimer, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

# Commands of the app, and what of them goes to the monitor.
COMMANDS: dict[str, dict[str, str] | None] = {
    "window": None,
    "quit": None,
    "pause": None,
    "snooze": None,
    "settings": None,
    "calibrate": None,
    "today": None,
    "sits_well": {"command": "correct", "label": "good"},
    "slouches": {"command": "correct", "label": "bad"},
    "still_fits": {"command": "still_fits"},
}
_WAIT_MS = 1000
_LONGEST = 64


def _name() -> str:
    return f"posture_cam-{getpass.getuser()}"


def told_running(words: str) -> bool:
    """Give a command to the app that runs already; False if none does."""
    socket = QLocalSocket()
    socket.connectToServer(_name())
    if not socket.waitForConnected(_WAIT_MS):
        return False
    socket.write(words.encode())
    socket.waitForBytesWritten(_WAIT_MS)
    socket.disconnectFromServer()
    if socket.state() != QLocalSocket.LocalSocketState.UnconnectedState:
        socket.waitForDisconnected(_WAIT_MS)
    return True


class Instance(QObject):
    """Takes commands of later starts; only the same user can give them.

    Args:
        told: Called with each command.
    """

    def __init__(self, told: Callable[[str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._told = told
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(_name())  # left by one that was killed
        self._server.listen(_name())
        self._server.newConnection.connect(self._take)

    def _take(self) -> None:
        socket = self._server.nextPendingConnection()

        def read() -> None:
            words = bytes(socket.readAll().data())[:_LONGEST].decode("utf-8", "replace").strip()
            if words:  # later: a dialog would run inside of this very event
                QTimer.singleShot(0, partial(self._told, words))

        socket.readyRead.connect(read)
        socket.disconnected.connect(socket.deleteLater)

    def close(self) -> None:
        """Take no more commands."""
        self._server.close()


_named: Any = ClassInfo  # whose types say nothing of names with spaces


@_named(**{"D-Bus Interface": "io.github.posture_cam"})
class OnTheBus(QObject):
    """The same commands as a D-Bus method, for shortcuts of desktops that call one.

    Args:
        told: Called with each command.
    """

    def __init__(self, told: Callable[[str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._told = told
        from PySide6.QtDBus import QDBusConnection

        bus = QDBusConnection.sessionBus()
        if bus.isConnected() and bus.registerService("io.github.posture_cam"):
            bus.registerObject("/io/github/posture_cam", self, QDBusConnection.RegisterOption.ExportAllSlots)

    @Slot(str)
    def Do(self, command: str) -> None:  # noqa: N802 - as D-Bus names methods
        """Do a command; unknown ones are ignored."""
        if command in COMMANDS:
            QTimer.singleShot(0, partial(self._told, command))
