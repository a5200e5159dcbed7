"""Alerts as desktop notifications, through desktop-notifier (extra `notify`) or, on macOS, osascript."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from posture_cam.ids import AlertKind, Command
from posture_cam.outputs.live import LiveOutput, once
from posture_cam.records import Alert, Observation, Order
from posture_cam.words import words_for, words_of

APP_NAME = "posture_cam"
_TIMEOUT_S = 10.0


_BUTTONS = {
    AlertKind.FAULT: ("sits_well", "snooze"),
    AlertKind.QUESTION: ("still_fits", "calibrate", "snooze"),
    AlertKind.BREAK: ("snooze",),
    AlertKind.CHANGE: ("snooze",),
}


class CannotNotify(Exception):  # noqa: N818
    """No notification can be shown here; the text says why, and what to do."""


class Backend(Protocol):
    """A desktop that shows a notification, and withdraws it."""

    name: str

    def send(self, title: str, message: str, buttons: Mapping[str, Callable[[], None]]) -> None:
        """Show it.

        Args:
            title: In bold.
            message: Below.
            buttons: What each button says, and what is called on any thread when it is pressed.

        Raises:
            CannotNotify: It cannot be shown.
        """

    def dismiss(self) -> None:
        """Take back what is shown."""

    def close(self) -> None:
        """End the connection to the desktop."""


class DesktopBackend:
    """Notifies through desktop-notifier: D-Bus on Linux, the Notification Center, or Windows' own service.

    Raises:
        CannotNotify: The extra is not installed, or the desktop has no such service.
    """

    def __init__(self) -> None:
        logging.getLogger("desktop_notifier").setLevel(logging.CRITICAL)  # we report failures ourselves
        try:
            from desktop_notifier import DesktopNotifier, Icon
            from desktop_notifier.main import get_backend_class
        except ImportError:
            raise CannotNotify("pip install desktop-notifier") from None
        kind = get_backend_class().__name__
        if kind.startswith("Dummy"):
            raise CannotNotify("this Python may not show notifications here")
        # It runs all the time: buttons are pressed while nothing else is done.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="notifications", daemon=True)
        self._thread.start()
        icon = Path(str(resources.files("posture_cam").joinpath("desktop", "icon.svg")))
        self._notifier = DesktopNotifier(app_name=APP_NAME, app_icon=Icon(path=icon))
        self._shown: list[str] = []
        try:
            self._run(self._notifier.get_capabilities())  # the only call that raises an error
        except Exception as error:
            self._end_loop()
            raise CannotNotify(f"the desktop offers no notifications ({_first_line(error)})") from error
        self.name = {"DBusDesktopNotifier": "D-Bus"}.get(kind, kind)

    def send(self, title: str, message: str, buttons: Mapping[str, Callable[[], None]]) -> None:
        """Show it in place of the last one."""
        from desktop_notifier import Button

        self.dismiss()
        shown = [Button(title=words, on_pressed=pressed) for words, pressed in buttons.items()]
        identifier = self._run(self._notifier.send(title=title, message=message, buttons=shown))
        if identifier not in self._run(self._notifier.get_current_notifications()):
            raise CannotNotify("the desktop did not take it")
        self._shown.append(identifier)

    def dismiss(self) -> None:
        """Take back what is shown; a desktop takes a notification away itself once a button is pressed."""
        while self._shown:
            identifier = self._shown.pop()
            if identifier in self._run(self._notifier.get_current_notifications()):
                self._run(self._notifier.clear(identifier))

    def close(self) -> None:
        """Withdraw the notification, and end the connection."""
        with contextlib.suppress(Exception):  # nobody is left to tell
            self.dismiss()
        self._end_loop()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, _TIMEOUT_S), self._loop).result()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_S)
        self._loop.close()


class ScriptBackend:
    """Notifies through osascript, as macOS ignores a Python that is not an app; it cannot withdraw them."""

    name = "osascript"

    def send(self, title: str, message: str, buttons: Mapping[str, Callable[[], None]]) -> None:
        """Show it without buttons; the words are passed as arguments, never as script."""
        script = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
        try:
            subprocess.run(
                ["osascript", "-e", script, title, message],
                check=True,
                capture_output=True,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotNotify(f"osascript failed ({_first_line(error)})") from error

    def dismiss(self) -> None:
        """Not possible with osascript; notifications disappear by themselves."""

    def close(self) -> None:
        """Nothing is open."""


def find_backend() -> Backend:
    """The notification backend of this machine.

    Raises:
        CannotNotify: This machine has no backend.
    """
    try:
        return DesktopBackend()
    except CannotNotify:
        if sys.platform == "darwin":
            return ScriptBackend()
        raise


class DesktopNotification(LiveOutput):
    """Shows alerts on the desktop, in its own thread; they disappear once answered, or the posture corrected.

    Args:
        say: Receives one message if that does not work.
        backend: Makes the backend, in that thread.
        snooze_min: How long the button "Not now" keeps alerts off.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        backend: Callable[[], Backend] = find_backend,
        snooze_min: float = 15.0,
    ) -> None:
        # Calibrating by a button is meant: it says what it does.
        self._orders = {
            "still_fits": Order(Command.STILL_FITS),
            "sits_well": Order(Command.SITS_WELL),
            "calibrate": Order(Command.CALIBRATE, True),
            "snooze": Order(Command.SNOOZE, snooze_min),
        }
        self._say, self._make = once(say), backend
        self._backend: Backend | None = None
        self._pressed: deque[Order] = deque()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="notify")

    def write(self, observation: Observation) -> None:
        """Show an alert, or withdraw it."""
        if observation.alert is not None:
            self._worker.submit(self._attempt, self._send, observation.alert)
        elif observation.corrected is not None:
            self._worker.submit(self._attempt, self._dismiss)

    def _attempt(self, work: Callable[..., None], *arguments: Alert) -> None:
        try:
            work(*arguments)
        except Exception as error:  # a desktop may fail in any way; the run goes on
            self._drop()
            self._say(f"No desktop notification: {_first_line(error)}.")

    def _send(self, alert: Alert) -> None:
        if self._backend is None:
            self._backend = self._make()
        is_plain = alert.kind == AlertKind.QUESTION and alert.measure is None
        message = alert.message if is_plain else f"{alert.message} {alert.tip.text}"
        buttons = {words_for("button", name): partial(self._press, name) for name in _BUTTONS[alert.kind]}
        self._backend.send(words_of(alert.kind), message, buttons)

    def _press(self, name: str) -> None:
        self._pressed.append(self._orders[name])
        with contextlib.suppress(RuntimeError):  # the run is over
            self._worker.submit(self._attempt, self._dismiss)

    def commands(self) -> tuple[Order, ...]:
        """The buttons pressed since the last call."""
        pressed = []
        while self._pressed:
            pressed.append(self._pressed.popleft())
        return tuple(pressed)

    def _dismiss(self) -> None:
        if self._backend is not None:
            self._backend.dismiss()

    def _drop(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def close(self) -> None:
        """End the connection to the desktop."""
        self._worker.submit(self._attempt, self._drop)
        self._worker.shutdown(wait=True)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".") or type(error).__name__
