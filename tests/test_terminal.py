from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from rich.console import Console

from posture_cam.cli.terminal import stoppable


@pytest.mark.parametrize(
    "trouble", [OSError("gone"), RuntimeError("reentrant call"), ImportError("half loaded")]
)
def test_ctrl_c_is_heard_though_nothing_can_be_said(trouble: Exception) -> None:
    def consoles() -> Iterator[Console]:
        yield Console(stderr=True)
        raise trouble

    said = consoles()
    with stoppable(lambda: next(said)) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()


def test_ctrl_c_says_what_happens_now(capsys: pytest.CaptureFixture[str]) -> None:
    with stoppable(lambda: Console(stderr=True), "Ending.") as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
    assert capsys.readouterr().err == "Ending.\n"
