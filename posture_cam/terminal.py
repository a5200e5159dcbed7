"""What a command needs of the terminal: progress, Ctrl-C, and silence from native libraries."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# Launchers such as uv pass Ctrl-C on to a program that the terminal has told already.
ONE_KEY_PRESS_S = 1.0


class Bars:
    """Progress on stderr, one bar after the other; silent where stderr is no terminal."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._tasks: dict[str, Any] = {}

    def show_seconds(self, name: str, done_s: float, total_s: float | None) -> None:
        """How far a pass over a recording is."""
        self._show(name, done_s, total_s)

    def show_bytes(self, name: str, done: int, total: int) -> None:
        """How much of a model is fetched."""
        self._show(f"Fetching the {name} model", done, total)

    def between(self, ask: Callable[[str], bool]) -> Callable[[str], bool]:
        """The same question, asked while no bar is drawn."""

        def asked(question: str) -> bool:
            self._progress.stop()
            try:
                return ask(question)
            finally:
                self._progress.start()

        return asked

    def _show(self, name: str, done: float, total: float | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


@contextmanager
def stoppable(
    talk: Callable[[], Console],
    words: str = "Finishing what was begun; Ctrl-C again drops it.",
    *,
    also_hangup: bool = False,
) -> Iterator[threading.Event]:
    """The first Ctrl-C asks for an end that keeps what is done; the second one ends at once.

    Args:
        talk: Where words go.
        words: Said at the first.
        also_hangup: A terminal that closes asks for the same.
    """
    stop = threading.Event()
    first_s = 0.0

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal first_s
        if not stop.is_set():
            first_s = time.monotonic()
            stop.set()
            # The terminal has gone, or is being written to just now, for the first time even: rich loads some
            # of itself then, and cannot be asked for it twice at once.
            with suppress(OSError, RuntimeError, ImportError):
                talk().print(words, style="yellow")
        elif time.monotonic() - first_s > ONE_KEY_PRESS_S:
            raise KeyboardInterrupt

    talk()  # what it loads is there before it may be asked for in the middle of something
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            hangup = [signal.SIGHUP] if also_hangup and hasattr(signal, "SIGHUP") else []
            for name in (signal.SIGINT, signal.SIGTERM, *hangup):
                stack.callback(signal.signal, name, signal.signal(name, ask))
        yield stop


@contextmanager
def quiet_native(*, verbose: bool) -> Iterator[None]:
    """Send what native libraries write to stderr nowhere; Python's own words still come through."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)  # mediapipe imports it; it talks of its cache
    if verbose or not _is_real_stderr():
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    before = sys.stderr
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - not a path of ours
            os.dup2(nowhere.fileno(), 2)
        sys.stderr = os.fdopen(os.dup(kept), "w", encoding=before.encoding, errors="replace", buffering=1)
        yield
    finally:
        sys.stderr.flush()
        if sys.stderr is not before:
            sys.stderr.close()
        sys.stderr = before
        os.dup2(kept, 2)
        os.close(kept)


def _is_real_stderr() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False


class Keys:
    """Keys pressed on the terminal, one by one and without an echo; none where stdin is no terminal."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._is_open = False

    def pressed(self) -> str:
        """What was pressed since the last call; never waits."""
        if not self._is_open:
            return ""
        if sys.platform == "win32":
            import msvcrt

            given = ""
            while msvcrt.kbhit():
                given += msvcrt.getwch()
            return given
        import select

        given = ""
        while select.select([sys.stdin], [], [], 0)[0]:
            more = os.read(sys.stdin.fileno(), 64).decode("utf-8", "ignore")
            if not more:
                self._is_open = False
                break
            given += more
        return "" if given.startswith("\x1b[") or given.startswith("\x1bO") else given  # arrows and such

    def __enter__(self) -> Keys:
        try:
            self._is_open = sys.stdin.isatty() and sys.stderr.isatty()
        except (AttributeError, ValueError):
            self._is_open = False
        if self._is_open and sys.platform != "win32":
            import termios
            import tty

            try:
                if os.getpgrp() != os.tcgetpgrp(sys.stdin.fileno()):
                    self._is_open = False  # in the background, reading would stop the program
                    return self
                kept = termios.tcgetattr(sys.stdin)
                self._stack.callback(self._restore, kept)
                tty.setcbreak(sys.stdin)
            except (OSError, termios.error):
                self._is_open = False  # a terminal that is not ours to set
        return self

    @staticmethod
    def _restore(kept: list[Any]) -> None:
        import termios

        with suppress(OSError, termios.error):  # the terminal may have gone
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)

    def __exit__(self, *_: object) -> None:
        self._stack.close()


_BATTERY_LOOKED_EVERY_S = 30.0
_battery: tuple[float, bool] | None = None


def on_battery() -> bool:
    """Whether the computer runs on battery; looked at now and then only."""
    global _battery
    now_s = time.monotonic()
    if _battery is None or now_s - _battery[0] > _BATTERY_LOOKED_EVERY_S:
        import psutil

        try:
            state = psutil.sensors_battery()
        except (AttributeError, OSError, RuntimeError, ValueError):
            state = None  # a machine without sensors
        _battery = (now_s, state is not None and state.power_plugged is False)
    return _battery[1]
