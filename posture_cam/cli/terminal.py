"""The terminal of a command: streams, progress, Ctrl-C and keys."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any

from posture_cam.quiet import ForgivingStream

if TYPE_CHECKING:
    from rich.console import Console

# Launchers such as uv pass on a Ctrl-C that the terminal has already sent to the program.
ONE_KEY_PRESS_S = 1.0
# Of standard input; chosen, far beyond any command.
_LONGEST_LINE = 65_536


def ready_streams() -> None:
    """Make the three streams usable, whichever the shell has closed; talk that cannot be written is dropped.

    A closed stdout fails on writing, like a full disk.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        raw = io.BufferedWriter(_Closed())
        sys.stdout = io.TextIOWrapper(raw, encoding="utf-8", errors="replace")
    elif hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        encoding = None if sys.stderr is None else sys.stderr.encoding
        sys.stderr = ForgivingStream.to(2, encoding, closes=False)


class _Closed(io.RawIOBase):
    """A stream that was closed before the program started."""

    def writable(self) -> bool:
        return True

    def write(self, _data: object, /) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def leave_stdout() -> None:
    """Leave nothing for Python to flush at its end."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    with suppress(OSError):
        os.dup2(sys.stdout.fileno(), 1)


_consoles: dict[int, tuple[Any, Console]] = {}


def console_for(stream: Any, width: int | None = None) -> Console:
    """The console that writes to a stream, always the same one.

    On a terminal, lines are broken between words; elsewhere they stay whole, and tables have the given width.
    """
    known = _consoles.get(id(stream))
    if known is not None and known[0] is stream:
        return known[1]
    from rich.console import Console

    class WordWise(Console):
        """Breaks lines between words wherever a person reads them."""

        def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
            super().print(*objects, soft_wrap=soft_wrap and not self.is_terminal, **options)

    console = WordWise(file=stream)
    if width is not None and not console.is_terminal:
        console = WordWise(file=stream, width=width)
    _consoles[id(stream)] = (stream, console)
    return console


class Bars:
    """Progress on stderr, one bar after another; silent if stderr is not a terminal."""

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
        """Show the progress of a pass over a recording."""
        self._show(name, done_s, total_s)

    def show_bytes(self, name: str, done: int, total: int) -> None:
        """Show how much of a model has been fetched."""
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
    """Let the first Ctrl-C end the work and keep what is done; the second one ends at once.

    Args:
        talk: Gives the console for words.
        words: Printed at the first Ctrl-C.
        also_hangup: A closing terminal counts as Ctrl-C too, except under nohup.
    """
    stop = threading.Event()
    first_s = 0.0

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal first_s
        if not stop.is_set():
            first_s = time.monotonic()
            stop.set()
            # The terminal may have gone, or this may interrupt a write to it.  During the first write, rich
            # loads parts of itself, and cannot load them twice at once.
            with suppress(OSError, RuntimeError, ImportError):
                talk().print(words, style="yellow")
        elif time.monotonic() - first_s > ONE_KEY_PRESS_S:
            raise KeyboardInterrupt

    talk()  # loads the console now, so that an interruption need not
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            hangup = [signal.SIGHUP] if also_hangup and hasattr(signal, "SIGHUP") else []
            hangup = [name for name in hangup if signal.getsignal(name) != signal.SIG_IGN]
            for name in (signal.SIGINT, signal.SIGTERM, *hangup):
                stack.callback(signal.signal, name, signal.signal(name, ask))
        yield stop


class InputLines:
    """Lines of standard input, read on a thread of their own.

    Attributes:
        has_ended: Standard input was closed.
    """

    def __init__(self) -> None:
        self._lines: SimpleQueue[str] = SimpleQueue()
        self.has_ended = False

    def taken(self) -> list[str]:
        """The lines since the last call; never waits."""
        found = []
        while True:
            try:
                found.append(self._lines.get_nowait())
            except Empty:
                return found

    def start(self) -> None:
        """Begin to read, unless standard input is closed or a terminal, where keys are read."""
        try:
            if sys.stdin is None or sys.stdin.isatty():
                return
            number = sys.stdin.fileno()
        except (AttributeError, OSError, ValueError):
            return
        Thread(target=self._read, args=(number,), name="input lines", daemon=True).start()

    def _read(self, number: int) -> None:
        """Read past Python's own stream: a thread that waits inside it aborts the end of the program."""
        rest = b""
        with suppress(OSError):
            while given := os.read(number, _LONGEST_LINE):
                *lines, rest = (rest + given).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._lines.put(line.decode("utf-8", "replace"))
        if rest:
            self._lines.put(rest.decode("utf-8", "replace"))
        self.has_ended = True


class Keys:
    """Keys pressed on the terminal, one by one and without an echo; none if stdin is not a terminal."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._is_open = False

    def pressed(self) -> str:
        """The keys pressed since the last call; never waits."""
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
        return "" if given.startswith("\x1b[") or given.startswith("\x1bO") else given  # arrows and the like

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
                self._is_open = False  # a terminal that the program may not change
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
    """Whether the computer runs on battery; checked only now and then."""
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
