"""Commands from other programs: as JSON Lines on standard input, or from another command of the same user."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from posture_cam.errors import CommandRefused
from posture_cam.ids import Command, Label, State
from posture_cam.outputs.files.lines import JsonLines
from posture_cam.outputs.files.orders import COMMAND_LINE, JsonOrders, order_of
from posture_cam.outputs.files.remote import RemoteOrders, ordered
from posture_cam.paths import monitor_path
from posture_cam.profiles import load_profile, save_profile
from posture_cam.records import Neutral, Order
from posture_cam.session.monitor import MonitorRequest, monitor
from posture_cam.settings import load_settings
from tests.conftest import ROOT
from tests.running import run
from tests.test_monitor import CLIP, Kept, ScriptedSource, neutral, same  # noqa: F401

SCHEMAS = ROOT / "docs" / "schemas"
LINE = Draft202012Validator(json.loads((SCHEMAS / "monitor-lines.json").read_text("utf-8")))
COMMAND = Draft202012Validator(json.loads((SCHEMAS / "monitor-commands.json").read_text("utf-8")))
EXAMPLES: list[dict[str, Any]] = [
    {"command": "pause"},
    {"command": "resume", "id": 7},
    {"command": "snooze", "minutes": 30},
    {"command": "calibrate", "replace": True},
    {"command": "correct", "label": "good"},
    {"command": "still_fits"},
    {"command": "profile", "name": "desk"},
    {"command": "sensitivity", "level": "strict"},
    {"command": "sensitivity", "level": "relaxed", "fault": "head_tilt"},
    {"command": "preview", "rate_hz": 5, "width_px": 320, "show": "skeleton"},
    {"command": "quit"},
]


def test_the_schema_of_commands_is_the_one_in_force() -> None:
    now = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | COMMAND_LINE.json_schema()
    assert json.loads((SCHEMAS / "monitor-commands.json").read_text("utf-8")) == now
    Draft202012Validator.check_schema(now)
    Draft202012Validator.check_schema(LINE.schema)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: str(one["command"]))
def test_every_command_of_the_schema_is_understood(example: dict[str, Any]) -> None:
    COMMAND.validate(example)
    answers: list[dict[str, Any]] = []
    order = order_of(json.dumps(example), answers.append)
    if example["command"] == "preview":
        assert [one["done"] for one in answers] == [False]
        return
    assert order is not None
    assert answers == []
    order.answer(True, "words")
    told = {"id": example.get("id"), "command": example["command"], "done": True, "message": "words"}
    assert answers == [told]


@given(
    st.one_of(
        st.text(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
            ),
        ).map(json.dumps),
        st.fixed_dictionaries(
            {"command": st.sampled_from([str(one["command"]) for one in EXAMPLES])},
            optional={
                "id": st.one_of(st.integers(), st.text(max_size=4)),
                "minutes": st.floats(),
                "label": st.sampled_from(["good", "well", 3]),
                "level": st.sampled_from(["strict", "harsh"]),
                "fault": st.sampled_from(["head_tilt", "ankle"]),
                "rate_hz": st.floats(),
            },
        ).map(json.dumps),
    )
)
def test_any_line_is_an_order_or_is_answered_once(line: str) -> None:
    answers: list[dict[str, Any]] = []
    order = order_of(line, answers.append, lambda _: None)
    assert (order is None) == (len(answers) == 1)
    for one in answers:
        LINE.validate({"type": "answer", "time": "2026-11-29T10:00:00+00:00", "timestamp_s": 0.0, **one})


def told(plan: list[tuple[float, str]], end_s: float = 30.0) -> tuple[list[dict[str, Any]], Kept]:
    """The lines of a live run that is given lines at certain times."""
    kept, stream = Kept(), io.StringIO()
    lines = JsonLines(stream, datetime.now(UTC), "scripted")
    waiting = list(plan)
    source = ScriptedSource(lambda now_s: (now_s % 8.0, same), end_s)

    def due() -> Iterator[str]:
        while waiting and waiting[0][0] <= source.now_s:
            yield waiting.pop(0)[1]

    orders = JsonOrders(due, lines.line, load_profile("default"))
    monitor(
        MonitorRequest(0, datetime.now(UTC)),
        load_settings(),
        [kept, lines, orders],
        source=source,
    )
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in found:
        LINE.validate(line)
    return found, kept


def test_a_run_obeys_answers_and_goes_on_after_bad_lines(neutral: Neutral) -> None:  # noqa: F811
    save_profile("other", neutral)
    lines, kept = told(
        [
            (2.0, '{"command": "dance"}'),
            (2.0, "no JSON"),
            (2.0, '{"command": "snooze", "minutes": 30, "id": "a"}'),
            (3.0, '{"command": "sensitivity", "level": "strict", "fault": "ankle", "id": "b"}'),
            (3.0, '{"command": "sensitivity", "level": "strict", "fault": "head_tilt", "id": "c"}'),
            (4.0, '{"command": "correct", "label": "good", "id": "d"}'),
            (5.0, '{"command": "profile", "name": "other", "id": "e"}'),
            (5.0, '{"command": "profile", "name": "nobody", "id": "f"}'),
            (6.0, '{"command": "preview", "rate_hz": 2, "width_px": 320, "show": "skeleton", "id": "g"}'),
            (10.0, '{"command": "preview", "rate_hz": 0, "id": "h"}'),
            (12.0, '{"command": "calibrate", "id": "i"}'),
            (13.0, '{"command": "calibrate", "replace": true, "id": "j"}'),
            (29.0, '{"command": "quit", "id": "k"}'),
        ]
    )
    answers = {line["id"]: line for line in lines if line["type"] == "answer" and line["id"]}
    bad = [line for line in lines if line["type"] == "answer" and line["id"] is None]
    assert [line["done"] for line in bad] == [False, False]
    assert answers["a"]["message"] == "No alerts for 30 min; s again ends that."
    assert not answers["b"]["done"]
    strict = "Sensitivity: normal; head tilted to one side: strict (limits a fifth lower)."
    assert answers["c"]["message"] == strict
    assert answers["d"]["done"]
    assert answers["e"]["done"]
    assert "no profile 'nobody'" in answers["f"]["message"]
    assert (answers["g"]["done"], answers["h"]["done"]) == (True, True)
    assert not answers["i"]["done"]
    assert "Press c again" in answers["i"]["message"]
    assert answers["j"]["message"].startswith("Stored as other")
    assert answers["k"]["done"]
    assert [one.label for one in load_profile("default").corrections] == [Label.GOOD]
    previews = [line for line in lines if line["type"] == "preview"]
    assert 5 <= len(previews) <= 9
    image = cv2.imdecode(np.frombuffer(base64.b64decode(previews[0]["jpeg"]), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (180, 320, 3)
    assert np.median(np.asarray(image, np.uint8)) < 10  # the room is not in it
    assert lines[-1]["type"] == "summary"
    assert kept.seen[-1].assessment.state == State.GOOD


def test_pause_and_resume_are_not_the_other_way_round(neutral: Neutral) -> None:  # noqa: F811
    plan = [
        (float(2 + number), f'{{"command": "{name}"}}') for number, name in enumerate(["resume", "pause"])
    ]
    source = ScriptedSource(lambda now_s: (now_s % 8.0, same), 10.0)
    asked: list[bool] = []

    def lines() -> Iterator[str]:
        while plan and plan[0][0] <= source.now_s:
            yield plan.pop(0)[1]
        if source.is_paused and len(asked) < 3:
            asked.append(source.is_paused)
            yield '{"command": "pause"}' if len(asked) < 3 else '{"command": "resume"}'

    sent: list[dict[str, Any]] = []
    orders = JsonOrders(lines, lambda _kind, _time, content: sent.append(content), None)
    monitor(MonitorRequest(0, datetime.now(UTC)), load_settings(), [orders], source=source)
    assert asked == [True, True, True]
    assert not source.is_paused
    assert [one["done"] for one in sent] == [True] * 5


@contextmanager
def answering(reply: Callable[[Order], None]) -> Iterator[RemoteOrders]:
    """A monitor in this process that takes commands of others."""
    with RemoteOrders() as orders:
        is_over = threading.Event()

        def work() -> None:
            while not is_over.wait(0.01):
                for order in orders.commands():
                    assert isinstance(order, Order)
                    reply(order)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield orders
        finally:
            is_over.set()
            thread.join()


def test_another_command_reaches_the_running_monitor() -> None:
    heard: list[Command] = []

    def reply(order: Order) -> None:
        heard.append(order.command)
        order.answer(order.command == Command.SITS_WELL, "Your limit is now 11°.")

    with answering(reply):
        assert monitor_path().stat().st_mode & 0o077 == 0
        done = run("correct", "good")
        assert (done.returncode, done.stderr.strip()) == (0, "Your limit is now 11°.")
        assert run("correct", "bad").returncode == 1
        with pytest.raises(CommandRefused, match="Pictures go to"):
            ordered({"command": "preview", "rate_hz": 3})
        there = json.loads(monitor_path().read_text("utf-8"))
        with pytest.raises((AuthenticationError, OSError, EOFError)):
            Client(there["address"], authkey=b"guessed")
        assert ordered({"command": "correct", "label": "good"}) == "Your limit is now 11°."
    assert heard == [Command.SITS_WELL, Command.SLOUCHES, Command.SITS_WELL]
    assert not monitor_path().exists()


def test_a_monitor_starts_where_no_address_can_be_kept_and_beside_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with monkeypatch.context() as changed:
        changed.setattr("posture_cam.outputs.files.remote.monitor_path", lambda: in_the_way / "monitor.json")
        with RemoteOrders() as orders:
            assert orders.commands() == ()
    monitor_path().parent.mkdir(parents=True, exist_ok=True)
    of_another = json.dumps({"address": "/nowhere", "key": "00", "pid": os.getppid()})
    monitor_path().write_text(of_another, "utf-8")
    with RemoteOrders() as orders:
        assert orders.commands() == ()
    assert monitor_path().read_text("utf-8") == of_another
    monitor_path().unlink()


def test_a_caller_that_says_nothing_keeps_nobody_waiting() -> None:
    with answering(lambda order: order.answer(True, "heard")):
        there = json.loads(monitor_path().read_text("utf-8"))
        silent = socket.socket(socket.AF_UNIX)
        silent.connect(there["address"])
        assert ordered({"command": "correct", "label": "good"}) == "heard"
        silent.close()


def test_the_id_of_a_command_that_cannot_be_obeyed_comes_back() -> None:
    answers: list[dict[str, Any]] = []
    for number in (7, "a", True, None, [1]):
        line = json.dumps({"id": number, "command": "preview", "rate_hz": 99})
        assert order_of(line, answers.append) is None
    assert [one["id"] for one in answers] == [7, "a", None, None, None]


def test_without_a_monitor_that_is_said() -> None:
    done = run("correct", "good")
    assert done.returncode == 1
    assert "No monitor is running" in done.stderr
    assert run("correct", "perhaps").returncode == 2
    monitor_path().parent.mkdir(parents=True, exist_ok=True)
    for left_behind in ("", "{}", '{"address": "/nowhere/at/all", "key": "00", "pid": 1}'):
        monitor_path().write_text(left_behind, "utf-8")
        assert run("correct", "good").returncode == 1


@pytest.mark.slow
def test_a_program_speaks_with_the_monitor_it_started(neutral: Neutral) -> None:  # noqa: F811
    command = [sys.executable, "-m", "posture_cam", "monitor", "--source", str(CLIP), "--realtime", "--json"]
    lines: list[dict[str, Any]] = []
    asked = False
    end_s = time.monotonic() + 60.0
    with subprocess.Popen(
        [*command, "--headless", "--no-notify"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        while time.monotonic() < end_s and (text := process.stdout.readline()):
            lines.append(json.loads(text))
            LINE.validate(lines[-1])
            if not asked and lines[-1]["type"] == "sample" and lines[-1]["score"] is not None:
                asked = True
                said = run("correct", "good")  # from yet another program
                assert said.returncode == 0
                process.stdin.write('nonsense\n{"command": "sensitivity", "level": "strict"}\n')
                process.stdin.write('{"command": "quit"}\n')
                process.stdin.flush()
        assert process.wait(20) == 0
    answers = [line for line in lines if line["type"] == "answer"]
    assert [line["done"] for line in answers] == [False, True, True]
    assert lines[-1]["type"] == "summary"
