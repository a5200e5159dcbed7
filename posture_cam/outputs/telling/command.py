"""A program of the user's own, run for each alert."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from posture_cam.errors import UsageError
from posture_cam.outputs.files.tables import alert_as_json
from posture_cam.outputs.live import LiveOutput, local_time, once
from posture_cam.records import Observation

_TIMEOUT_S = 30.0
_LAST_WAIT_S = 2.0


class AlertCommand(LiveOutput):
    """Runs a command, never through a shell, with the alert as JSON on its standard input.

    Args:
        command: Program and arguments, quoted as in a shell.
        started_at: The time of day at timestamp 0.
        say: Receives a message at once if the program is not found, and once if it fails.

    Raises:
        UsageError: The command is empty, or a quote is not closed.
    """

    def __init__(self, command: str, started_at: datetime, say: Callable[[str], None]) -> None:
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--on-alert cannot be read: {error}.", "Close the quotes.") from error
        if not self._arguments:
            raise UsageError("--on-alert names no command.", "Name a program: --on-alert 'notify-me --soft'")
        if shutil.which(self._arguments[0]) is None:
            say(f"The command for alerts, {self._arguments[0]}, is not found; alerts go without it.")
        self._started_at, self._say = started_at, once(say)
        self._is_closing = False
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="on-alert")
        self._running: subprocess.Popen[bytes] | None = None

    def write(self, observation: Observation) -> None:
        """Run the command for an alert, without waiting for it."""
        if (alert := observation.alert) is not None:
            time = local_time(self._started_at, alert.timestamp_s).isoformat(timespec="milliseconds")
            content = {"type": "alert", "time": time} | alert_as_json(alert)
            self._worker.submit(self._run, json.dumps(content, ensure_ascii=False).encode())

    def _run(self, content: bytes) -> None:
        try:
            with subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process:
                self._running = process
                try:
                    process.communicate(content, timeout=_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    self._fail(f"took longer than {_TIMEOUT_S:.0f} s and was ended")
                    return
            if self._is_closing:
                return
            if process.returncode:
                self._fail(f"ended with {process.returncode}")
        except OSError as error:
            self._fail(f"cannot be run ({error.strerror or error})")

    def _fail(self, how: str) -> None:
        self._say(f"The command for alerts, {self._arguments[0]}, {how}.")

    def close(self) -> None:
        """Start no more commands; a command that still runs is ended after a moment."""
        self._is_closing = True
        self._worker.shutdown(wait=False, cancel_futures=True)
        process = self._running
        if process is not None and process.poll() is None:
            try:
                process.wait(_LAST_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                self._fail("was ended with the monitor")
        self._worker.shutdown(wait=True)
