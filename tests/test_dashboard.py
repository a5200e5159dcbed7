"""The dashboard: only the user can read it, it writes nothing, and it follows a running monitor."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from posture_cam.errors import OutputError
from posture_cam.history import today
from posture_cam.ids import State
from posture_cam.outputs.dashboard import serving
from posture_cam.paths import history_path
from posture_cam.profiles import profile_names
from posture_cam.session.calibration import CalibrationRequest, calibrate
from tests.browser import browser, needs_browser
from tests.conftest import SAMPLES
from tests.running import run
from tests.sittings import BERLIN, kept_run

NINE = datetime(2026, 11, 20, 9, tzinfo=BERLIN)


def get(
    address: str, *, method: str = "GET", host: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.putrequest(method, parts.path or "/", skip_host=host is not None)
        for name, value in ({"Host": host} if host is not None else {}).items():
            connection.putheader(name, value)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return (
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode(),
        )
    finally:
        connection.close()


@pytest.fixture
def address() -> Iterator[str]:
    with serving() as one:
        yield one


def test_only_the_address_itself_leads_in(address: str) -> None:
    kept_run(NINE, [(600, State.GOOD)])
    parts = urlsplit(address)
    root = f"http://{parts.netloc}"
    assert get(address)[0] == 200
    assert get(address, host=f"localhost:{parts.port}")[0] == 200
    for host in (
        "evil.example",
        f"evil.example:{parts.port}",
        "127.0.0.1",
        f"127.0.0.1:{parts.port}.evil.example",
        "",
    ):
        assert get(address, host=host)[0] in (400, 421), host
    for path in ("/", "/days", "/x/", "//", f"{parts.path[:-2]}/", f"{parts.path[:-1]}x/", f"/x{parts.path}"):
        status, _, words = get(root + path)
        assert status in (307, 404), path
        assert "600" not in words
    assert get(f"{root}/favicon.ico")[0] == 404
    assert len(parts.path) > 24


def test_it_can_only_read_and_says_so_in_every_header(address: str) -> None:
    before = sorted(history_path().parent.glob("*")) if history_path().parent.exists() else []
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert get(address, method=method)[0] == 405, method
    for path in ("", "days", "profiles", "now", "style.css", "dashboard.js", "day/2026-01-01", "nothing"):
        _, headers, _ = get(address + path, Origin="https://evil.example")
        assert "access-control-allow-origin" not in headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    after = sorted(history_path().parent.glob("*")) if history_path().parent.exists() else []
    assert before == after


def test_an_empty_history_says_what_to_do_first(address: str) -> None:
    assert "posture-cam calibrate" in get(address)[2]
    assert "No day is kept yet" in get(address + "days")[2]
    assert "posture-cam calibrate" in get(address + "profiles")[2]
    assert json.loads(get(address + "now")[2])["version"] == 1


def test_past_days_and_profiles_are_shown(address: str) -> None:
    kept_run(NINE, [(1200, State.GOOD), (400, State.POOR)], source='<b>"camera"</b>')
    kept_run(NINE + timedelta(days=1), [(600, State.GOOD)])
    days = get(address + "days")[2]
    assert "Fri 2026-11-20" in days
    assert "75 %" in days
    status, _, page = get(address + "day/2026-11-20")
    assert status == 200
    assert "Friday 20 November 2026" in page
    assert "day/2026-11-21" in page
    assert "&lt;b&gt;&#34;camera&#34;&lt;/b&gt;" in page
    assert " style=" not in page
    for wrong in ("day/2026-11-22", "day/yesterday", "day/99999-01-01", "day/%00"):
        status, _, page = get(address + wrong)
        assert status == 404, wrong
        assert "Nothing is kept of that day" in page


def test_a_damaged_history_is_said_on_the_page(address: str) -> None:
    history_path().parent.mkdir(parents=True)
    history_path().write_bytes(b"nothing of the kind " * 200)
    status, _, page = get(address)
    assert status == 503
    assert "is damaged" in page
    assert "is damaged" in json.loads(get(address + "now")[2])["trouble"]


def test_a_taken_port_is_said() -> None:
    with serving() as one:
        port = urlsplit(one).port
        assert port is not None
        with pytest.raises(OutputError, match=f"Port {port} cannot be used"), serving(port):
            pass


def test_the_command_prints_its_address_and_ends_with_ctrl_c() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "posture_cam", "dashboard"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    try:
        assert get(address)[0] == 200
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == ""
    assert "Ctrl-C ends it" in err
    assert "Traceback" not in err


@pytest.mark.slow
@needs_browser
def test_today_follows_a_running_monitor_while_others_read(sample_poses: object, tmp_path: Path) -> None:
    assert callable(sample_poses)
    calibrate(CalibrationRequest(recording=sample_poses("desk-monitor")))
    assert profile_names() == ["default"]
    monitor = subprocess.Popen(
        [sys.executable, "-m", "posture_cam", "monitor", "--no-notify", "--headless", "--realtime",
         "--source", str(SAMPLES / "desk-monitor.mp4")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        with serving() as address, browser() as chromium:
            chromium.open(address)
            seen: set[str] = set()
            versions: set[str] = set()
            end_s = time.monotonic() + 60.0
            while time.monotonic() < end_s and not ({"Good", "Fair"} <= seen and len(versions) > 2):
                seen |= {line for line in chromium.text().splitlines() if line in ("Good", "Fair", "Poor")}
                versions.add(chromium.run("return document.getElementById('body').dataset.version"))
                time.sleep(0.5)
            assert {"Good", "Fair"} <= seen, chromium.text()
            assert len(versions) > 2
            assert "In good posture" in chromium.text()
            _, failing = chromium.low_contrast()
            assert failing == []
            # All clients read at once while the history is being written.
            readers = [
                subprocess.Popen(
                    [sys.executable, "-m", "posture_cam", *arguments],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                )
                for arguments in (
                    ["history", "--json"],
                    ["history", "export", str(tmp_path / "all.json")],
                    ["report", "-o", str(tmp_path / "report.html")],
                )
            ]  # fmt: skip
            for reader in readers:
                _, err = reader.communicate(timeout=60)
                assert reader.returncode == 0, err
            exported = json.loads((tmp_path / "all.json").read_text("utf-8"))
            assert exported["days"][-1]["runs"][-1]["ended"] == "running"
            chromium.open(f"{address}day/{today()}")
            assert "At a glance" in chromium.text()
            chromium.open(f"{address}profiles")
            assert "default" in chromium.text()
            assert chromium.complaints() == []
    finally:
        monitor.send_signal(signal.SIGINT)
        out, err = monitor.communicate(timeout=30)
    assert monitor.returncode == 0, err
    assert "Score" in out
    told = json.loads(run("history", "--json").stdout)
    assert told["days"][-1]["runs"][-1]["ended"] == "done"
