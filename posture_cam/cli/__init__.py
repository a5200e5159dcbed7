"""Words and exit codes; the only package that knows typer.

Exit codes: 0 done, 1 expected failure, 2 wrong usage, 130 interrupted with what was done kept.
"""

from __future__ import annotations

import errno
import itertools
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from posture_cam import __version__
from posture_cam.cli import (
    about,
    calibrating,
    checking_in,
    desk,
    exercising,
    live,
    past,
    planning,
    recordings,
)
from posture_cam.cli.common import INTERRUPTED, app, say, talk
from posture_cam.errors import OutputError, PostureCamError, UsageError

__all__ = [
    "about",
    "app",
    "calibrating",
    "checking_in",
    "desk",
    "exercising",
    "live",
    "main",
    "past",
    "planning",
    "recordings",
]

_OUTPUT_GONE = tuple(
    getattr(errno, name)
    for name in ("EPIPE", "ENOSPC", "EDQUOT", "EFBIG", "EIO")
    if hasattr(errno, name)  # Windows lacks some
)


def main() -> None:
    """Run the command line; every failure that is expected becomes a sentence and an exit code."""
    # The networks are small: on a busy machine a second thread of numpy's spins longer than it works.  Read
    # when numpy is loaded, also by the processes of a batch.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark
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
        if isinstance(cause, KeyboardInterrupt):  # typer ends on it without a word
            talk().print("Interrupted.", style="yellow")
        raise
    except KeyboardInterrupt:
        talk().print("Interrupted.", style="yellow")
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in _OUTPUT_GONE:
            raise
        _leave_stdout()
        if error.errno != errno.EPIPE:  # else its reader went away, as in `| head`
            say(OutputError(f"The output cannot be written ({error.strerror}).", "Is the disk full?"))
        sys.exit(1)


def _check_names(arguments: Sequence[str]) -> None:
    """Refuse a file whose name would be taken for options.

    Raises:
        UsageError: One of them is.
    """
    for argument in itertools.takewhile(lambda one: one != "--", arguments):
        if argument.startswith("-") and len(argument) > 1 and os.path.isfile(argument):  # noqa: PTH113
            raise UsageError(
                f"{argument} is taken for an option.", f"Write ./{argument}, or put -- before it."
            )


def _leave_stdout() -> None:
    """Leave nothing for Python to flush at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"posture_cam {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Watches how you sit, and helps you sit better. Everything stays on this machine."""
