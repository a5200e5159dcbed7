"""The app as its user lives with it, on a desktop with window manager, tray, compositor and session bus."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
from Xlib import X, display

from posture_cam.desktop.settings_file import write
from posture_cam.paths import history_path
from posture_cam.profiles import load_profile
from posture_cam.session.calibration import CalibrationRequest, calibrate
from tests.builders import write_video
from tests.conftest import SAMPLES
from tests.desktop import GREEN, RED, Desktop, desktop, needs_desktop

GOOD_S, SLOUCH_S = 6.0, 25.0


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sits well for six seconds, slouches for 25, sits well for half a minute; over and over, for minutes."""
    with av.open(str(SAMPLES / "desk-monitor.mp4")) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    good, slouch = images[:80], images[490:620]

    def to_and_fro(some: list[np.ndarray], count: int) -> list[np.ndarray]:
        there_and_back = [*some, *reversed(some)]
        return [there_and_back[number % len(there_and_back)] for number in range(count)]

    once = [*to_and_fro(good, 60), *to_and_fro(slouch, 250), *to_and_fro(good, 300)]
    return write_video(tmp_path_factory.mktemp("clip") / "desk.mp4", once * 3, rate=10)


@pytest.fixture
def own_profile(sample_poses: Callable[[str], Path]) -> None:
    calibrate(CalibrationRequest(recording=sample_poses("desk-monitor"), at_s=(0.5, 9.0)))


@pytest.fixture
def on_desktop(tmp_path: Path, own_profile: None) -> Iterator[Desktop]:
    with desktop(tmp_path) as own:
        yield own


def started(own: Desktop, clip: Path, **environment: str) -> float:
    """Start the app in the tray; returns how long the first judgement took."""
    own.start("--hidden", "--", "--source", clip, "--realtime", **environment)
    return own.once(lambda: own.tray_shows(GREEN))


@needs_desktop
def test_a_slouch_is_shown_lets_clicks_through_and_goes_at_once(on_desktop: Desktop, clip: Path) -> None:
    assert started(on_desktop, clip) < 8.0
    assert not on_desktop.glows()
    with below(on_desktop) as clicks:
        on_desktop.once(lambda: on_desktop.tray_shows(RED), 20.0)
        on_desktop.once(on_desktop.glows, 15.0)
        on_desktop.xdotool("mousemove", "20", "350", "click", "1")
        on_desktop.once(lambda: clicks() == 1, 3.0)
        first = on_desktop.shown.pixels()[350, 1].astype(int)
        time.sleep(6.0)
        later = on_desktop.shown.pixels()[350, 1].astype(int)
        assert later[2] - later[0] > first[2] - first[0]  # it grows with time
        on_desktop.once(lambda: not on_desktop.glows(), 30.0)
        assert on_desktop.once(lambda: on_desktop.tray_shows(GREEN), 8.0) >= 0.0


@contextmanager
def below(own: Desktop) -> Iterator[Callable[[], int]]:
    """A window of another program at the left edge; how many clicks it got."""
    server = display.Display(own.environment["DISPLAY"])
    root = server.screen()
    window = root.root.create_window(
        0, 300, 100, 100, 0, root.root_depth, background_pixel=0x808080, event_mask=X.ButtonPressMask
    )
    window.change_attributes(override_redirect=True)
    window.map()
    server.flush()
    count = 0

    def clicks() -> int:
        nonlocal count
        while server.pending_events():
            count += server.next_event().type == X.ButtonPress
        return count

    yield clicks
    server.close()


@needs_desktop
@pytest.mark.parametrize("who", ["app", "monitor"])
def test_whoever_is_killed_no_cue_and_no_process_stays(who: str, on_desktop: Desktop, clip: Path) -> None:
    started(on_desktop, clip)
    on_desktop.once(on_desktop.glows, 30.0)
    app, monitor = psutil.Process(on_desktop.apps[-1].pid), on_desktop.monitor
    assert monitor is not None
    (app if who == "app" else monitor).send_signal(signal.SIGKILL)
    assert on_desktop.once(lambda: not on_desktop.glows(), 3.0) < 1.5
    if who == "app":
        on_desktop.once(lambda: not monitor.is_running() or monitor.status() == psutil.STATUS_ZOMBIE, 10.0)
        started(on_desktop, clip)  # nothing that was left behind keeps it from starting
    else:
        on_desktop.once(
            lambda: on_desktop.monitor is not None and on_desktop.monitor.pid != monitor.pid, 10.0
        )
        on_desktop.once(lambda: on_desktop.tray_shows(GREEN), 15.0)


@needs_desktop
def test_a_pause_outlives_a_monitor_that_dies(on_desktop: Desktop, clip: Path) -> None:
    started(on_desktop, clip)
    assert on_desktop.do("pause") == 0
    on_desktop.once(partial(_judges, on_desktop, False), 10.0)
    monitor = on_desktop.monitor
    assert monitor is not None
    monitor.kill()
    on_desktop.once(lambda: on_desktop.monitor is not None and on_desktop.monitor.pid != monitor.pid, 10.0)
    for _ in range(60):  # it may look once or twice before it is told
        time.sleep(0.1)
    for _ in range(20):
        assert _judges(on_desktop, False)
        time.sleep(0.1)
    assert on_desktop.do("still_fits") == 0  # refused while paused, and so no way out of order
    assert on_desktop.do("pause") == 0
    on_desktop.once(partial(_judges, on_desktop, True), 15.0)


@needs_desktop
def test_a_recording_that_ends_is_not_played_again(on_desktop: Desktop, clip: Path) -> None:
    with av.open(str(clip)) as container:
        images = [
            frame.to_ndarray(format="rgb24") for frame in itertools.islice(container.decode(video=0), 40)
        ]
    short = write_video(on_desktop.folder / "short.mp4", images, rate=10)
    on_desktop.start("--hidden", "--", "--source", short)
    on_desktop.once(lambda: on_desktop.monitor is not None, 10.0)
    on_desktop.once(lambda: on_desktop.monitor is None, 20.0)
    time.sleep(4.0)
    assert on_desktop.monitor is None
    assert on_desktop.apps[-1].poll() is None


@needs_desktop
def test_a_screen_that_does_not_answer_is_a_failure_with_words(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "posture_cam", "app"]
    done = subprocess.run(
        words, env={**os.environ, "DISPLAY": ":9797"}, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert "There is no screen here" in done.stderr


@needs_desktop
def test_without_a_compositor_there_is_a_band_and_nothing_is_covered(
    tmp_path: Path, own_profile: None, clip: Path
) -> None:
    with desktop(tmp_path, compositor=False) as own:
        before = own.shown.pixels()[350, 200].copy()
        started(own, clip)
        own.once(own.glows, 30.0)
        pixels = own.shown.pixels()
        assert (pixels[350, 200] == before).all()
        assert (pixels[350, 60] == before).all()


@needs_desktop
def test_a_second_start_shows_the_window_and_shortcuts_give_commands(on_desktop: Desktop, clip: Path) -> None:
    assert on_desktop.do("window") == 1  # none is running
    started(on_desktop, clip)
    second = on_desktop.start("--", "--source", clip)
    second.communicate(timeout=15)
    assert second.returncode == 0
    on_desktop.apps.remove(second)
    on_desktop.once(lambda: bool(on_desktop.xdotool("search", "--onlyvisible", "--name", "^posture_cam$")))
    assert on_desktop.do("window") == 0
    # A false alarm is corrected by a shortcut.
    on_desktop.once(lambda: on_desktop.tray_shows(RED), 30.0)
    assert on_desktop.do("sits_well") == 0
    on_desktop.once(lambda: len(load_profile("default").corrections) == 1, 10.0)
    assert on_desktop.do("nonsense") == 2
    # The window's X hides it; the app lives on.
    window = on_desktop.xdotool("search", "--onlyvisible", "--name", "^posture_cam$").split()[0]
    on_desktop.xdotool("key", "--window", window, "alt+F4")
    on_desktop.once(lambda: not on_desktop.xdotool("search", "--onlyvisible", "--name", "^posture_cam$"))
    assert on_desktop.apps[-1].poll() is None
    # By D-Bus, it comes back.
    call = "dbus-send --session --dest=io.github.posture_cam --print-reply /io/github/posture_cam"
    words = [*call.split(), "io.github.posture_cam.Do", "string:window"]
    subprocess.run(words, env=on_desktop.environment, check=True, capture_output=True, timeout=10)
    on_desktop.once(lambda: bool(on_desktop.xdotool("search", "--onlyvisible", "--name", "^posture_cam$")))
    assert on_desktop.do("quit") == 0
    assert on_desktop.apps[-1].wait(10) == 0
    assert on_desktop.monitor is None


@needs_desktop
def test_calibrating_again_and_the_report_of_the_day(on_desktop: Desktop, clip: Path) -> None:
    before = load_profile("default").created_at
    started(on_desktop, clip, BROWSER="true")
    assert on_desktop.do("calibrate") == 0
    on_desktop.once(lambda: load_profile("default").source == clip.name, 60.0)
    assert load_profile("default").created_at >= before
    assert on_desktop.do("today") == 0
    report = history_path().with_name("report.html")
    on_desktop.once(report.is_file, 30.0)
    assert "posture" in report.read_text("utf-8").lower()


SERVICE = """
import asyncio, sys
from dbus_fast import BusType, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property, method

class Manager(ServiceInterface):
    @method()
    def GetSession(self, name: "s") -> "o":
        return "/org/freedesktop/login1/session/_31"

class Session(ServiceInterface):
    locked = False

    @dbus_property(access=PropertyAccess.READ)
    def LockedHint(self) -> "b":
        return Session.locked

async def main():
    bus = await MessageBus(bus_type=BusType.SESSION).connect()
    session = Session("org.freedesktop.login1.Session")
    bus.export("/org/freedesktop/login1", Manager("org.freedesktop.login1.Manager"))
    bus.export("/org/freedesktop/login1/session/_31", session)
    await bus.request_name("org.freedesktop.login1")
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        Session.locked = line == "lock"
        session.emit_properties_changed({"LockedHint": Session.locked})

asyncio.run(main())
"""


@needs_desktop
def test_the_camera_is_off_while_the_screen_is_locked(on_desktop: Desktop, clip: Path) -> None:
    login: Any = subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env=on_desktop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert login.stdout.readline().strip() == "ready"
        started(on_desktop, clip)
        for word, is_judged in (("lock", False), ("unlock", True), ("lock", False)):
            login.stdin.write(f"{word}\n")
            login.stdin.flush()
            on_desktop.once(partial(_judges, on_desktop, is_judged), 15.0)
            if word == "lock":
                time.sleep(2.0)
                assert _judges(on_desktop, False)
    finally:
        login.kill()
        login.communicate()


def _judges(own: Desktop, wanted: bool) -> bool:
    return (own.tray_shows(GREEN) or own.tray_shows(RED)) is wanted


@needs_desktop
def test_in_a_call_there_is_neither_cue_nor_alert(on_desktop: Desktop, clip: Path) -> None:
    folder = on_desktop.folder / "bin"
    folder.mkdir()
    state = on_desktop.folder / "recording.json"
    state.write_text(json.dumps([{"properties": {"application.name": "Meeting"}}]), "utf-8")
    pactl = folder / "pactl"
    pactl.write_text(
        '#!/bin/sh\nif [ "$1" = subscribe ]; then\n'
        '  while sleep 1; do echo "Event on source-output #1"; done\n'
        f"else\n  cat {state}\nfi\n",
        "utf-8",
    )
    pactl.chmod(pactl.stat().st_mode | stat.S_IXUSR)
    started(on_desktop, clip, PATH=f"{folder}:{os.environ['PATH']}")
    on_desktop.once(lambda: on_desktop.tray_shows(RED), 30.0)
    for _ in range(40):
        assert not on_desktop.glows()
        time.sleep(0.2)
    state.write_text("[]", "utf-8")  # the call is over, the slouch is not
    on_desktop.once(on_desktop.glows, 10.0)


INHIBITED = """
import asyncio, sys
from dbus_fast import BusType, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property

class Notifications(ServiceInterface):
    inhibited = True

    @dbus_property(access=PropertyAccess.READ)
    def Inhibited(self) -> "b":
        return Notifications.inhibited

async def main():
    bus = await MessageBus(bus_type=BusType.SESSION).connect()
    service = Notifications("org.freedesktop.Notifications")
    bus.export("/org/freedesktop/Notifications", service)
    await bus.request_name("org.freedesktop.Notifications")
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    Notifications.inhibited = False
    service.emit_properties_changed({"Inhibited": False})
    await asyncio.sleep(60)

asyncio.run(main())
"""


@needs_desktop
def test_do_not_disturb_is_heeded(on_desktop: Desktop, clip: Path) -> None:
    service: Any = subprocess.Popen(
        [sys.executable, "-c", INHIBITED],
        env=on_desktop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert service.stdout.readline().strip() == "ready"
        started(on_desktop, clip)
        on_desktop.once(lambda: on_desktop.tray_shows(RED), 30.0)
        for _ in range(40):
            assert not on_desktop.glows()
            time.sleep(0.2)
        service.stdin.write("\n")
        service.stdin.flush()
        on_desktop.once(on_desktop.glows, 10.0)
    finally:
        service.kill()
        service.communicate()


@needs_desktop
@pytest.mark.parametrize("kind", ["dim", "figure", "none"])
def test_each_kind_of_cue(kind: str, on_desktop: Desktop, clip: Path) -> None:
    write({("desktop", "cue"): kind, ("desktop", "cue_strength"): 1.0, ("desktop", "cue_after_s"): 0.0})
    before = on_desktop.shown.pixels().astype(int)
    started(on_desktop, clip)
    if kind != "dim":  # which dims the tray, too
        on_desktop.once(lambda: on_desktop.tray_shows(RED), 30.0)

    def change(rows: slice, columns: slice) -> float:
        return float(
            np.abs(on_desktop.shown.pixels().astype(int)[rows, columns] - before[rows, columns]).mean()
        )

    middle = slice(300, 400), slice(400, 500)
    corner = slice(500, 690), slice(830, 990)
    if kind == "dim":
        on_desktop.once(lambda: change(*middle) > 20.0, 40.0)
    if kind == "figure":
        on_desktop.once(lambda: change(*corner) > 3.0, 10.0)
        assert change(*middle) < 1.0
    if kind == "none":
        time.sleep(6.0)
        assert change(*middle) < 1.0
        assert change(*corner) < 1.0


@needs_desktop
def test_the_first_start_leads_from_nothing_to_a_judged_moment(tmp_path: Path, clip: Path) -> None:
    with desktop(tmp_path) as own:
        own.start("--", "--source", clip, "--realtime")
        own.once(lambda: bool(own.xdotool("search", "--onlyvisible", "--name", "posture_cam")), 15.0)
        time.sleep(1.0)
        own.xdotool("key", "alt+n")  # what it does and never does
        time.sleep(4.0)
        own.xdotool("key", "alt+n")  # the picture
        time.sleep(1.0)
        own.xdotool("key", "alt+t")  # calibrate
        own.once(lambda: _is_stored(), 40.0)
        time.sleep(1.0)
        own.xdotool("key", "alt+n")
        time.sleep(0.5)
        own.xdotool("key", "alt+n")
        time.sleep(0.5)
        own.xdotool("key", "alt+f")
        own.once(lambda: own.tray_shows(GREEN) or own.tray_shows(RED), 30.0)


def _is_stored() -> bool:
    try:
        return load_profile("default").sample_count > 0
    except Exception:
        return False


@needs_desktop
def test_the_app_is_light(on_desktop: Desktop, clip: Path) -> None:
    """Not the clock: only what the process holds; how fast it starts is measured in benchmarks/."""
    started(on_desktop, clip)
    app = psutil.Process(on_desktop.apps[-1].pid)
    maps = {Path(one.path).name for one in app.memory_maps()}
    assert not any(
        name.startswith(("libmediapipe", "cv2", "_multiarray_umath", "libavcodec")) for name in maps
    )
    assert app.memory_full_info().uss < 90e6
