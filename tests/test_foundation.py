"""Files, settings, profiles, tips, words and errors."""

from __future__ import annotations

import json
import re
import stat
import sys
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture_cam import errors
from posture_cam.care.checkins import Place, Urgency
from posture_cam.care.exercises import Aim
from posture_cam.care.tips import GENERAL, TipRotation, faults, load_tips, tips_for, tips_for_faults
from posture_cam.errors import NeutralError, OutputError, PostureCamError, UsageError
from posture_cam.files import check_writable, written_whole
from posture_cam.ids import (
    AlertKind,
    Doubt,
    Feature,
    Hint,
    Measure,
    Misfit,
    NeutralOrigin,
    Reason,
    Stance,
    State,
    View,
)
from posture_cam.measures import GROUP_WEIGHTS, load_measures
from posture_cam.profiles import load_profile, profile_names, profile_path, save_profile
from posture_cam.records import Neutral
from posture_cam.settings import load_settings, read_data
from posture_cam.words import clock, count_words, duration_words, parse_stretch, value_words
from tests.builders import front_pose
from tests.conftest import ROOT

NEUTRAL = Neutral(
    created_at="2026-01-02T03:04:05+00:00",
    source="camera 0",
    view=View.FRONT,
    centre={Feature.EAR_SHOULDER: 0.6},
    spread={Feature.EAR_SHOULDER: 0.01},
    sample_count=25,
    context={Feature.CAMERA_ELEVATION: -3.0},
    model="full-1",
    running_mode="VIDEO",
    image_size_wh=(640, 480),
    version="0.1.0",
    pose=front_pose(),
    slouch={Measure.NECK_INCLINATION_CHANGE: 14.0},
)


def test_every_error_is_a_sentence_with_an_exit_code() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PostureCamError)
    ]
    assert len(kinds) >= 8
    for kind in kinds:
        assert kind.exit_code in (1, 2)
        error = kind("It is so.", "Do this.")
        assert (str(error), error.hint) == ("It is so.", "Do this.")
    assert UsageError.exit_code == 2


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")

    def fail() -> None:
        with written_whole(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("for the test")

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "before"
    with written_whole(target) as temporary:
        temporary.write_text("after")
        assert target.read_text() == "before"
    assert target.read_text() == "after"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_private_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    for private, mode in ((True, 0o600), (False, 0o644)):
        target = tmp_path / f"{private}"
        with written_whole(target, private=private) as temporary:
            temporary.write_text("x")
        assert stat.S_IMODE(target.stat().st_mode) & 0o077 == mode & 0o077


def test_paths_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(b"x")
    for target in (tmp_path, source, tmp_path / "no" / "a.json", Path("/dev/null"), Path("/proc/a.json")):
        with pytest.raises(OutputError):
            check_writable(target, never=(source,))
    check_writable(tmp_path / "a.json", never=(source,))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_settings_and_measures_load_and_make_sense() -> None:
    settings, table = load_settings(), load_measures()
    assert set(table) == set(Measure)
    assert settings.sampling.rate_hz == 5.0
    for name, info in table.items():
        assert info.unit == name.value.rsplit("_", 1)[1]
        assert info.reference
        assert info.group in (None, *GROUP_WEIGHTS)
        if info.group:
            assert info.fault
            assert info.good is not None
            assert info.poor is not None
            assert (info.good < info.poor) != info.lower_is_worse


def test_a_profile_is_kept_as_it_was_and_private() -> None:
    path = save_profile("laptop", NEUTRAL)
    assert load_profile("laptop") == NEUTRAL
    assert profile_names() == ["laptop"]
    content = json.loads(path.read_text("utf-8"))
    assert content["kind"] == "posture_cam neutral"
    assert content["centre"] == {"ear_shoulder_ratio": 0.6}
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a b", "x" * 65, "ä", ".hidden"])
def test_names_of_profiles_never_leave_their_folder(name: str) -> None:
    with pytest.raises(UsageError):
        profile_path(name)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("view", "back"),
        ("centre", {}),
        ("centre", {"x": "much"}),
        ("schema_version", 2),
        ("extra", 1),
        ("kind", "x"),
    ],
)
def test_a_damaged_profile_is_said(key: str, value: object) -> None:
    path = save_profile("laptop", NEUTRAL)
    content = json.loads(path.read_text("utf-8"))
    content[key] = value
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(NeutralError, match=f"damaged: .*{key}"):
        load_profile("laptop")


def test_an_unknown_profile_lists_those_there_are() -> None:
    with pytest.raises(NeutralError) as caught:
        load_profile("desk")
    assert "posture-cam calibrate" in caught.value.hint
    save_profile("laptop", NEUTRAL)
    with pytest.raises(NeutralError) as caught:
        load_profile("desk")
    assert "laptop" in caught.value.hint


def test_every_tip_rests_on_a_section_of_the_article() -> None:
    headings = [
        line.lstrip("# ").strip()
        for line in (ROOT / "docs" / "article.md").read_text("utf-8").splitlines()
        if line.startswith("##")
    ]
    for tip in load_tips():
        assert tip.section in headings, tip.id


def test_every_fault_has_at_least_three_tips() -> None:
    ids = [tip.id for tip in load_tips()]
    assert len(ids) == len(set(ids))
    texts = [tip.text for tip in load_tips()]
    assert len(texts) == len(set(texts))
    for fault in faults():
        assert len(tips_for(fault)) >= 3, fault
    assert {tip.fault for tip in load_tips()} == set(faults())
    assert len(tips_for(GENERAL)) >= 3


def test_faults_may_be_named_short_and_with_hyphens() -> None:
    assert (
        tips_for("neck-inclination")
        == tips_for("neck_inclination_change")
        == tips_for("neck_inclination_change_deg")
    )
    with pytest.raises(UsageError, match="no tips"):
        tips_for("nose")


def test_tips_rotate_and_never_repeat_running() -> None:
    rotation = TipRotation()
    given = [rotation.next(Measure.NECK_INCLINATION_CHANGE) for _ in range(7)]
    assert all(one != following for one, following in pairwise(given))
    assert set(given) == set(tips_for("neck_inclination"))


def test_tips_for_a_recording_are_for_its_longest_faults() -> None:
    chosen = tips_for_faults({Measure.SINKING: 5.0, Measure.NECK_INCLINATION_CHANGE: 50.0}, most=1)
    assert [tip.fault for tip in chosen] == ["neck_inclination_change_deg"]
    assert [tip.fault for tip in tips_for_faults({})] == [GENERAL]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:05-0:12", (5.0, 12.0)),
        ("5-12", (5.0, 12.0)),
        ("1:02:03-1:02:09.5", (3723.0, 3729.5)),
        (" 0:05 – 0:12 ", (5.0, 12.0)),
        ("90-100", (90.0, 100.0)),
    ],
)
def test_stretches_of_time(text: str, expected: tuple[float, float]) -> None:
    assert parse_stretch(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "a-b", "0:05", "5-", "-5", "0:75-0:80", "5-3", "5-5", "1:2:3:4-5", "nan-3"]
)
def test_malformed_stretches_are_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_stretch(text)


@given(st.integers(0, 100_000))
def test_a_clock_reads_back_as_the_same_time(seconds: int) -> None:
    assert parse_stretch(f"{clock(seconds)}-999:00:00")[0] == seconds


def test_words_for_durations_and_values() -> None:
    words = [duration_words(seconds) for seconds in (0, 45.4, 119, 120, 1800, 3900)]
    assert words == ["0 s", "45 s", "119 s", "2 min", "30 min", "1 h 5 min"]
    assert value_words(Measure.NECK_INCLINATION_CHANGE, 12.4) == "+12°"
    assert value_words(Measure.HEAD_DROP, -9.0) == "−9 %"
    assert value_words(Measure.SINKING, 3.2) == "+3 cm"
    assert value_words(Measure.NECK_INCLINATION, 22.0) == "22°"
    assert value_words(Measure.TRUNK_INCLINATION_CHANGE, -0.2) == "0°"


@pytest.mark.parametrize(
    "kind", [AlertKind, Aim, Doubt, Hint, Misfit, NeutralOrigin, Place, Reason, Stance, State, Urgency, View]
)
def test_every_id_has_its_words_and_no_words_are_left_over(kind: type[StrEnum]) -> None:
    section = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    assert list(read_data("words.toml")[section]) == [one.value for one in kind]


def test_numbers_agree_with_their_nouns() -> None:
    assert [count_words(count, "day") for count in (0, 1, 2)] == ["0 days", "1 day", "2 days"]
    source = "".join(path.read_text("utf-8") for path in (ROOT / "posture_cam").rglob("*.py"))
    asked_for = set(re.findall(r"count_words\([^\"']*[\"'](\w+)[\"']\)", source))
    assert asked_for == set(read_data("words.toml")["plural"])
