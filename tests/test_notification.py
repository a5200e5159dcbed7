"""Desktop notifications against a real daemon: dunst on a private screen and bus."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from posture_cam.care.tips import load_tips
from posture_cam.ids import AlertKind, Command, Measure, State
from posture_cam.outputs.telling.notification import Backend, CannotNotify, DesktopNotification, ScriptBackend
from posture_cam.records import Alert, Observation, Sample
from tests.builders import assessment, measures
from tests.screens import needs_screen, screen

TIP = load_tips()[0]
ALERT = Alert(40.0, Measure.NECK_INCLINATION_CHANGE, 30.0, 'Head "forward" for 30 s.', TIP)

needs_dunst = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("dbus-run-session", "dunst", "dunstctl")),
    reason="needs a notification daemon: apt-get install dbus dunst",
)


def observation(alert: Alert | None = None, corrected: Alert | None = None) -> Observation:
    return Observation(
        Sample(0, 40.0, None), measures(40.0, {}), assessment(40.0, State.POOR), 0.0, alert, corrected
    )


_PROGRAM = """
import json, subprocess, sys, time
sys.path.insert(0, "{root}")
from tests.test_notification import ALERT, observation
from posture_cam.doctor import notifications
from posture_cam.outputs.telling.notification import DesktopNotification

daemon = subprocess.Popen(["dunst"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
def dunstctl(*words):
    return subprocess.run(["dunstctl", *words], capture_output=True, text=True).stdout
for _ in range(100):
    if dunstctl("count", "displayed").strip() == "0":
        break
    time.sleep(0.1)
def wait(count):
    for _ in range(100):
        if dunstctl("count", "displayed").strip() == count:
            return True
        time.sleep(0.1)
    return False
said = []
finding = notifications()
with DesktopNotification(said.append) as sink:
    sink.write(observation(alert=ALERT))
    shown = wait("1")
    sink.write(observation(corrected=ALERT))
    dismissed = wait("0")
    history = json.loads(dunstctl("history"))["data"][0]
    sink.write(observation(alert=ALERT))
    again = wait("1")
gone = wait("0")
daemon.kill()
print(json.dumps(dict(
    shown=shown, dismissed=dismissed, again=again, gone=gone, said=said, found=finding.found,
    history=[[one["appname"]["data"], one["summary"]["data"], one["body"]["data"]] for one in history])))
"""


@needs_screen
@needs_dunst
def test_an_alert_is_shown_taken_back_and_kept_in_the_history(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM.replace("{root}", str(Path(__file__).parent.parent)), "utf-8")
    with screen(tmp_path) as shown:
        done = subprocess.run(
            ["dbus-run-session", "--", sys.executable, str(program)],
            capture_output=True,
            text=True,
            env=shown.environment,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["said"] == []
    assert result["shown"]
    assert result["dismissed"]
    assert result["again"]
    assert result["gone"]  # nothing stays behind at the end
    assert result["found"] == "D-Bus"
    ((app, title, body),) = result["history"]
    assert app == "posture_cam"
    assert title == "Time to sit up"
    assert body.replace("&quot;", '"') == f"{ALERT.message} {TIP.text}"


def test_without_a_desktop_it_is_said_once_and_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    said: list[str] = []
    with DesktopNotification(said.append) as sink:
        for _ in range(3):
            sink.write(observation(alert=ALERT))
    assert len(said) == 1
    assert said[0].startswith("No desktop notification: the desktop offers no notifications")


class Recorded:
    """A desktop that records the calls in order."""

    name = "recorded"

    def __init__(self) -> None:
        self.done: list[str] = []
        self.buttons: dict[str, Callable[[], None]] = {}

    def send(self, title: str, message: str, buttons: Mapping[str, Callable[[], None]]) -> None:
        self.done.append(f"{title}: {message}")
        self.buttons = dict(buttons)
        assert threading.current_thread() is not threading.main_thread()

    def dismiss(self) -> None:
        self.done.append("dismissed")

    def close(self) -> None:
        self.done.append("closed")


def test_a_question_about_the_camera_comes_without_a_tip() -> None:
    desktop = Recorded()
    question = Alert(1.0, None, 0.0, "The camera has moved.", TIP, AlertKind.QUESTION)

    def backend() -> Backend:
        return desktop

    with DesktopNotification(print, backend) as sink:
        sink.write(observation(alert=question))
        sink.write(observation(corrected=question))
        sink.write(observation())
    assert desktop.done == [
        "Is this still your neutral posture?: The camera has moved.",
        "dismissed",
        "closed",
    ]


def test_osascript_gets_words_as_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "osascript"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$3" "$4" > {tmp_path}/told\n', "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    ScriptBackend().send("Time to sit up", 'Head "forward"; rm -rf $HOME', {})
    assert (tmp_path / "told").read_text("utf-8").splitlines() == [
        "Time to sit up",
        'Head "forward"; rm -rf $HOME',
    ]
    program.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    with pytest.raises(CannotNotify):
        ScriptBackend().send("a", "b", {})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (AlertKind.FAULT, {"I sit well": Command.SITS_WELL, "Not now": Command.SNOOZE}),
        (
            AlertKind.QUESTION,
            {
                "It still fits": Command.STILL_FITS,
                "Calibrate": Command.CALIBRATE,
                "Not now": Command.SNOOZE,
            },
        ),
        (AlertKind.BREAK, {"Not now": Command.SNOOZE}),
        (AlertKind.CHANGE, {"Not now": Command.SNOOZE}),
    ],
)
def test_a_button_is_a_command_and_takes_the_notification_back(
    kind: AlertKind, said: dict[str, Command]
) -> None:
    desktop = Recorded()

    def backend() -> Backend:
        return desktop

    with DesktopNotification(print, backend) as sink:
        for words, command in said.items():
            sink.write(observation(alert=replace(ALERT, kind=kind)))
            sink._worker.submit(lambda: None).result()
            assert list(desktop.buttons) == list(said)
            desktop.buttons[words]()
            sink._worker.submit(lambda: None).result()
            assert desktop.done[-1] == "dismissed"
            (order,) = sink.commands()
            assert order.command == command
            if command == Command.SNOOZE:  # begins a snooze, whatever was before
                assert order.value == 15.0
            assert sink.commands() == ()


_PRESSING = """
import asyncio, json, sys, threading, time
sys.path.insert(0, "{root}")
from dbus_fast import BusType
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method, signal
from tests.test_notification import ALERT, observation
from posture_cam.outputs.telling.notification import DesktopNotification

class Daemon(ServiceInterface):
    shown = None

    @method()
    def GetCapabilities(self) -> "as":
        return ["actions", "body"]

    @method()
    def GetServerInformation(self) -> "ssss":
        return ["daemon", "posture_cam tests", "1", "1.2"]

    @method()
    def Notify(self, app: "s", replaces: "u", icon: "s", title: "s", body: "s", actions: "as", hints: "a{sv}",
               timeout: "i") -> "u":
        Daemon.shown = [title, actions]
        key = dict(zip(actions[1::2], actions[::2]))["I sit well"]
        asyncio.get_running_loop().call_later(0.3, lambda: self.ActionInvoked(7, key))
        return 7

    @method()
    def CloseNotification(self, number: "u"):
        pass

    @signal()
    def ActionInvoked(self, number, key) -> "us":
        return [number, key]

    @signal()
    def NotificationClosed(self, number, reason) -> "uu":
        return [number, reason]

def serve(ready):
    async def run():
        bus = await MessageBus(bus_type=BusType.SESSION).connect()
        bus.export("/org/freedesktop/Notifications", Daemon("org.freedesktop.Notifications"))
        await bus.request_name("org.freedesktop.Notifications")
        ready.set()
        await bus.wait_for_disconnect()
    asyncio.run(run())

ready = threading.Event()
threading.Thread(target=serve, args=(ready,), daemon=True).start()
ready.wait(10)
said, pressed = [], []
with DesktopNotification(said.append) as sink:
    sink.write(observation(alert=ALERT))
    for _ in range(100):
        pressed += [one.command.value for one in sink.commands()]
        if pressed:
            break
        time.sleep(0.1)
    sink.write(observation(alert=ALERT))
    time.sleep(0.5)
print(json.dumps(dict(pressed=pressed, said=said, title=Daemon.shown[0])))
"""


@pytest.mark.skipif(
    shutil.which("dbus-run-session") is None, reason="needs a session bus: apt-get install dbus"
)
def test_a_press_comes_back_from_the_desktop(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_PRESSING.replace("{root}", str(Path(__file__).parent.parent)), "utf-8")
    done = subprocess.run(
        ["dbus-run-session", "--", sys.executable, str(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["said"] == []
    assert result["title"] == "Time to sit up"
    assert result["pressed"] == ["sits_well"]
