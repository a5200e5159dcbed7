"""The command line as a user sees it, with real processes where streams, signals and exit codes matter."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posture_cam.ids import State
from tests.builders import Film, side, stripes, write_video
from tests.conftest import ROOT, SAMPLES
from tests.running import run, run_process
from tests.test_session import recorded

CLIP = SAMPLES / "desk-side.mp4"


@pytest.fixture
def poses(tmp_path: Path) -> Path:
    upright, slouch = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=45.0, trunk_deg=20.0)
    film = Film(noise_px=0.4).hold(20.0, upright).hold(60.0, slouch).hold(20.0, upright).nobody(20.0)
    return recorded(tmp_path / "built.poses.jsonl", film)


def test_help_is_quick_it_loads_no_camera_library_and_not_rich() -> None:
    code = (
        "import sys\n"
        "from posture_cam.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'mediapipe', 'cv2', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "analyze" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("group", [[], ["history"], ["profiles"]])
def test_help_tells_of_each_command_in_whole_sentences(group: list[str]) -> None:
    shown = run(*group, "--help").stdout
    listed = shown.partition("Commands:" if group else "Watch and analyse:")[2]
    assert len(listed.splitlines()) > 2
    assert "..." not in listed


def test_an_interruption_before_there_is_anything_to_keep_is_said() -> None:
    code = (
        "from posture_cam.cli import app, main\n"
        "@app.command()\n"
        "def waits(): raise KeyboardInterrupt\n"
        "import sys; sys.argv = ['posture-cam', 'waits']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def test_only_json_goes_to_the_terminal(poses: Path, tmp_path: Path) -> None:
    done = run("analyze", poses, "--csv", "-", cwd=tmp_path)
    assert done.returncode == 2
    assert "--csv needs the name of a file" in done.stderr
    assert not (tmp_path / "-").exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts the threads that Linux tells of")
def test_numpy_starts_no_threads_that_would_spin_beside_the_model() -> None:
    code = (
        "import os, sys\n"
        "sys.argv = ['posture-cam', '--version']\n"
        "from posture_cam.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import numpy\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1"


def test_the_summary_is_for_people_and_the_rest_is_talk(poses: Path, tmp_path: Path) -> None:
    done = run("analyze", poses, "--json", tmp_path / "a.json")
    assert done.returncode == 0
    for words in (
        "Score",
        "good",
        "poor",
        "away",
        "Longest hold",
        "What was off",
        "Worth trying",
        "Not judged",
    ):
        if words != "Not judged":  # everything was
            assert words in done.stdout
    assert "Understanding Back Pain" in done.stdout
    assert "Wrote" in done.stderr
    assert "Wrote" not in done.stdout
    assert "\x1b" not in done.stdout


def test_json_on_stdout_is_json_alone(poses: Path) -> None:
    done = run("analyze", poses, "--json", "-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["summary"]["duration_s"] == pytest.approx(120.0)
    assert done.stderr == ""


def test_native_libraries_are_silent(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [stripes(0, (320, 240))] * 10)
    done = run_process("analyze", clip)
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["Error", "Hint"]
    loud = run_process("analyze", clip, "--verbose")
    assert "Error: " in loud.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["analyze", "missing.mp4"], 1, "does not exist"),
        (["analyze", "."], 1, "is a folder"),
        (["analyze", CLIP, "--neutral", "5"], 2, "not a stretch of time"),
        (["analyze", CLIP, "--neutral", "0:12-0:05"], 2, "ends before it starts"),
        (["analyze", CLIP, "--profile", "nowhere"], 1, "no profile"),
        (["analyze", CLIP, "--model", "nowhere"], 1, "no model"),
        (["analyze", CLIP, "--rate", "-1"], 2, "--rate"),
        (["analyze", CLIP, "--json", "no/such/folder.json"], 1, "does not exist"),
        (["analyze", CLIP, "--rate", "fast"], 2, "--rate"),
        (["analyze"], 2, "VIDEO"),
        (["analyse", CLIP], 2, "No such command"),
        (["tips", "--fault", "nose"], 2, "no tips for 'nose'"),
    ],
)
def test_wrong_input_is_a_sentence_on_stderr(
    tmp_path: Path, arguments: list[str | Path], code: int, words: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_names_of_files_do_not_steer_the_terminal(tmp_path: Path) -> None:
    done = run("analyze", "\x1b[31m[bold]evil[/bold]\n.mp4", cwd=tmp_path)
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert "?[31m[bold]evil[/bold] .mp4 does not exist." in done.stderr


def test_a_write_protected_folder_is_said(tmp_path: Path, poses: Path) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/result.json")  # not even root may write there
    else:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
        target = folder / "result.json"
    done = run("analyze", poses, "--json", target)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("by", ["SIGINT", pytest.param("SIGHUP", marks=pytest.mark.slow)])
def test_a_signal_keeps_what_is_done_and_exits_130(by: str, tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "posture_cam",
            "analyze",
            str(SAMPLES / "exercises-front.mp4"),
            "--every-frame",
            "--json",
            str(target),
            "--poses",
            str(tmp_path / "a.poses.jsonl"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    partial = tmp_path
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:  # until enough has been sent
        if any(path.stat().st_size > 150_000 for path in partial.glob(".a.poses-*")):
            break
        time.sleep(0.05)
    process.send_signal(getattr(signal, by))
    out, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in out
    assert "what was done until then is kept" in talk
    result = json.loads(target.read_text("utf-8"))
    assert result["partial"] is True
    assert 1.0 < result["summary"]["duration_s"] < 100.0


def test_tips_carry_their_section() -> None:
    done = run("tips")
    assert done.returncode == 0
    assert "[article: 4. Improving Posture]" in done.stdout
    assert "29 August 2025" in done.stdout
    one = run("tips", "--fault", "neck-inclination", "--json")
    tips = json.loads(one.stdout)
    assert len(tips) >= 3
    assert {tip["fault"] for tip in tips} == {"neck_inclination_change_deg"}
    assert set(tips[0]) == {"id", "fault", "text", "section", "kind"}


def test_doctor_tells_what_is_here() -> None:
    done = run("doctor")
    assert done.returncode == 0
    for words in ("OpenCV", "MediaPipe", "939870755ed5", "Display", "Profiles", "writable"):
        assert words in done.stdout


def test_the_version_is_told() -> None:
    from posture_cam import __version__

    assert run("--version").stdout == f"posture_cam {__version__}\n"


def test_a_reader_that_goes_away_is_no_disaster(poses: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "posture_cam", "analyze", str(poses)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    talk = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in talk


def test_every_state_has_its_line(poses: Path) -> None:
    lines = run("analyze", poses).stdout.splitlines()
    shown = {line.split()[0] for line in lines if line.strip()}
    assert {State.GOOD.value, State.FAIR.value, State.POOR.value, State.AWAY.value} <= shown


def test_the_package_runs_as_a_module_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "posture_cam", "tips"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0
    assert ROOT.is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["tips"], ["tips", "--json"], ["doctor"]])
def test_an_output_that_cannot_be_written_is_said_in_a_sentence(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - no path of ours
        done = subprocess.run(
            [sys.executable, "-m", "posture_cam", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The output cannot be written")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    done = run("analyze", pipe)
    assert done.returncode == 1
    assert "not an ordinary file" in done.stderr


def test_the_model_is_never_overwritten(poses: Path, tmp_path: Path) -> None:
    model = tmp_path / "own.task"
    model.write_bytes(b"precious")
    done = run("analyze", CLIP, "--model", model, "--json", model)
    assert done.returncode == 1
    assert model.read_bytes() == b"precious"


def test_an_empty_profile_name_is_refused(poses: Path) -> None:
    done = run("analyze", poses, "--profile", "")
    assert done.returncode == 2
    assert "cannot be the name of a profile" in done.stderr


def test_a_name_that_looks_like_an_option_gets_a_hint(poses: Path, tmp_path: Path) -> None:
    odd = tmp_path / "-x.poses.jsonl"
    shutil.copy(poses, odd)
    refused = run("analyze", odd.name, cwd=tmp_path)
    assert refused.returncode == 2
    assert "put -- before it" in refused.stderr
    assert run("analyze", "--", odd.name, cwd=tmp_path).returncode == 0
    assert run("analyze", f"./{odd.name}", cwd=tmp_path).returncode == 0


def test_umlauts_are_names_and_words_in_an_ascii_locale_too(poses: Path, tmp_path: Path) -> None:
    umlaut = tmp_path / "Übung.poses.jsonl"
    shutil.copy(poses, umlaut)
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run_process("analyze", umlaut, "--json", tmp_path / "größe.json", environment=ascii_only)
    assert done.returncode == 0, done.stderr
    assert "größe.json" in done.stderr
    told = run_process("checkin", "--pain", "2", "--note", "müde", "--json", environment=ascii_only)
    assert json.loads(told.stdout)["note"] == "müde"


def test_alone_it_says_where_to_begin() -> None:
    done = run()
    assert done.returncode == 0
    for command in ("calibrate", "monitor", "analyze", "--help"):
        assert f"posture-cam {command}" in done.stdout


@pytest.mark.parametrize(
    ("shell", "words", "expected"),
    [
        ("bash", "exercise ch", "chin-tuck"),
        ("zsh", "exercise ch", "chin-tuck"),
        ("fish", "exercise ch", "chin-tuck"),
        ("bash", "profiles show d", "desk"),
        ("bash", "monitor --profile d", "desk"),
    ],
)
def test_shells_complete_names(shell: str, words: str, expected: str, poses: Path) -> None:
    assert run("calibrate", "--from", poses, "--profile", "desk").returncode == 0
    line = f"posture-cam {words}"
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    program = Path(sys.executable).with_name("posture-cam")
    environment = {**os.environ, "_POSTURE_CAM_COMPLETE": f"complete_{shell}", **asked}
    done = subprocess.run([program], capture_output=True, text=True, check=False, env=environment)
    assert expected in done.stdout, done


def test_a_program_for_alerts_that_is_not_there_is_said_at_the_start(poses: Path) -> None:
    assert run("calibrate", "--from", poses).returncode == 0
    quiet = ["--headless", "--no-notify", "--no-history"]
    done = run_process("monitor", "--source", CLIP, *quiet, "--on-alert", "no-such-program x")
    assert done.returncode == 0, done.stderr
    assert "no-such-program, is not found" in done.stderr.replace("\n", " ")
