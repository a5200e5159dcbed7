"""Check-ins: how much pain a person reports, and when to see somebody about it.

The signs are the article's five; the red flags are among those of the framework named in data/signs.toml.
Neither is a diagnosis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError

from posture_cam.errors import SettingsError
from posture_cam.ids import Id
from posture_cam.settings import read_data

# The article says "more than a few days".
_FEW_DAYS = 3
# Check-ins further apart are no evidence of pain in between.
_JOINED_WITHIN_DAYS = 7.0
_RETURNS_WITHIN_DAYS = 180.0
# A smaller change on the numeric rating scale does not matter (Childs et al., Spine 30(11), 2005).
_CHANGE_THAT_MATTERS = 2
# Serlin et al., Pain 61(2), 1995: 7 to 10 is severe.
SEVERE_PAIN = 7
_DAY_S = 86_400.0


class Place(Id):
    """Where it hurts."""

    NECK = "neck"
    SHOULDERS = "shoulders"
    UPPER_BACK = "upper-back"
    LOWER_BACK = "lower-back"
    OTHER = "other"


class Difficulty(Id):
    """Difficult activities; the first three are the article's."""

    BENDING = "bending"
    WALKING = "walking"
    SITTING = "sitting"
    STANDING = "standing"
    LIFTING = "lifting"
    SLEEPING = "sleeping"


class Urgency(StrEnum):
    """How soon to see a professional."""

    NOW = "now"
    SOON = "soon"
    CONSIDER = "consider"


class Sign(BaseModel):
    """A reason to see somebody.

    Attributes:
        name: As on the command line.
        text: A description that can follow "if".
        question: The question that asks for it; empty if it follows from other answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    urgency: Urgency
    text: str
    question: str = ""
    source: str


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A check-in.

    Attributes:
        time_utc_s: Its time, in seconds since 1970 in UTC.
        pain: Pain on the numeric rating scale, 0 (none) to 10 (the worst imaginable).
        places: Where it hurts.
        radiates: Whether the pain radiates into a leg; None if not asked.
        since_days: For how many days it has hurt; None if not asked.
        returns: Whether the pain keeps coming back; None if not asked.
        difficult: Activities that are difficult.
        flags: Red flags, by name.
        wants_alternative: Whether the person wants an alternative to pain medication; None if not asked.
        is_cleared: Whether somebody has looked at the red flags of earlier check-ins.
        note: In the person's own words.
    """

    time_utc_s: float
    pain: int
    places: tuple[Place, ...] = ()
    radiates: bool | None = None
    since_days: int | None = None
    returns: bool | None = None
    difficult: tuple[Difficulty, ...] = ()
    flags: tuple[str, ...] = ()
    wants_alternative: bool | None = None
    is_cleared: bool = False
    note: str = ""


@cache
def load_signs() -> tuple[Sign, ...]:
    """Every sign and red flag, the most urgent first.

    Raises:
        SettingsError: The file is damaged.
    """
    try:
        signs = [Sign.model_validate(entry) for entry in read_data("signs.toml")["sign"]]
    except (KeyError, ValidationError) as error:
        raise SettingsError(f"data/signs.toml is wrong: {error}", "Install posture_cam again.") from error
    return tuple(sorted(signs, key=lambda sign: list(Urgency).index(sign.urgency)))


def red_flags() -> tuple[Sign, ...]:
    """The red flags, each of which is asked about."""
    return tuple(sign for sign in load_signs() if sign.urgency != Urgency.CONSIDER)


def signs_of(now: CheckIn, earlier: Sequence[CheckIn] = ()) -> tuple[Sign, ...]:
    """The signs that a check-in shows, the most urgent first.

    Args:
        now: The check-in.
        earlier: Check-ins before it, in order of time.
    """
    shown = set(now.flags)
    if now.pain:
        run = _run_up_to(now, earlier)
        lasts_days = now.since_days
        if lasts_days is None:  # else the person knows it best
            lasts_days = max(
                int((now.time_utc_s - one.time_utc_s) / _DAY_S) + (one.since_days or 0) for one in run
            )
        lately = [one.pain for one in run if now.time_utc_s - one.time_utc_s <= 7 * _DAY_S]
        has_eased = max(lately) - now.pain >= _CHANGE_THAT_MATTERS
        if lasts_days > _FEW_DAYS and not has_eased:
            shown.add("lasting")
        if now.returns or _was_gone(now, earlier):
            shown.add("returning")
        if now.pain >= SEVERE_PAIN:
            shown.add("severe")
        if now.difficult:
            shown.add("daily-life")
        if now.radiates:
            shown.add("radiating")
        if now.wants_alternative:
            shown.add("alternative")
    return tuple(sign for sign in load_signs() if sign.name in shown)


def _run_up_to(now: CheckIn, earlier: Sequence[CheckIn]) -> list[CheckIn]:
    """The latest unbroken run of check-ins with pain: no pain-free check-in and no long gap between them."""
    run = [now]
    for one in reversed(earlier):
        if not one.pain or run[0].time_utc_s - one.time_utc_s > _JOINED_WITHIN_DAYS * _DAY_S:
            break
        run.insert(0, one)
    return run


def _was_gone(now: CheckIn, earlier: Sequence[CheckIn]) -> bool:
    """Whether there was pain, at least a day later none, and at least a day after that pain again."""
    lately = [one for one in earlier if now.time_utc_s - one.time_utc_s <= _RETURNS_WITHIN_DAYS * _DAY_S]
    free_s = [one.time_utc_s for one in lately if not one.pain and now.time_utc_s - one.time_utc_s >= _DAY_S]
    return any(one.pain > 0 and time_s - one.time_utc_s >= _DAY_S for time_s in free_s for one in lately)


def standing_flags(check_ins: Sequence[CheckIn]) -> tuple[Sign, ...]:
    """Red flags that nobody has looked at yet; they stand until a later check-in clears them."""
    flags: set[str] = set()
    for one in check_ins:
        flags = set(one.flags) if one.is_cleared else flags | set(one.flags)
    return tuple(sign for sign in red_flags() if sign.name in flags)


def advice(signs: Sequence[Sign]) -> str:
    """Advice on some signs, in one or two sentences; empty without signs."""
    urgencies = {sign.urgency for sign in signs}
    if Urgency.NOW in urgencies:
        return (
            "Get medical help now: call your emergency number or go to an emergency department. "
            "Do no exercises until somebody has looked at it."
        )
    if Urgency.SOON in urgencies:
        return "See a doctor in the next days, before you do any exercises."
    if urgencies:
        return "A physical therapist can help with this: think of making an appointment."
    return ""


def besides_words(check_in: CheckIn) -> str:
    """The further answers of a check-in: recurring pain, wishes, warning signs; or an empty string."""
    parts = []
    if check_in.returns:
        parts.append("keeps coming back")
    if check_in.wants_alternative:
        parts.append("would like something other than pain medication")
    parts += [sign.question.lower() for sign in red_flags() if sign.name in check_in.flags]
    if check_in.is_cleared:
        parts.append("earlier warning signs were looked at")
    return "; ".join(parts)
