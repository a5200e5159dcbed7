"""The user's settings: a commented file, options that override it, and wrong values reported by line."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import pytest

from posture_cam.cli.monitor import monitor
from posture_cam.config import config_path, config_template, load_config, option_sections
from posture_cam.errors import SettingsError, UsageError
from posture_cam.settings import load_settings
from posture_cam.words import parse_hours
from tests.running import run


def written(text: str) -> Path:
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(text, "utf-8")
    return config_path()


def test_every_setting_is_an_option_and_every_key_is_unique() -> None:
    keys = [key for table in tomllib.loads(config_template()).values() for key in table]
    assert len(keys) == len(set(keys))
    own = set(tomllib.loads(config_template())["desktop"])  # of the app alone
    assert set(option_sections()) == set(keys) - own
    options = set(inspect.signature(monitor).parameters)
    assert set(keys) - own <= options


def test_defaults_are_those_of_the_program() -> None:
    assert load_config().settings() == load_settings()


def test_file_and_options_in_their_order() -> None:
    written('[source]\ncamera = "HD Webcam"\n[alerts]\nmax_per_hour = 3\ncooldown_min = 30\n')
    config = load_config({"max_per_hour": 4, "quiet_hours": ("18:00-8:00",), "eco": None})
    assert config.source.camera == "HD Webcam"
    assert config.alerts.max_per_hour == 4
    settings = config.settings()
    assert settings.alerts.cooldown_s == 1800.0 == settings.alerts.cooldown_max_s
    assert settings.alerts.quiet_hours == ("18:00-8:00",)
    assert config.pace.eco == "auto"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# mine\n[alerts]\npoor_after_s = 30\nmax_per_hour = -1\n", 4, "alerts.max_per_hour"),
        ('[alerts]\nmax_per_hour = "many"\n', 2, "many"),
        ('[alerts]\n\nquiet_hours = ["noon"]\n', 3, "'noon' are no hours"),
        ("[display]\nhedless = true\n", 2, "there is no such setting"),
        ("[alert]\nmax_per_hour = 1\n", 1, "no section 'alert'"),
        ("history = false\n", 1, "history is a section, not a setting"),
        ('[pace]\neco = "sometimes"\n', 2, "pace.eco"),
        ("alerts.max_per_hour = 99\n", 1, "max_per_hour"),
    ],
)
def test_wrong_values_are_named_with_file_and_line(text: str, line: int, words: str) -> None:
    path = written(text)
    with pytest.raises(SettingsError) as told:
        load_config()
    assert f"{path}, line {line}" in told.value.message
    assert words in told.value.message


def test_broken_toml_names_its_line_too() -> None:
    path = written("[alerts\n")
    with pytest.raises(SettingsError, match=r"no TOML.*line 1") as told:
        load_config()
    assert str(path) in told.value.message


def test_a_wrong_option_is_named_as_an_option() -> None:
    with pytest.raises(UsageError, match=r"--max-per-hour.*-1"):
        load_config({"max_per_hour": -1})


def test_the_command_shows_writes_and_names_the_file() -> None:
    path = run("config", "--path").stdout.strip()
    assert path == str(config_path())
    assert tomllib.loads(run("config", "--show").stdout) == tomllib.loads(config_template())
    done = run("config", "--init")
    assert (done.returncode, Path(path).read_text("utf-8")) == (0, config_template())
    again = run("config", "--init")
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert run("config").returncode == 2
    written("[alerts]\nmax_per_hour = 7.5\n")
    wrong = run("config", "--show")
    assert wrong.returncode == 1
    assert "line 2" in wrong.stderr.replace("\n", " ")


def test_cameras_are_listed_where_there_are_none_too() -> None:
    done = run("cameras")
    assert done.returncode == 0
    assert done.stdout


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("12:00-13:00", (720, 780)), ("18-8", (1080, 480)), ("22:30 – 6", (1350, 360)), ("0:00-24:00", None)],
)
def test_hours_of_the_day(text: str, minutes: tuple[int, int] | None) -> None:
    if minutes is None:
        with pytest.raises(UsageError):
            parse_hours(text)
    else:
        assert parse_hours(text) == minutes


@pytest.mark.parametrize("text", ["25:00-26:00", "8:75-9:00", "9", "9-9", "a-b"])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(UsageError):
        parse_hours(text)
