"""A batch on a real dask cluster on loopback, one of whose workers is killed midway."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from posture_cam.batch.run import JOURNAL
from tests.running import run
from tests.test_batch import begun, finished_in, results_of, some_recordings, wait_for


def _dask(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


pytestmark = pytest.mark.slow  # processes of dask come and go


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        processes.append(_dask(*arguments))
        return processes[-1]

    yield start
    for process in reversed(processes):
        process.kill()
        process.wait()


def a_scheduler(
    start: Callable[..., subprocess.Popen[bytes]], folder: Path
) -> tuple[subprocess.Popen[bytes], str]:
    file = folder / "scheduler.json"
    process = start(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
    )
    end_s = time.monotonic() + 60.0
    while time.monotonic() < end_s:
        if file.exists() and file.stat().st_size:
            return process, str(json.loads(file.read_text())["address"])
        time.sleep(0.1)
    raise AssertionError("no scheduler")


def a_worker(
    start: Callable[..., subprocess.Popen[bytes]], address: str, folder: Path
) -> subprocess.Popen[bytes]:
    return start(
        "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
        "--local-directory", str(folder),
    )  # fmt: skip


def test_a_batch_loses_nothing_to_a_worker_that_is_killed(
    started: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    source, local, remote = tmp_path / "in", tmp_path / "local", tmp_path / "remote"
    some_recordings(source, 45)
    _, address = a_scheduler(started, tmp_path)
    workers = [a_worker(started, address, tmp_path / f"worker{number}") for number in range(2)]
    process = begun(source, remote, "--scheduler", address)
    wait_for(remote, 8, process)
    assert 8 <= len(finished_in(remote)) < 40
    workers[0].kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err  # five of them are broken
    assert "45 recordings: 40 done, 5 failed" in out
    assert run("analyze", source, "--out", local, "--jobs", "1").returncode == 1
    assert results_of(remote) == results_of(local)
    assert sorted(finished_in(remote)) == sorted(finished_in(local))
    assert (remote / JOURNAL).exists()


def test_something_else_that_listens_is_no_scheduler_and_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "a.poses.jsonl").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        done = run("analyze", tmp_path, "--out", tmp_path / "out", "--scheduler", address)
    assert done.returncode == 1
    assert "No scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr
    alone = run("analyze", tmp_path / "a.poses.jsonl", "--scheduler", address)
    assert alone.returncode == 2
    assert "--out" in alone.stderr


def test_a_scheduler_that_dies_fails_no_recording(
    started: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    some_recordings(source, 60)
    scheduler, address = a_scheduler(started, tmp_path)
    a_worker(started, address, tmp_path)
    process = begun(source, out, "--scheduler", address)
    wait_for(out, 5, process)
    scheduler.kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "is gone" in err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert "CancelledError" not in err


def test_a_cluster_that_is_not_there_is_said(
    started: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    some_recordings(tmp_path / "in", 6)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("analyze", tmp_path / "in", "--out", tmp_path / "out", "--scheduler")
    done = run(*arguments, f"tcp://127.0.0.1:{port}")
    assert done.returncode == 1
    assert "No scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(*arguments, "nonsense://x")
    assert done.returncode == 2
    assert "is no address of a scheduler" in done.stderr
    done = run(*arguments, "tcp://127.0.0.1:1", "--jobs", "2")
    assert done.returncode == 2
