"""Running the command line as a user does: in this process if possible, otherwise in a separate one.

A process takes more than a second to start.  It is needed only for real streams, signals and the end of a
process.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from posture_cam.cli import main

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Done:
    """The outcome of a command, like `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str | Path, cwd: Path | None = None) -> Done:
    """Run a command in this process, without a terminal and without anybody to ask."""
    before = Path.cwd()
    kept = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(one, "utf-8", write_through=True) for one in kept)
    argv = ["posture-cam", *map(str, arguments)]
    code = 0
    try:
        if cwd is not None:
            os.chdir(cwd)
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            mock.patch.multiple(sys, argv=argv, stdin=io.StringIO()),
        ):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        os.chdir(before)
    return Done(code, *(one.getvalue().decode("utf-8") for one in kept))


def run_process(
    *arguments: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "posture_cam", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment,
        check=False,
        timeout=TIMEOUT_S,
    )


def run_unprivileged(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who is bound by permissions, as root is not."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions work otherwise here")
    command = [sys.executable, "-m", "posture_cam", *map(str, arguments)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything: run as a user, or apt-get install util-linux")
        kept_back = "-dac_override,-dac_read_search"
        command = ["setpriv", "--bounding-set", kept_back, "--inh-caps", kept_back, *command]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=TIMEOUT_S
    )


def run_terminal(*arguments: str | Path, columns: int, typed: str = "") -> Done:
    """Run a command in this process on a terminal of this width; `stdout` holds what it printed."""
    pty = pytest.importorskip("pty", reason="needs a terminal of Unix")
    ours, theirs = pty.openpty()
    kept: list[bytes] = []

    def read() -> None:
        while not kept or not kept[-1].endswith(
            b"\0"
        ):  # helper processes may hold the terminal open for longer
            kept.append(os.read(ours, 65_536))

    reader = threading.Thread(target=read)
    reader.start()
    argv = ["posture-cam", *map(str, arguments)]
    code = 0
    with open(theirs, "w", encoding="utf-8", newline="") as screen:  # noqa: PTH123
        try:
            with (
                redirect_stdout(screen),
                redirect_stderr(screen),
                mock.patch.multiple(sys, argv=argv, stdin=io.StringIO(typed)),
                mock.patch.dict(os.environ, {"COLUMNS": str(columns), "TERM": "xterm"}),
            ):
                main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        screen.write("\0")
    reader.join()
    os.close(ours)
    text = b"".join(kept).decode("utf-8").removesuffix("\0").replace("\r\n", "\n")
    return Done(code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text), "")
