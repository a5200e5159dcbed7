"""What the app knows and writes, without a screen."""

from __future__ import annotations

import json
import plistlib
import sys
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture_cam.config import Config, config_path, config_template, load_config
from posture_cam.desktop import places
from posture_cam.desktop.seen import Mood, Seen
from posture_cam.desktop.settings_file import form, write
from posture_cam.desktop.silence import Still, is_recording
from posture_cam.desktop.tray import minutes_until_morning, profile_names
from posture_cam.errors import SettingsError
from posture_cam.settings import read_data
from tests.running import run

STATES = st.sampled_from(["good", "fair", "poor", "away", "unjudged"])
BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def sample(at_s: float, state: str, score: int | None = None, **more: Any) -> dict[str, Any]:
    scores = {"good": 95, "fair": 70, "poor": 30}
    return {
        "type": "sample",
        "time": (BEGAN + timedelta(seconds=at_s)).isoformat(),
        "timestamp_s": at_s,
        "state": state,
        "since_s": max(at_s - 4.0, 0.0),
        "score": scores.get(state) if score is None else score,
        "measures": {},
        "errors": {},
        "reason": None,
        **more,
    }


def after(lines: Iterable[dict[str, Any]]) -> Seen:
    seen = Seen()
    for line in lines:
        seen.take(line)
    return seen


def test_the_figure_bends_with_the_score_and_is_upright_where_nothing_is_known() -> None:
    assert after([sample(0, "good", 100)]).bend == 0.0
    bent = [after([sample(0, "poor", score)]).bend for score in (70, 50, 30, 0)]
    assert bent == sorted(bent)
    assert bent[-1] == 1.0
    for state in ("away", "unjudged"):
        assert after([sample(0, "poor"), sample(1, state)]).bend == 0.0


def test_sitting_up_ends_the_cue_before_the_state_has_changed() -> None:
    assert after([sample(0, "poor", 30)]).is_bad_now
    assert not after([sample(0, "poor", 90)]).is_bad_now
    assert not after([sample(0, "good", 95)]).is_bad_now


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["good", "fair", "poor", "away", "unjudged"]), st.floats(0.1, 9.0)))
)
def test_the_day_is_the_sum_of_what_was_seen(history: list[tuple[str, float]]) -> None:
    """A sample counts until the next, but for two seconds at most."""
    seen, at_s = Seen(), 0.0
    expected: dict[str, float] = {}
    for number, (state, lasts_s) in enumerate(history):
        seen.take(sample(at_s, state))
        if number < len(history) - 1:
            expected[state] = expected.get(state, 0.0) + min(lasts_s, 2.0)
        at_s += lasts_s
    assert {mood.value: held_s for mood, held_s in seen.seconds.items()} == pytest.approx(expected, abs=1e-3)
    assert sum(piece.end_s - piece.start_s for piece in seen.band) >= sum(expected.values()) - 1e-3


def test_an_hour_of_one_posture_is_one_piece_and_a_new_day_begins_anew() -> None:
    seen = after(sample(0.1999 * number, "good") for number in range(18_000))
    assert len(seen.band) == 1
    assert seen.seconds[Mood.GOOD] == pytest.approx(3600.0, rel=0.01)
    seen.take({"type": "source", "trouble_id": "asleep", "trouble": "computer asleep", "message": ""})
    for number in range(10):
        seen.take(sample(26 * 3600.0 + number, "poor"))
    assert set(seen.seconds) == {Mood.POOR}
    assert {piece.mood for piece in seen.band} == {Mood.POOR}
    seen.began_with({"poor": 60.0}, (BEGAN + timedelta(hours=26)).astimezone().date())
    assert seen.seconds[Mood.POOR] == pytest.approx(69.0)


def test_silence_means_unknown_except_where_it_was_told_why() -> None:
    for told, mood in (
        ([sample(0, "poor")], Mood.UNJUDGED),
        ([{"type": "source", "trouble_id": "paused", "trouble": "paused by you"}], Mood.PAUSED),
    ):
        seen = after(told)
        seen.unheard()
        assert seen.mood == mood
        assert not seen.is_bad_now
    going_on = {"type": "source", "trouble_id": None, "trouble": None, "message": "Going on."}
    assert (
        after([{"type": "source", "trouble_id": "paused", "trouble": "paused"}, going_on]).mood
        == Mood.STARTING
    )
    seen = after([{"type": "source", "trouble_id": "black", "trouble": "camera covered or black"}])
    seen.unheard()
    assert seen.reason == "camera covered or black"


@pytest.mark.parametrize("kind", [Mood, Still])
def test_every_id_of_the_app_has_its_words(kind: type[StrEnum]) -> None:
    assert list(read_data("words.toml")[kind.__name__.lower()]) == [one.value for one in kind]


def test_pause_trouble_and_end_are_told_apart() -> None:
    paused = {"type": "source", "trouble_id": "paused", "trouble": "paused by you", "message": "Paused."}
    black = {
        "type": "source",
        "trouble_id": "black",
        "trouble": "camera covered or black",
        "message": "Black.",
    }
    assert after([sample(0, "poor"), paused]).mood == Mood.PAUSED
    covered = after([sample(0, "poor"), black])
    assert covered.words == "Not judged: camera covered or black"
    seen = after([sample(0, "poor")])
    seen.ended()
    assert (seen.mood, seen.is_bad_now) == (Mood.ENDED, False)


def test_angles_are_shown_with_unit_and_error_the_headlines_first() -> None:
    measures = {"head_tilt_change_deg": 2.0, "neck_inclination_change_deg": 12.4, "stillness_min": 3.0}
    seen = after([sample(0, "fair", measures=measures, errors={"neck_inclination_change_deg": 3.0})])
    assert seen.measures == [("Neck inclination", "+12° ± 3°"), ("Head tilt", "+2°")]


def test_an_alert_stands_until_it_is_answered() -> None:
    alert = {"type": "alert", "message": "Head forward for 30 s.", "tip": "Raise the screen."}
    assert after([alert]).tip == "Raise the screen."
    assert after([alert, {"type": "corrected", "alert": alert}]).alert == ""
    assert after([alert, sample(1, "good")]).alert == ""


def test_a_form_has_every_setting_with_its_limits_and_a_help() -> None:
    fields = {(one.section, one.key): one for one in form()}
    written = {(section, key) for section, table in tomllib.loads(config_template()).items() for key in table}
    assert set(fields) == written
    assert all(one.help and one.help[0].isupper() for one in fields.values())
    assert (fields["pace", "rate_hz"].least, fields["pace", "rate_hz"].most) == (1.0, 30.0)
    assert fields["desktop", "cue"].choices == ("glow", "dim", "figure", "none")
    assert fields["outputs", "notify"].choices == (True, False, "auto")
    kinds = {key: one.kind for (_, key), one in fields.items()}
    assert kinds["sound"] == "switch"
    assert kinds["max_per_hour"] == "whole"
    assert kinds["quiet_hours"] == kinds["sensitivity"] == "list"
    assert kinds["camera"] == kinds["profile"] == "text"
    assert fields["alerts", "poor_after_s"].label == "Poor after (s)"


def test_settings_are_written_back_with_the_comments_and_all_else() -> None:
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text("# mine\n[alerts]\nsnooze_min = 20.0 # as I like it\n", "utf-8")
    write(
        {
            ("alerts", "poor_after_s"): 45.0,
            ("alerts", "quiet_hours"): ("12:00-13:00",),
            ("desktop", "cue"): "dim",
        }
    )
    text = config_path().read_text("utf-8")
    assert text.startswith("# mine\n[alerts]\nsnooze_min = 20.0 # as I like it\n")
    config = load_config()
    assert (config.alerts.poor_after_s, config.alerts.snooze_min) == (45.0, 20.0)
    assert config.alerts.quiet_hours == ("12:00-13:00",)
    assert config.desktop.cue == "dim"
    assert config_path().stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingsError):
        write({("alerts", "poor_after_s"): -1.0})
    assert config_path().read_text("utf-8") == text


def test_without_a_file_settings_are_written_into_the_template() -> None:
    write({("desktop", "cue"): "none"})
    text = config_path().read_text("utf-8")
    assert text.count("#") == config_template().count("#")
    assert load_config() == Config.model_validate(
        tomllib.loads(config_template())
        | {"desktop": {**tomllib.loads(config_template())["desktop"], "cue": "none"}}
    )


def test_start_with_the_computer_and_back_on_each_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for system in ("linux", "win32", "darwin"):
        monkeypatch.setattr(sys, "platform", system)
        path = places.set_autostart(True)
        content = path.read_bytes()
        assert b"--hidden" in content
        assert places.is_autostarted()
        if system == "darwin":
            assert plistlib.loads(content)["ProgramArguments"][-2:] == ["app", "--hidden"]
        if system == "linux":
            assert path == tmp_path / "config" / "autostart" / "io.github.posture_cam.desktop"
        places.set_autostart(False)
        assert not places.is_autostarted()


def test_the_menu_entry_is_written_and_removed_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    done = run("app", "--install")
    assert done.returncode == 0
    found = {path.name for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert found == {f"io.github.posture_cam{ending}" for ending in (".desktop", ".svg", ".metainfo.xml")}
    entry = (tmp_path / "data/applications/io.github.posture_cam.desktop").read_text("utf-8")
    assert "Exec=" in entry
    assert entry.splitlines()[0] == "[Desktop Entry]"
    assert run("app", "--autostart", "on").returncode == 0
    assert run("app", "--remove").returncode == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert "Nothing was there" in run("app", "--remove").stderr
    assert run("app", "--autostart", "maybe").returncode == 2
    assert run("app", "--install", "--remove").returncode == 2


def test_a_path_with_spaces_and_signs_is_quoted_in_the_entry() -> None:
    assert places._quoted("/opt/my apps/50%/run") == '"/opt/my apps/50%%/run"'
    assert places._quoted('a"b$c') == '"a\\"b\\$c"'
    assert places._quoted("/usr/bin/posture-cam") == "/usr/bin/posture-cam"


@pytest.mark.parametrize(
    ("listed", "is_so"),
    [
        ([], False),
        ([{"properties": {"application.name": "Firefox", "media.name": "AudioStream"}}], True),
        (
            [{"properties": {"application.name": "PulseAudio Volume Control", "media.name": "Peak detect"}}],
            False,
        ),
        ("no list", False),
        ([{"properties": {}}], True),
    ],
)
def test_a_recording_is_a_call_and_a_level_meter_is_not(listed: object, is_so: bool) -> None:
    assert is_recording(json.dumps(listed).encode()) is is_so
    assert not is_recording(b"\xff no json")


def test_until_tomorrow_is_until_five() -> None:
    assert minutes_until_morning(datetime(2026, 3, 2, 22, 0, tzinfo=UTC)) == 7 * 60
    assert minutes_until_morning(datetime(2026, 3, 2, 4, 30, tzinfo=UTC)) == 30
    assert minutes_until_morning(datetime(2026, 3, 2, 5, 0, tzinfo=UTC)) == 1440


def test_profiles_are_listed_without_being_read(tmp_path: Path) -> None:
    (tmp_path / "desk.json").write_text("no json", "utf-8")
    (tmp_path / "previous").mkdir()
    (tmp_path / "note.txt").write_text("", "utf-8")
    assert profile_names(tmp_path) == ["desk"]
    assert profile_names(tmp_path / "missing") == []
