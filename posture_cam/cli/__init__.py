"""The command line: words and exit codes; the only package that uses typer.

Exit codes: 0 done, 1 expected failure, 2 wrong usage, 130 interrupted with what was done kept.
"""

from __future__ import annotations

import errno
import itertools
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from posture_cam import __version__
from posture_cam.cli import (
    about,
    analyze,
    calibrate,
    check_in,
    desktop,
    exercise,
    history,
    monitor,
    programme,
    report,
    workspace,
)
from posture_cam.cli.common import INTERRUPTED, app, say, talk
from posture_cam.cli.terminal import leave_stdout, ready_streams
from posture_cam.errors import OutputError, PostureCamError, UsageError

__all__ = [
    "about",
    "analyze",
    "app",
    "calibrate",
    "check_in",
    "desktop",
    "exercise",
    "history",
    "main",
    "monitor",
    "programme",
    "report",
    "workspace",
]

_OUTPUT_GONE = tuple(
    getattr(errno, name)
    for name in ("EBADF", "EPIPE", "ENOSPC", "EDQUOT", "EFBIG", "EIO")
    if hasattr(errno, name)  # Windows lacks some
)
_NO_THREAD = "can't start new thread"


def main() -> None:
    """Run the command line; every expected failure becomes a sentence and an exit code."""
    # The networks are small: on a busy machine, a second numpy thread spins longer than it works.  The
    # variable is read when numpy is loaded, also in the processes of a batch.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    ready_streams()
    _check_zone()
    try:
        try:
            _check_names(sys.argv[1:])
            app()
        finally:
            sys.stdout.flush()
    except PostureCamError as error:
        sys.exit(say(error))
    except SystemExit as ended:
        cause = ended.__context__ and ended.__context__.__cause__
        if isinstance(cause, KeyboardInterrupt):  # typer ends silently on it
            talk().print("Interrupted.", style="yellow")
        raise
    except KeyboardInterrupt:
        talk().print("Interrupted.", style="yellow")
        sys.exit(INTERRUPTED)
    except OSError as error:
        sys.exit(_system_failed(error))
    except (MemoryError, ImportError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and _NO_THREAD not in str(error):
            raise
        words = " ".join(str(error).split()) or "out of memory"
        sys.exit(say(PostureCamError(f"This system gives too little to run: {words}.", _ROOM)))


_ROOM = "Close other programs, or raise its limits (ulimit); posture-cam doctor tells what is missing."


def _system_failed(error: OSError) -> int:
    """Report what the system refused; returns the exit code."""
    what = error.strerror or str(error)
    if error.errno not in _OUTPUT_GONE or error.filename is not None:
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return say(
            PostureCamError(
                f"The system refused an operation: {where}{what}.", "Check permissions and limits."
            )
        )
    leave_stdout()
    if error.errno == errno.EBADF:
        return say(OutputError("The output cannot be written (it is closed).", "Leave out >&-."))
    if error.errno != errno.EPIPE:  # otherwise its reader has ended, as in `| head`
        say(OutputError(f"The output cannot be written ({what}).", "Is the disk full?"))
    return 1


def _check_zone() -> None:
    """Fall back to UTC if the system's time zone cannot be used."""
    try:
        datetime.now().astimezone()
    except (ValueError, OverflowError, OSError):
        os.environ["TZ"] = "UTC"
        if hasattr(time, "tzset"):
            time.tzset()
        talk().print("The time zone of this system cannot be used; times are in UTC.", style="yellow")


def _check_names(arguments: Sequence[str]) -> None:
    """Refuse a file whose name would be taken for options.

    Raises:
        UsageError: There is such a file.
    """
    for argument in itertools.takewhile(lambda one: one != "--", arguments):
        if argument.startswith("-") and len(argument) > 1 and os.path.isfile(argument):  # noqa: PTH113
            raise UsageError(
                f"{argument} is taken for an option.", f"Write ./{argument}, or put -- before it."
            )


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"posture_cam {__version__}")
        raise typer.Exit


_BEGIN = """\
posture_cam watches how you sit, and helps you sit better. Everything stays on this machine.

Begin with a webcam:
  posture-cam calibrate        once: five seconds of how you want to sit
  posture-cam monitor          then every day

Or with a recording:
  posture-cam analyze VIDEO

All commands: posture-cam --help"""


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Watches how you sit, and helps you sit better. Everything stays on this machine."""
    if context.invoked_subcommand is None:
        typer.echo(_BEGIN)
