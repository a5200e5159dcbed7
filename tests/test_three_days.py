"""The first three days of a user, played from a rendered clip through the monitor: one calibration lasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posture_cam.history import History
from posture_cam.ids import JUDGED_STATES, Command, Reason, Stance, State
from posture_cam.outputs.files.keeping import LiveHistory
from posture_cam.profiles import all_of, load_profile
from posture_cam.records import SessionSummary
from posture_cam.runlog import totals
from posture_cam.session.monitor import MonitorRequest, monitor
from posture_cam.settings import load_settings
from tests.running import run
from tests.sittings import BERLIN
from tests.test_following import rotation, turned
from tests.test_monitor import Kept
from tests.test_several_neutrals import AtDesk, calibrated

SETTINGS = load_settings()
FIRST = datetime(2026, 3, 2, 9, 0, tzinfo=BERLIN)
CLIP_S = 72.0
# In the clip, the head is a little forward in the first stretch, and a slouch is held in the second.
LITTLE_S, SLOUCH_S = (13.0, 26.0), (49.0, 63.0)
STANDS_S = (80.0, 125.0)
END_S = 140.0


def day(
    at_desk: AtDesk,
    number: int,
    *,
    lid_deg: float,
    light: float,
    chair_px: tuple[int, int],
    corrected_s: tuple[float, ...] = (),
    stands: bool = False,
) -> tuple[SessionSummary, Kept]:
    """A day with lid and chair in their places: well, a little forward, well, slouched, perhaps standing."""
    lid = rotation(0.0, lid_deg, 0.0)

    def picture(now_s: float) -> tuple[float, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
        is_standing = stands and STANDS_S[0] <= now_s < STANDS_S[1]
        right_px, up_px = chair_px
        clip_s = now_s if now_s < CLIP_S else (now_s - CLIP_S) % 8.0
        return clip_s, lambda image: turned(
            at_desk.seen(image, right_px, up_px, 1 if is_standing else 0), lid, light=light
        )

    source: Any = at_desk.source
    source._picture_at, source._end_s, source.now_s = picture, END_S, 0.0
    kept = Kept([(at_s, Command.SITS_WELL) for at_s in corrected_s])
    began = FIRST + timedelta(days=number - 1)
    history = LiveHistory(began, "default", SETTINGS, lambda _words: None)
    history.open(0)
    summary = monitor(MonitorRequest(0, began), SETTINGS, [kept], source=source, keeper=history)
    history.close()
    return summary, kept


def share(kept: Kept, start_s: float, end_s: float, *states: State) -> float:
    """The share of the judged moments of a stretch in some states."""
    some = [
        one.assessment.state
        for one in kept.seen
        if start_s <= one.assessment.timestamp_s < end_s and one.assessment.state in JUDGED_STATES
    ]
    assert len(some) > 10
    return sum(state in states for state in some) / len(some)


@pytest.mark.slow
def test_three_days_with_one_calibration(sample_poses: Callable[[str], Path]) -> None:
    at_desk = AtDesk(sample_poses)
    calibrated(at_desk, Stance.SITTING, at_desk.sits)

    # Monday: all is as at calibration.  A head a little forward is called a fault, wrongly, says the user.
    _, monday = day(at_desk, 1, lid_deg=0.0, light=1.0, chair_px=(0, 0), corrected_s=(17.0, 20.0, 23.0))
    assert share(monday, *SLOUCH_S, State.POOR, State.FAIR) > 0.9
    assert any("Your limit for head forward is now" in words for words in monday.words)

    # Tuesday: the lid is tilted further, the chair stands elsewhere, it is darker; two more corrections.
    _, tuesday = day(at_desk, 2, lid_deg=-7.0, light=0.85, chair_px=(14, -5), corrected_s=(18.0, 22.0))
    assert any("turned since your calibration" in event.message for event in tuesday.events)
    assert share(tuesday, 2.0, 10.0, State.GOOD) >= 0.95
    assert share(tuesday, *SLOUCH_S, State.POOR, State.FAIR) > 0.9
    assert len(load_profile("default").corrections) == 5

    # Wednesday: the lid the other way; in the afternoon the desk is raised, and standing is calibrated once.
    calibrated(at_desk, Stance.STANDING, at_desk.stands_with_desk)
    assert [one.stance for one in all_of(load_profile("default"))] == [Stance.STANDING, Stance.SITTING]
    summary, wednesday = day(at_desk, 3, lid_deg=5.0, light=1.1, chair_px=(-12, 6), stands=True)
    for start_s, end_s in ((3.0, 10.0), LITTLE_S, (30.0, 44.0), (90.0, STANDS_S[1]), (134.0, END_S)):
        assert share(wednesday, start_s, end_s, State.GOOD) >= 0.95, (start_s, end_s)
    assert share(wednesday, *SLOUCH_S, State.POOR, State.FAIR) > 0.9
    assert summary.stance_changes == 2
    assert summary.seconds_by_stance[Stance.STANDING] == pytest.approx(45.0, abs=10.0)
    for kept in (monday, tuesday, wednesday):
        assert not any(one.assessment.reason == Reason.CAMERA_MOVED for one in kept.seen)
        assert not any(one.assessment.reason == Reason.PICTURE_CHANGED for one in kept.seen)

    # What was stored tells the same.
    third = (FIRST + timedelta(days=2)).date()
    with History.opened() as history:
        kept_day = history.sitting(third)
    assert kept_day is not None
    assert totals([kept_day]).stance_changes == 2
    told = run("history", "--day", third.isoformat()).stdout
    assert "stood" in told
    assert "changed 2 times" in told
