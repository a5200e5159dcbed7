"""Shells that close streams, disks that are full, folders without rights, other users of the machine."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

import posture_cam
from posture_cam.care.checkins import CheckIn
from posture_cam.cli.terminal import stoppable
from posture_cam.config import config_path, write_template
from posture_cam.files import make_folder, written_whole
from posture_cam.history import keep_check_in
from posture_cam.ids import State
from posture_cam.outputs.files.alert_frames import AlertFrames
from posture_cam.paths import history_path
from posture_cam.plain import redacted
from posture_cam.profiles import profile_path
from posture_cam.quiet import quiet
from posture_cam.records import Frame
from tests.builders import Film, side
from tests.conftest import SAMPLES
from tests.running import TIMEOUT_S, run, run_process, run_unprivileged
from tests.sittings import fault_alert, observation
from tests.test_session import recorded

POSIX = pytest.mark.skipif(os.name != "posix", reason="shells of POSIX")
COMMANDS = [
    "--help",
    "--version",
    "tips",
    "profiles list",
    "exercise",
    "analyze {poses}",
    "config --show",
]


@pytest.fixture
def poses(tmp_path: Path) -> Path:
    upright, slouch = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=45.0, trunk_deg=20.0)
    return recorded(tmp_path / "a.poses.jsonl", Film(noise_px=0.4).hold(20.0, upright).hold(10.0, slouch))


def shell(command: str, redirect: str) -> subprocess.CompletedProcess[str]:
    line = f"{shlex.quote(sys.executable)} -m posture_cam {command} {redirect}"
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@POSIX
@pytest.mark.parametrize(("command", "redirect"), [
    ("--help", ">&-"), ("analyze {poses}", ">/dev/full"), ("analyze no.mp4", "2>&-"),
    *(pytest.param(*pair, marks=pytest.mark.slow) for pair in [
        *itertools.product(COMMANDS, [">&-", ">/dev/full"]),
        *itertools.product(["--version", "analyze {poses}", "analyze no.mp4"], ["2>&-", "2>/dev/full"]),
        *itertools.product(["--version", "analyze {poses}", "analyze no.mp4"], ["<&-"]),
    ]),
])  # fmt: skip
def test_streams_that_are_closed_or_full_end_in_a_sentence(command: str, redirect: str, poses: Path) -> None:
    done = shell(command.format(poses=shlex.quote(str(poses))), redirect)
    fails = redirect.startswith(">") or "no.mp4" in command
    assert done.returncode == int(fails), (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if redirect.startswith(">"):
        assert done.stderr.count("The output cannot be written") == 1


@POSIX
def test_nohup_keeps_a_hangup_from_us() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable(lambda: Console(stderr=True), also_hangup=True) as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


@POSIX
def test_modules_of_the_folder_where_it_is_run_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise SystemExit('the wrong one')", "utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    program = Path(sys.executable).with_name("posture-cam")
    done = subprocess.run(
        [program, "--version"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@POSIX
@pytest.mark.parametrize("shut", ["data", pytest.param("config", marks=pytest.mark.slow)])
@pytest.mark.parametrize("command", [
    "monitor --source {clip} --headless --no-notify", "history delete --all --yes", "profiles list", "doctor",
    "analyze {poses} --profile desk",
    *(pytest.param(command, marks=pytest.mark.slow) for command in [
        "history", "profiles show desk", "profiles delete desk --yes", "profiles rename desk home", "report",
        "checkin --pain 2", "programme", "exercise", "config --show", "config --init",
        "calibrate --from {poses}", "profiles restore desk",
    ]),
])  # fmt: skip
def test_folders_without_rights_are_said(command: str, shut: str, poses: Path, own_folders: Path) -> None:
    run("calibrate", "--from", poses, "--profile", "desk")
    keep_check_in(CheckIn(time.time(), 2))
    write_template()
    folder = {"data": history_path().parent, "config": config_path().parent}[shut]
    folder.chmod(0o000)
    try:
        words = command.format(clip=SAMPLES / "desk-side.mp4", poses=poses).split()
        if words[0] == "monitor":
            words += ["--model", "no such model"]  # it never watches; folders are checked first
        done = run_unprivileged(*words)
    finally:
        folder.chmod(0o700)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 2)
    assert done.returncode == 0 or done.stderr.startswith("Error: ") or "\nError: " in done.stderr


def test_a_time_zone_that_cannot_be_is_said_and_utc_taken() -> None:
    for zone in ("<+99>-99", "XXX+167:59:59"):
        done = run_process("history", environment={**os.environ, "TZ": zone})
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


@POSIX
# Between 650 and 720 MB the memory ends inside MediaPipe, whose threads then abort or wait for one another.
@pytest.mark.parametrize("limit", ["-v 300000", "-v 500000", "-v 600000", "-n 5"])
def test_too_little_memory_or_too_few_files_end_in_a_sentence(limit: str, tmp_path: Path) -> None:
    line = f"ulimit {limit}; exec {sys.executable} -m posture_cam analyze {SAMPLES / 'desk-side.mp4'}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Error:" in done.stderr
    assert done.returncode == 1


# Other users of the machine.


@POSIX
def test_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_folder(tmp_path / "a" / "b")
        make_folder(tmp_path / "c" / "d", private=False)
        with written_whole(tmp_path / "secret", private=True) as temporary:
            temporary.write_text("x")
        write_template()
    finally:
        os.umask(before)
    for path, mode in ((tmp_path / "a", 0o700), (tmp_path / "a" / "b", 0o700), (tmp_path / "c", 0o755)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(config_path().stat().st_mode) == 0o600


def test_writing_a_file_never_changes_the_umask_of_the_process(tmp_path: Path) -> None:
    masks: set[int] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("Umask"):
                    masks.add(int(line.split()[1], 8))

    if not Path("/proc/self/status").exists():
        pytest.skip("Linux tells the umask")
    thread = threading.Thread(target=look)
    thread.start()
    for number in range(300):
        with written_whole(tmp_path / f"{number}") as temporary:
            temporary.write_text("x")
    is_over.set()
    thread.join()
    assert len(masks) == 1


def test_alert_frames_go_through_no_link_and_over_no_file(tmp_path: Path) -> None:
    start = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    said: list[str] = []
    sink = AlertFrames(tmp_path / "frames", start, said.append)
    other = tmp_path / "other.txt"
    other.write_text("precious")
    seen = observation(30.0, State.POOR, alert=fault_alert(30.0))
    frame = Frame(0, 30.0, np.full((360, 640, 3), 90, np.uint8))
    sink.write(replace(seen, frame=frame))
    (first,) = (tmp_path / "frames").iterdir()
    first.unlink()
    first.symlink_to(other)
    sink.write(replace(seen, frame=frame))
    assert other.read_text() == "precious"
    (picture,) = (path for path in (tmp_path / "frames").iterdir() if not path.is_symlink())
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    assert (np.abs(drawn.astype(int) - 90).max(axis=2) > 40).mean() > 0.02  # state, words and tip stand on it
    assert said == []


@pytest.mark.parametrize("address", [
    "http://me:secret@cam/x", "me:secret@cam/x", "rtsp:me:secret@cam", "http:/me:secret@x/y", "rtsp://me:se:cret@cam:554",
    "http://me:se/cret@127.0.0.1/x", "htp://me:se'cret@cam/x", "http://me:se@cret@127.0.0.1/x",
])  # fmt: skip
def test_passwords_of_addresses_are_printed_nowhere(address: str) -> None:
    assert "cret" not in redacted(f"'{address}' is no address")
    for arguments in (
        ["monitor", "--source", address, "--headless"],
        ["monitor", "--camera", address, "--headless"],
        ["calibrate", "--source", address, "--headless"],
        ["exercise", "chin-tuck", "--source", address],
        ["workspace", "--source", address],
        ["analyze", address],
    ):
        done = run(*arguments)
        assert done.returncode in (1, 2), arguments
        assert "cret" not in done.stdout + done.stderr, arguments
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(f'[source]\nsource = "{address}"\ncamera = 7\n[pace]\nrate_hz = "{address}"\n')
    assert "cret" not in run("config", "--show").stderr
    config_path().write_text(f'[source]\nsource = "{address}"\n')
    assert "cret" not in run("config", "--show").stdout


def test_the_dashboard_shows_its_token_in_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}; cat "${{1#file://}}" > {opened}.page\n')
    browser.chmod(0o755)
    environment = {**os.environ, "BROWSER": str(browser)}
    with subprocess.Popen(
        [sys.executable, "-m", "posture_cam", "dashboard", "--open"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        end_s = time.monotonic() + 20.0
        while not Path(f"{opened}.page").exists() and time.monotonic() < end_s:
            time.sleep(0.1)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    token = address.rstrip("/").rsplit("/", 1)[-1]
    assert token not in opened.read_text()
    assert address in Path(f"{opened}.page").read_text()


# From Python.


def test_runs_that_overlap_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = quiet(verbose=False), quiet(verbose=False)
    first.__enter__()
    second.__enter__()
    os.write(2, b"native noise\n")
    first.__exit__(None, None, None)
    os.write(2, b"more noise\n")
    second.__exit__(None, None, None)
    os.write(2, b"back\n")
    assert capfd.readouterr().err == "back\n"


def test_an_analysis_from_python_is_silent_and_changes_no_process(tmp_path: Path) -> None:
    code = (
        "import ctypes, os, posture_cam, sys\n"
        f"posture_cam.analyze({str(SAMPLES / 'desk-side.mp4')!r})\n"
        "os.write(2, b'mine')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "mine")
    assert posture_cam.__version__
    assert profile_path("x").name == "x.json"


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.35, 0.5, 0.8, 1.2, 1.6])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_moment_of_its_start_ends_the_monitor(after_s: float, by: signal.Signals) -> None:
    command = [sys.executable, "-m", "posture_cam", "monitor", "--source", str(SAMPLES / "desk-side.mp4")]
    with subprocess.Popen(
        [*command, "--realtime", "--headless", "--no-notify"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        time.sleep(after_s)
        process.send_signal(by)
        try:
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert "Traceback" not in err
