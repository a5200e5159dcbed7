"""The user's config.toml as a form: one source of fields, limits and help; written back with its comments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import tomlkit
from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from posture_cam.config import Config, config_path, config_template, load_config
from posture_cam.errors import SettingsError
from posture_cam.files import make_folder, naming, written_whole
from posture_cam.words import sentence

Kind = Literal["switch", "choice", "number", "whole", "text", "list"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of the form.

    Attributes:
        section, key: Where it stands in the file.
        kind: What it takes.
        choices: Of a choice.
        least, most: Of a number; None without a limit.
        help: A sentence.
        value: What is in force now.
    """

    section: str
    key: str
    kind: Kind
    choices: tuple[Any, ...]
    least: float | None
    most: float | None
    help: str
    value: Any

    @property
    def label(self) -> str:
        """Its name for people: `poor_after_s` is "Poor after (s)"."""
        words, unit = self.key, ""
        for ending, shown in (("_s", "s"), ("_min", "min"), ("_hz", "per second"), ("_days", "days")):
            if self.key.endswith(ending):
                words, unit = self.key.removesuffix(ending), f" ({shown})"
        return sentence(words.replace("_", " ")) + unit


def form() -> list[Setting]:
    """Every setting, in the order of the file.

    Raises:
        SettingsError: The user's file cannot be read, or holds a wrong value.
    """
    config, helps = load_config(), _helps()
    found = []
    for section, section_field in Config.model_fields.items():
        model = section_field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        values = getattr(config, section)
        for key, field in model.model_fields.items():
            kind, choices = _kind(field)
            least = next((float(one.ge) for one in field.metadata if isinstance(one, Ge)), None)  # type: ignore[arg-type]
            most = next((float(one.le) for one in field.metadata if isinstance(one, Le)), None)  # type: ignore[arg-type]
            help_words = helps.get((section, key), "")
            found.append(Setting(section, key, kind, choices, least, most, help_words, getattr(values, key)))
    return found


def _kind(field: FieldInfo) -> tuple[Kind, tuple[Any, ...]]:
    annotation: Any = field.annotation
    parts = get_args(annotation) if get_origin(annotation) is not Literal else (annotation,)
    literals = [one for part in parts for one in get_args(part) if get_origin(part) is Literal]
    if annotation is bool:
        return "switch", ()
    if bool in parts:
        return "choice", (True, False, *literals)
    if literals:
        return "choice", tuple(literals)
    if get_origin(annotation) is tuple:
        return "list", ()
    if annotation is float:
        return "number", ()
    if annotation is int:
        return "whole", ()
    return "text", ()


def _helps() -> dict[tuple[str, str], str]:
    """The comments of the template: behind a setting, or above it."""
    found: dict[tuple[str, str], str] = {}
    section, above = "", ""
    for line in config_template().splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            section, above = header[1], ""
        elif line.startswith("#"):
            above = f"{above} {line.lstrip('# ')}".strip()
        elif given := re.match(r"(\w+) = .*?(?:#\s*(.*))?$", line):
            found[section, given[1]] = sentence((given[2] or above).strip())
            above = ""
        else:
            above = ""
    return found


def write(changes: dict[tuple[str, str], Any]) -> None:
    """Write changed settings into the user's file; everything else in it stays as it is.

    Args:
        changes: Values by section and key.

    Raises:
        SettingsError: A value is wrong, or the file cannot be read.
        OutputError: It cannot be written.
    """
    path = config_path()
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = config_template()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error}).", "It should be a text file of yours."
        ) from error
    try:
        document = tomlkit.parse(text)
    except tomlkit.exceptions.TOMLKitError as error:
        raise SettingsError(f"{path} is no TOML: {error}.", "Correct it in an editor.") from error
    plain = load_config().model_dump()
    for (section, key), value in changes.items():
        plain[section][key] = value
        if section not in document:
            document[section] = tomlkit.table()
        table: Any = document[section]
        table[key] = list(value) if isinstance(value, tuple) else value
    try:
        Config.model_validate(plain)
    except ValueError as error:
        raise SettingsError(f"A setting is wrong: {error}.", "Nothing was changed.") from error
    with naming(path):
        make_folder(path.parent)
    with written_whole(path, private=True) as temporary, naming(path):
        temporary.write_text(tomlkit.dumps(document), "utf-8")
