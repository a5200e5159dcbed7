"""The monitor as a child process: started, read, commanded, and started again if it dies."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

# Pauses before a monitor that died is started again; chosen.
_PAUSES_S = (1, 2, 5, 10, 30, 60)
# A monitor that has lived this long starts anew with the first pause.
_LIVED_S = 60.0
_ENDS_WITHIN_MS = 5000
_TAIL = 20
# Without a line for this long, nothing is known of the person any more.
SILENT_S = 4.0


def program_with(arguments: Sequence[str]) -> list[str]:
    """The command line of this very program with other arguments."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "posture_cam", *arguments]


class MonitorProcess(QObject):
    """Runs `posture-cam monitor --json`, and gives out what it says.

    Args:
        arguments: Further arguments of the monitor.

    Signals:
        line: Each line, as a dict.
        silent: It runs, but has said nothing for `silent_s`.
        ended: It has ended, whatever the reason.
        died: It has ended by a failure, with its last words; it is started again.
        given_up: It has ended by itself, or cannot run like this, with its last words; it stays ended.
    """

    line = Signal(dict)
    silent = Signal()
    ended = Signal()
    died = Signal(str)
    given_up = Signal(str)

    def __init__(self, arguments: Sequence[str] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.arguments = list(arguments)
        self._process: QProcess | None = None
        self._rest = b""
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._answers: dict[int, Callable[[bool, str], None]] = {}
        self._count = self._deaths = 0
        self._is_wanted = False
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self._begin)
        self._lived = QTimer(self, singleShot=True, interval=round(1000 * _LIVED_S))
        self._lived.timeout.connect(self._has_lived)
        self.silent_s = SILENT_S
        self._quiet = QTimer(self, singleShot=True)
        self._quiet.timeout.connect(self.silent)

    @property
    def process_id(self) -> int | None:
        """The number of the child process; None while there is none."""
        return None if self._process is None else self._process.processId() or None

    @property
    def is_running(self) -> bool:
        """Whether it is wanted, even if it is between two lives."""
        return self._is_wanted

    def start(self) -> None:
        """Start it, unless it runs."""
        self._is_wanted = True
        if self._process is None:
            self._begin()

    def stop(self) -> None:
        """End it, and wait until the camera is free."""
        self._is_wanted = False
        self._again.stop()
        process = self._process
        if process is None:
            return
        self.send({"command": "quit"})
        process.closeWriteChannel()
        if not process.waitForFinished(_ENDS_WITHIN_MS):
            process.kill()
            process.waitForFinished(_ENDS_WITHIN_MS)

    def restart(self, arguments: Sequence[str] | None = None) -> None:
        """Start it anew, with other arguments if given."""
        self.stop()
        if arguments is not None:
            self.arguments = list(arguments)
        self.start()

    def send(self, command: dict[str, Any], answer: Callable[[bool, str], None] | None = None) -> None:
        """Give a command; `answer` is called with whether it was done, and with the words of the answer."""
        if self._process is None:
            if answer is not None:
                answer(False, "The monitor is not running.")
            return
        self._count += 1
        if answer is not None:
            self._answers[self._count] = answer
        self._process.write(json.dumps({**command, "id": self._count}).encode() + b"\n")

    def _begin(self) -> None:
        if not self._is_wanted or self._process is not None:
            return
        program, *rest = program_with(["monitor", "--json", "--attached", "--headless", *self.arguments])
        process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_talk)
        process.finished.connect(self._has_ended)
        process.errorOccurred.connect(self._has_failed)
        self._process, self._rest = process, b""
        self._tail.clear()
        process.start(program, rest)
        self._lived.start()

    def _read(self) -> None:
        if self._process is None:
            return
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            self._quiet.start(round(1000 * self.silent_s))
            if told.get("type") == "answer" and (answer := self._answers.pop(told.get("id"), None)):
                answer(bool(told.get("done")), str(told.get("message", "")))
            self.line.emit(told)

    def _read_talk(self) -> None:
        if self._process is not None:
            talk = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
            self._tail.extend(line.strip() for line in talk.splitlines() if line.strip())

    def _has_lived(self) -> None:
        self._deaths = 0

    def _has_failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._has_ended(1, QProcess.ExitStatus.CrashExit)

    def _has_ended(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.deleteLater()
        self._lived.stop()
        self._quiet.stop()
        for answer in list(self._answers.values()):
            answer(False, "The monitor has ended.")
        self._answers.clear()
        self.ended.emit()
        if not self._is_wanted:
            return
        words = " ".join(one for one in self._tail if one.startswith(("Error:", "Hint:"))) or "".join(
            list(self._tail)[-1:]
        )
        if status == QProcess.ExitStatus.NormalExit and code in (0, 2):  # done, or wrongly called
            self._is_wanted = False
            self.given_up.emit(words or "The source has ended.")
        else:
            pause_s = _PAUSES_S[min(self._deaths, len(_PAUSES_S) - 1)]
            self._deaths += 1
            self._again.start(1000 * pause_s)
            self.died.emit(words or "The monitor has ended.")
