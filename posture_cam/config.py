"""The user's own settings: config.toml, overridden by command-line options."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from posture_cam.errors import OutputError, SettingsError, UsageError
from posture_cam.files import Kind, kind_of, make_folder, naming, written_whole
from posture_cam.measures import levels_of
from posture_cam.settings import Settings, load_settings, read_data
from posture_cam.words import parse_hours

_DEFAULTS = "config.toml"


def _are_hours(hours: tuple[str, ...]) -> tuple[str, ...]:
    for one in hours:
        try:
            parse_hours(one)
        except UsageError as error:
            raise ValueError(f"{error.message} {error.hint}") from error
    return hours


def _are_levels(levels: tuple[str, ...]) -> tuple[str, ...]:
    try:
        levels_of(levels)
    except UsageError as error:
        raise ValueError(f"{error.message} {error.hint}") from error
    return levels


def _is_plain(text: str) -> str:
    if not all(char.isprintable() for char in text):
        raise ValueError("it holds characters that cannot be printed")
    return text


def _is_rare(every_s: float) -> float:
    if 0 < every_s < 10:
        raise ValueError("0, or 10 s and more, is needed")
    return every_s


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_Seconds = Annotated[float, Field(ge=1, le=86_400)]
_Minutes = Annotated[float, Field(ge=0.1, le=1440)]
_Text = Annotated[str, AfterValidator(_is_plain)]
_Switch = bool | Literal["auto"]


class SourceConfig(_Section):
    """Settings of the source."""

    camera: Annotated[int, Field(ge=0, le=9999, strict=True)] | _Text
    source: _Text
    profile: _Text
    model: _Text


class DisplayConfig(_Section):
    """Settings of the display."""

    headless: bool
    quiet: bool


class PaceConfig(_Section):
    """How often to look."""

    rate_hz: Annotated[float, Field(ge=1, le=30)]
    eco: _Switch


class AlertConfig(_Section):
    """When to speak."""

    poor_after_s: _Seconds
    fair_after_s: _Seconds
    cooldown_min: _Minutes
    max_per_hour: Annotated[int, Field(ge=0, le=60)]
    break_after_min: _Minutes
    change_after_min: Annotated[float, Field(ge=0, le=1440)]
    snooze_min: _Minutes
    quiet_hours: Annotated[tuple[str, ...], AfterValidator(_are_hours)]


class JudgingConfig(_Section):
    """How to judge."""

    sensitivity: Annotated[tuple[str, ...], AfterValidator(_are_levels)]
    follow_seat: bool
    background: bool


class OutputConfig(_Section):
    """How to speak."""

    notify: _Switch
    sound: bool
    on_alert: _Text
    save_alert_frames: _Text


class DesktopConfig(_Section):
    """Settings of the app."""

    cue: Literal["glow", "dim", "figure", "none"]
    cue_after_s: Annotated[float, Field(ge=0, le=600)]
    cue_strength: Annotated[float, Field(ge=0.1, le=1)]
    window_mode: Literal["picture", "skeleton", "figure"]
    every_s: Annotated[float, Field(ge=0, le=600), AfterValidator(_is_rare)]
    quiet_in_calls: bool
    quiet_when_full_screen: bool
    pause_when_locked: bool


class HistoryConfig(_Section):
    """Settings of the history."""

    history: bool
    keep_days: Annotated[int, Field(ge=0, le=36_500)]


class Config(_Section):
    """Every setting of the user; data/config.toml explains them and holds the defaults."""

    source: SourceConfig
    display: DisplayConfig
    pace: PaceConfig
    alerts: AlertConfig
    judging: JudgingConfig
    outputs: OutputConfig
    desktop: DesktopConfig
    history: HistoryConfig

    def settings(self) -> Settings:
        """The program's settings with the user's settings applied."""
        base = load_settings()
        alerts, pace = self.alerts, base.pace
        faster = self.pace.rate_hz / pace.usual_hz
        return base.model_copy(
            update={
                "alerts": base.alerts.model_copy(
                    update={
                        "poor_after_s": alerts.poor_after_s,
                        "fair_after_s": alerts.fair_after_s,
                        "cooldown_s": 60.0 * alerts.cooldown_min,
                        "cooldown_max_s": max(base.alerts.cooldown_max_s, 60.0 * alerts.cooldown_min),
                        "max_per_hour": alerts.max_per_hour,
                        "break_after_s": 60.0 * alerts.break_after_min,
                        "change_after_s": 60.0 * alerts.change_after_min,
                        "snooze_s": 60.0 * alerts.snooze_min,
                        "quiet_hours": alerts.quiet_hours,
                    }
                ),
                "seat": base.seat.model_copy(update={"follow": self.judging.follow_seat}),
                "background": base.background.model_copy(update={"keep": self.judging.background}),
                "sensitivity": base.sensitivity.model_copy(update=levels_of(self.judging.sensitivity)),
                "pace": pace.model_copy(
                    update={
                        "usual_hz": self.pace.rate_hz,
                        "eco_usual_hz": max(1.0, pace.eco_usual_hz * faster),
                    }
                ),
            }
        )


def config_path() -> Path:
    """The path of the user's settings file."""
    return platformdirs.user_config_path("posture_cam", appauthor=False) / "config.toml"


def config_template() -> str:
    """Every setting with its default and what it means, as a file to start from."""
    return resources.files("posture_cam").joinpath("data", _DEFAULTS).read_text("utf-8")


@cache
def option_sections() -> dict[str, str]:
    """The section of each setting of the monitor, by its name; names are the option names with _ for -."""
    tables = read_data(_DEFAULTS)
    return {key: section for section, table in tables.items() if section != "desktop" for key in table}


def load_config(options: Mapping[str, Any] | None = None) -> Config:
    """The settings in force: defaults, then the user's file, then the given options.

    Args:
        options: By name; None means not given.

    Raises:
        SettingsError: The file cannot be read or holds a wrong value; the error names the line.
        UsageError: An option has a wrong value.
    """
    tables: dict[str, dict[str, Any]] = read_data(_DEFAULTS)
    own, text, path = _read(config_path())
    for section, table in own.items():
        if section in tables and not isinstance(table, dict):
            raise SettingsError(
                f"{path}, line {_line_of(text, None, section)}: {section} is a section, not a setting.",
                f"Write [{section}] on a line of its own, and its settings below.",
            )
        if section not in tables:
            raise SettingsError(
                f"{path}, line {_line_of(text, None, section)}: there is no section {section!r}.",
                f"Sections: {', '.join(tables)}. posture-cam config --init writes a file with all of them.",
            )
        tables[section] = tables[section] | table
    try:
        Config.model_validate(tables)
    except ValidationError as error:
        section, key, words = _first(error)
        hint = "Correct that line, or leave it out to have the default."
        where = f"{path}, line {_line_of(text, section, key)}: " if own else ""
        raise SettingsError(f"{where}{section}.{key}: {words}.", hint) from error
    for name, value in (options or {}).items():
        if value is not None:
            tables[option_sections()[name]][name] = value
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        _, key, words = _first(error)
        raise UsageError(
            f"--{key.replace('_', '-')}: {words}.", "posture-cam monitor --help explains it."
        ) from error


def write_template() -> Path:
    """Write the commented settings file to its place.

    Raises:
        OutputError: The file exists already, or it cannot be written.
    """
    path = config_path()
    if kind_of(path) != Kind.NOTHING:
        raise OutputError(f"{path} is there already.", "Change it there, or delete it first.")
    with naming(path):
        make_folder(path.parent)
    with written_whole(path, private=True) as temporary, naming(path):
        temporary.write_text(config_template(), "utf-8")
    return path


def _read(path: Path) -> tuple[dict[str, Any], str, Path]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}, "", path
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}).", "It should be a text file of yours."
        ) from error
    try:
        return tomllib.loads(text), text, path
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path} is no TOML: {error}.", 'Write key = value; words stand in quotes: camera = "HD Webcam"'
        ) from error


def _first(error: ValidationError) -> tuple[str, str, str]:
    """Section, key and message of the first error."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    section, key = where[0], where[1] if len(where) > 1 else where[0]
    words = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "extra_forbidden":
        words = "there is no such setting"
    elif first["type"] == "tuple_type":
        words = f'a list is needed, such as ["18:00-8:00"] (it is {first["input"]!r})'
    elif len({e["loc"][:2] for e in error.errors()}) == 1 and len(error.errors()) > 1:
        words = "; or ".join(e["msg"].rstrip(".") for e in error.errors())
        words += f" (it is {first['input']!r})"
    elif not isinstance(first["input"], tuple):  # the words on hours quote them already
        words += f" (it is {first['input']!r})"
    return section, key, words


def _line_of(text: str, section: str | None, key: str) -> int:
    """The line of a key in a TOML file, or of its section."""
    inside: str | None = None
    found = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.\-\"']+)\s*\]", line):
            inside = header[1].strip("\"'")
            if inside == (section or key):
                found = number
        elif (re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line) and inside == section) or (
            section and re.match(rf"\s*{re.escape(section)}\.{re.escape(key)}\s*=", line)
        ):
            return number
    return found or 1
