"""Files from outside may hold anything: they are read, or refused in a sentence, and control no terminal."""

from __future__ import annotations

import copy
import json
import tempfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture_cam.errors import PostureCamError
from posture_cam.ids import State
from posture_cam.outputs.report.result import read_result
from posture_cam.pose.pose_log import PoseLog
from posture_cam.profiles import load_profile, profile_path
from posture_cam.session.analysis import AnalysisRequest, analyze
from tests.builders import Film, side
from tests.conftest import ROOT
from tests.running import run
from tests.sittings import kept_run
from tests.test_session import recorded

EARLIER = ROOT / "tests" / "fixtures" / "0.1"
NOT_PRINTED = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u200b\x00\r"
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 1e308, 10**30, -1, 0, "", NOT_PRINTED]),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
)
JUNK = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)
)
Route = tuple[str | int, ...]


def routes(content: Any, so_far: Route = ()) -> list[Route]:
    """The route to each value in parsed JSON; of each list only the first entry, as the others are alike."""
    inside = content.items() if isinstance(content, dict) else enumerate(content[:1])
    found: list[Route] = []
    for key, value in inside:
        found.append((*so_far, key))
        if isinstance(value, (dict, list)):
            found += routes(value, (*so_far, key))
    return found


def with_junk(content: Any, route: Route, junk: object) -> Any:
    """The same content with junk in one place."""
    changed = copy.deepcopy(content)
    place = changed
    for key in route[:-1]:
        place = place[key]
    place[route[-1]] = junk
    return changed


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        film = Film(noise_px=0.4).hold(8.0, side(neck_deg=18.0, trunk_deg=-5.0)).nobody(1.0)
        text = recorded(Path(folder) / "a.poses.jsonl", film).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


@settings(deadline=None, max_examples=150)
@given(data=st.data(), junk=JUNK)
def test_recorded_poses_with_anything_in_any_place_are_read_or_refused(
    data: st.DataObject, junk: object, lines: list[dict[str, Any]]
) -> None:
    number = data.draw(st.sampled_from([0, 1, 2, len(lines) - 1]))
    route = data.draw(st.sampled_from(routes(lines[number])))
    changed = [with_junk(line, route, junk) if at == number else line for at, line in enumerate(lines)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.poses.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in changed), "utf-8")
        try:
            summary = analyze(AnalysisRequest(path, json=Path(folder) / "a.json", csv=Path(folder) / "a.csv"))
        except PostureCamError as error:
            assert error.message.isprintable(), error.message  # noqa: PT017
        else:
            assert 0.0 <= summary.duration_s < float("inf")
            json.loads((Path(folder) / "a.json").read_text("utf-8"), parse_constant=pytest.fail)


@settings(deadline=None, max_examples=150)
@given(data=st.data(), junk=JUNK)
def test_profiles_with_anything_in_any_place_are_read_or_refused(data: st.DataObject, junk: object) -> None:
    whole = json.loads((EARLIER / "profile.json").read_text("utf-8"))
    path = profile_path("desk")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(with_junk(whole, data.draw(st.sampled_from(routes(whole))), junk)), "utf-8")
    try:
        load_profile("desk")
    except PostureCamError as error:
        assert error.message.isprintable(), error.message  # noqa: PT017
    assert run("profiles", "list").returncode in (0, 1)


@settings(deadline=None, max_examples=150)
@given(data=st.data(), junk=JUNK)
def test_results_with_anything_in_any_place_are_read_or_refused(data: st.DataObject, junk: object) -> None:
    whole = json.loads((EARLIER / "result.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_text(
            json.dumps(with_junk(whole, data.draw(st.sampled_from(routes(whole))), junk)), "utf-8"
        )
        try:
            read_result(path)
        except PostureCamError as error:
            assert error.message.isprintable(), error.message  # noqa: PT017


@pytest.mark.parametrize("after", [b"", b'{"kind": "posture_cam poses", "schema_version": 2}\n'])
def test_a_line_without_end_is_refused_and_not_read_into_memory(after: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.poses.jsonl"
    whole = (EARLIER / "recording.poses.jsonl").read_bytes()
    path.write_bytes(whole[: whole.index(b"\n") + 1] if after else b"")
    with path.open("r+b") as file:
        file.truncate(3_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(PostureCamError):
            list(PoseLog(path).samples())
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_nothing_out_of_a_kept_file_steers_the_terminal(tmp_path: Path) -> None:
    poses = recorded(tmp_path / "a.poses.jsonl", Film(noise_px=0.4).hold(20.0, side(neck_deg=18.0)))
    header, *others = [json.loads(line) for line in poses.read_text("utf-8").splitlines()]
    header["source"]["name"] = header["model"] = f"desk {NOT_PRINTED}.mp4"
    others[-1]["notes"] = [f"note {NOT_PRINTED}"]
    poses.write_text("".join(json.dumps(line) + "\n" for line in (header, *others)), "utf-8")
    profile = json.loads((EARLIER / "profile.json").read_text("utf-8"))
    profile |= {"source": f"camera {NOT_PRINTED}", "model": f"full {NOT_PRINTED}", "view": f"a {NOT_PRINTED}"}
    kept = profile_path("desk")
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(profile), "utf-8")
    start = datetime(2026, 11, 24, 9, tzinfo=UTC)
    kept_run(start, [(600, State.GOOD), (60, State.POOR)], alerts=[(610.0, None)])
    run("checkin", "--pain", "3", "--note", f"back {NOT_PRINTED}")
    for command in (
        ["analyze", poses],
        ["analyze", poses, "--json", "-"],
        ["analyze", poses, "--save"],
        ["profiles", "list"],
        ["profiles", "show", "desk"],
        ["profiles", "show", "desk", "--json"],
        ["history", "--day", "2026-11-24"],
        ["history", "--json"],
        ["history", "entries"],
        ["history", "export", "-"],
    ):
        done = run(*command)
        for text in (done.stdout, done.stderr):
            assert all(char.isprintable() or char == "\n" for char in text), (command, text)
            assert "\\u001b" not in text, command
            assert "\\u202e" not in text, command
