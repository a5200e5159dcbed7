"""Times, durations and values as people write and read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from posture_cam.errors import UsageError
from posture_cam.ids import Measure, Stance
from posture_cam.measures import MeasureInfo, load_measures
from posture_cam.settings import read_data

_CLOCK = re.compile(r"(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)")
_HOURS = re.compile(r"(\d{1,2})(?::(\d\d))?\s*-\s*(\d{1,2})(?::(\d\d))?")
# Days outside this range are typing errors.
_YEARS = (1971, 2999)
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def words_of(one: StrEnum) -> str:
    """The words for an id (data/words.toml); an unknown id is shown as it is."""
    return words_for(_CAPITAL.sub("_", type(one).__name__).lower(), one.value)


def words_for(section: str, name: str) -> str:
    """The words for an id in a section of data/words.toml; an unknown id is shown as it is."""
    return str(_words()[section].get(name, name))


def count_words(count: int, noun: str) -> str:
    """A number with its noun: `1 day`, `2 days` (section `plural` of data/words.toml)."""
    forms = _words()["plural"][noun]
    return str(forms[0] if count == 1 else forms[1]).format(count=count)


@cache
def _words() -> dict[str, dict[str, Any]]:
    return read_data("words.toml")


def clock(seconds: float) -> str:
    """A time in a recording: `0:05`, `12:34`, `1:02:03`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def parse_stretch(text: str) -> tuple[float, float]:
    """Start and end in seconds of a stretch such as `0:05-0:12`, `5-12` or `1:02:03-1:02:09.5`.

    Raises:
        UsageError: The text is not a stretch, or it ends before it starts.
    """
    start, dash, end = text.strip().replace("–", "-").partition("-")
    try:
        if not dash:
            raise ValueError(text)  # noqa: TRY301
        start_s, end_s = _seconds(start), _seconds(end)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a stretch of time.", "Write start and end as minutes and seconds: 0:05-0:12"
        ) from None
    if end_s <= start_s:
        raise UsageError(f"{text!r} ends before it starts.", "Write the earlier time first: 0:05-0:12")
    return start_s, end_s


def parse_hours(text: str) -> tuple[int, int]:
    """Start and end, in minutes of the day, of hours such as `12:00-13:00` or `18-8` (over midnight).

    Raises:
        UsageError: The text is not a range of hours.
    """
    match = _HOURS.fullmatch(text.strip().replace("–", "-"))
    if match:
        hours = int(match[1]), int(match[3])
        minutes = int(match[2] or 0), int(match[4] or 0)
        start, end = (60 * hour + minute for hour, minute in zip(hours, minutes, strict=True))
        if max(hours) <= 24 and max(minutes) < 60 and max(start, end) <= 1440 and start % 1440 != end % 1440:
            return start % 1440, end
    raise UsageError(
        f"{text!r} are no hours of the day.", "Write start and end: 12:00-13:00, or 18:00-8:00 for the night."
    )


def parse_day(text: str) -> date:
    """A day such as `2026-11-24`.

    Raises:
        UsageError: The text is not a day.
    """
    try:
        day = date.fromisoformat(text.strip())
        if not _YEARS[0] <= day.year <= _YEARS[1]:
            raise ValueError(text)  # noqa: TRY301
    except ValueError:
        raise UsageError(f"{text!r} is no date.", "Write year, month and day, such as 2026-11-24.") from None
    return day


def parse_moment(text: str) -> datetime:
    """A date and a time such as `2026-11-24 09:30`, in local time unless it names a zone.

    Raises:
        UsageError: The text is not a date and a time.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        if len(text.strip()) < len("2026-11-24 09") or not _YEARS[0] <= moment.year <= _YEARS[1]:
            raise ValueError(text)  # noqa: TRY301
        as_written = moment
        moment = moment.astimezone()  # local time, whichever zone was named
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{text!r} is no date with a time.", 'Write both, such as "2026-11-24 09:30".'
        ) from None
    if as_written.tzinfo is None and moment.replace(tzinfo=None) != as_written:
        raise UsageError(
            f"{text!r} did not exist here: clocks went forward over it.",
            "Write the time that the clock showed.",
        )
    if moment > datetime.now(UTC):
        raise UsageError(f"{text!r} has not come yet.", "Write when the recording began.")
    return moment


def _seconds(text: str) -> float:
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    numbers = [float(part) for part in match.groups() if part is not None]
    if any(number >= 60 for number in numbers[1:]):
        raise ValueError(text)
    seconds = 0.0
    for number in numbers:
        seconds = 60 * seconds + number
    return seconds


def duration_words(seconds: float) -> str:
    """A duration for people: `45 s`, `12 min`, `1 h 5 min`."""
    if seconds < 120:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def durations_words(seconds: Sequence[float]) -> list[str]:
    """Durations shown side by side, all in the unit that fits the longest; `–` for None."""
    longest = max(seconds, default=0.0)

    def words(one: float) -> str:
        if one <= 0:
            return "–"
        if longest < 120:
            return f"{round(one)} s"
        if longest < 10_800:
            return f"{one / 60:.0f} min" if one >= 600 else f"{one / 60:.1f} min"
        return f"{one / 3600:.1f} h"

    return [words(one) for one in seconds]


def sentence(words: str) -> str:
    """The text with a capital first letter."""
    return words[:1].upper() + words[1:]


def error_words(measure: Measure, error: float) -> str:
    """Half the width of an interval with its unit: `± 3°`."""
    return f"± {max(error, 1.0):.0f}{_unit(load_measures()[measure])}"


def value_words(measure: Measure, value: float) -> str:
    """A measure's value with its unit, and with its sign where the table says so: `+12°`, `-9 %`, `50 cm`."""
    info = load_measures()[measure]
    number = f"{value:+.0f}" if info.signed else f"{value:.0f}"
    return ("0" if number in ("+0", "-0") else number).replace("-", "−") + _unit(info)


def stance_words(seconds: Mapping[Stance, float], changes: int) -> str:
    """How long somebody sat and stood, and how often they changed; empty if that is not known."""
    if not seconds:
        return ""
    sat_s, stood_s = (seconds.get(stance, 0.0) for stance in (Stance.SITTING, Stance.STANDING))
    often = {0: "did not change", 1: "changed once"}.get(changes, f"changed {changes} times")
    return f"Sat {duration_words(sat_s)}, stood {duration_words(stood_s)}, {often}."


def seat_words(changes: Mapping[Measure, float]) -> str:
    """How far the reference for judging has moved, in a sentence."""
    told = (
        f"{load_measures()[name].label.split(',')[0].lower()} {value_words(name, moved)}"
        for name, moved in changes.items()
    )
    return words_for("seat", "moved").format(changes=", ".join(told))


def limit_words(measure: Measure, limit: float) -> str:
    """A limit of a measure with its unit: `9°`, `5.5 cm`."""
    return f"{limit:.1f}".removesuffix(".0") + _unit(load_measures()[measure])


def unit_words(info: MeasureInfo) -> str:
    """The unit of a measure alone, as for a column title."""
    return _unit(info).strip()


def _unit(info: MeasureInfo) -> str:
    return words_for("unit", info.unit)
