"""Check-ins, programmes and desks, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from posture_cam.care.checkins import CheckIn, Sign, Urgency, advice, besides_words
from posture_cam.care.exercises import ExerciseDone, exercise_title, known_exercises
from posture_cam.care.permission import Permission
from posture_cam.care.programme import Programme, Progress
from posture_cam.care.workspace import Item
from posture_cam.history import KeptCheckIn, KeptExercise
from posture_cam.plain import clean
from posture_cam.words import count_words, words_of

NO_DIAGNOSIS = "This is no diagnosis, and posture_cam is no medical device."


# Chosen: whoever rests first, as asked, is seen at rest sooner.
_LATE_REST_S = 5.0


def done_words(done: ExerciseDone) -> str:
    """The result of an exercise in a sentence."""
    times = count_words(done.repetitions, "repetition")
    if done.left is not None:
        times += f" (left {done.left}, right {done.right})"
    parts = [times]
    if done.is_seen and done.holds_s:
        parts.append(f"held for {sum(done.holds_s) / len(done.holds_s):.1f} s on average")
    if done.refused:
        parts.append(count_words(done.refused, "half_movement"))
    if not done.is_seen:
        parts.append("timed, not seen by the camera")
    if done.rest_after_s >= _LATE_REST_S:
        parts.append(f"counted from {done.rest_after_s:.0f} s on, when a posture at rest was first seen")
    return ", ".join(parts) + "."


def done_as_json(done: ExerciseDone) -> dict[str, object]:
    """The result of an exercise as the last line of JSON."""
    return {
        "exercise": done.name,
        "repetitions": done.repetitions,
        "left": done.left,
        "right": done.right,
        "holds_s": list(done.holds_s),
        "refused": done.refused,
    }


def print_check_in(
    check_in: CheckIn, signs: Sequence[Sign], earlier: Sequence[CheckIn], console: Console
) -> None:
    """Print a check-in, the course of the pain, and advice."""
    _say(console, f"Kept: pain {check_in.pain} of 10{_where(check_in)}.")
    if earlier:
        before = " ".join(str(one.pain) for one in earlier[-7:])
        _say(console, f"Pain at your last check-ins: {before} and now {check_in.pain}, each of 10.")
    if signs:
        _say(console, "")
        _say(console, advice(signs), style="bold")
        for sign in signs:
            _say(console, f"  Because {sign.text}. ({_source_words(sign)})")
    _say(console, "")


def _where(check_in: CheckIn) -> str:
    words = ", ".join(words_of(place) for place in check_in.places)
    if check_in.radiates:
        words += (", " if words else "") + "radiating into a leg"
    return f" ({words})" if words else ""


def print_signs(signs: Sequence[Sign], console: Console, *, is_brief: bool = False) -> None:
    """When to see somebody about back pain."""
    for urgency in Urgency:
        shown = [sign for sign in signs if sign.urgency == urgency]
        if shown and is_brief:
            words = "; ".join(sign.text for sign in shown)
            _say(console, f"{words_of(urgency)} {words}.", style="bright_black")
        elif shown:
            _say(console, f"{words_of(urgency)}:", style="bold")
            for sign in shown:
                name = f" ({sign.name})" if sign.question else ""
                _say(console, f"  - {sign.text}{name}")
    sources = dict.fromkeys(_source_words(sign) for sign in signs)
    _say(console, f"Sources: {'; '.join(sources)}. {NO_DIAGNOSIS}", style="bright_black")


def _source_words(sign: Sign) -> str:
    is_article = sign.urgency == Urgency.CONSIDER and not any(char.isdigit() for char in sign.source)
    return f'the article, "{sign.source}"' if is_article else sign.source


def check_in_as_json(check_in: CheckIn, signs: Sequence[Sign] | None = None) -> dict[str, Any]:
    """A check-in as JSON, with its warning signs where they are given."""
    content: dict[str, Any] = {
        "pain": check_in.pain,
        "where": list(check_in.places),
        "radiates": check_in.radiates,
        "since_days": check_in.since_days,
        "returns": check_in.returns,
        "difficult": list(check_in.difficult),
        "flags": list(check_in.flags),
        "wants_alternative": check_in.wants_alternative,
        "is_cleared": check_in.is_cleared,
        "note": check_in.note,
    }
    if signs is not None:
        content["signs"] = [{"name": sign.name, "urgency": sign.urgency.value} for sign in signs]
    return content


def print_plan(programme: Programme, console: Console, permission: Permission) -> None:
    """Print a proposed plan; with a standing warning sign, no exercise is named."""
    if permission.words:
        _say(console, permission.words, style="bold yellow")
    _say(
        console,
        f"{programme.weeks} weeks, {programme.per_week} sessions a week, "
        f"{programme.session_count} in all; each takes a quarter of an hour or less.",
        style="bold",
    )
    for number, names in enumerate(programme.sessions, start=1):
        titles = ", ".join(one.title for one in known_exercises(names) if permission.allows(one))
        if titles:
            _say(console, f"  Session {number}: {titles}")
    for reason in programme.reasons if not permission.flags else ():
        _say(console, f"  {reason}", style="bright_black")
    if not programme.reasons and not permission.flags:
        _say(console, "  Nothing is known of your faults yet, so there is something of everything.")
    _say(console, f"Weeks and sessions as in the article: many people attend so many. {NO_DIAGNOSIS}")


def print_progress(
    programme: Programme,
    progress: Progress,
    changes: Sequence[str],
    console: Console,
    permission: Permission,
) -> None:
    """Print the progress of a programme."""
    if permission.words:
        _say(console, permission.words, style="bold yellow")
    week = min(progress.week, programme.weeks)
    _say(console, f"Week {week} of {programme.weeks}, since {programme.start}.", style="bold")
    _say(
        console,
        f"Sessions: {len(progress.done)} done, {progress.due} due by now, {programme.session_count} in all.",
    )
    if progress.next_day is None:
        _say(console, "It is over. posture-cam programme --start begins a new one, if you like.")
    else:
        _say(
            console,
            f"Next: {progress.next_day}; {progress.dose_share:.0%} of each dose for now.".replace("%", " %"),
        )
        for exercise in filter(permission.allows, known_exercises(progress.next_names)):
            dose = exercise.with_share(progress.dose_share).dose
            _say(console, f"  {exercise.title} ({exercise.name}): {dose}")
        if not permission.flags:
            _say(console, "Do it now: posture-cam programme --do")
    for words in changes:
        _say(console, words)
    if not changes:
        _say(
            console,
            "What has changed is told after two weeks, from check-ins and kept days.",
            style="bright_black",
        )


def programme_as_json(programme: Programme, progress: Progress | None) -> dict[str, Any]:
    """A programme and its progress, as JSON."""
    content: dict[str, Any] = {
        "start": programme.start.isoformat(),
        "weeks": programme.weeks,
        "per_week": programme.per_week,
        "sessions": [list(names) for names in programme.sessions],
        "reasons": list(programme.reasons),
        "is_begun": progress is not None,
    }
    if progress is not None:
        content |= {
            "week": progress.week,
            "sessions_done": [day.isoformat() for day in progress.done],
            "sessions_due": progress.due,
            "next_day": None if progress.next_day is None else progress.next_day.isoformat(),
            "next_exercises": list(progress.next_names),
            "dose_share": progress.dose_share,
        }
    return content


def print_workspace(
    lines: Sequence[str], tips: Sequence[Item], unanswered: Sequence[str], console: Console
) -> None:
    """Print the findings about a desk, tips, and open questions."""
    for line in lines:
        _say(console, line)
    if unanswered:
        _say(console, f"Not known, as not answered: {' '.join(unanswered)}", style="bright_black")
    if not tips:
        open_count = len(unanswered)
        words = "Nothing to change was found."
        if open_count:
            words = f"Nothing to change was seen, but {count_words(open_count, 'question')} stayed open."
        _say(console, words, style="bold")
        return
    if lines:
        _say(console, "")
    _say(console, "Worth changing", style="bold")
    for tip in tips:
        _say(console, f"  - {tip.tip}")
        _say(console, f"    ({tip.source})", style="bright_black")


def workspace_as_json(
    values: Mapping[str, float | str], answers: frozenset[str], tips: Sequence[Item]
) -> dict[str, Any]:
    """A look at a desk, as JSON."""
    return {
        "seen": dict(values),
        "answers": sorted(answers),
        "tips": [{"name": tip.name, "tip": tip.tip, "source": tip.source} for tip in tips],
    }


def print_kept(
    exercises: Sequence[KeptExercise],
    check_ins: Sequence[KeptCheckIn],
    console: Console,
    *,
    are_numbered: bool = False,
) -> None:
    """Print exercises and check-ins of some days, if asked with the numbers for correcting them."""
    if exercises:
        _say(console, "")
        _say(console, "Exercises", style="bold")
        for kept in exercises:
            title = exercise_title(kept.done.name)
            number = f"  (exercise {kept.number})" if are_numbered else ""
            _say(console, f"  {kept.day} {kept.time}  {title}: {done_words(kept.done)}{number}")
    if check_ins:
        _say(console, "")
        _say(console, "Check-ins", style="bold")
        for one in check_ins:
            words = f"  {one.day}  pain {one.check_in.pain} of 10{_where(one.check_in)}."
            besides = besides_words(one.check_in)
            words += f" {besides[0].upper()}{besides[1:]}." if besides else ""
            number = f"  (check-in {one.number})" if are_numbered else ""
            _say(console, f"{words} {one.check_in.note}".rstrip() + number)


def kept_as_json(
    exercises: Sequence[KeptExercise], check_ins: Sequence[KeptCheckIn], programme: Programme | None = None
) -> dict[str, Any]:
    """Exercises and check-ins of some days, and the latest programme, as JSON."""
    content: dict[str, Any] = {
        "exercises": [
            {
                "number": kept.number,
                "date": kept.day.isoformat(),
                "time": kept.time,
                **done_as_json(kept.done),
                "counted_by": "camera" if kept.done.is_seen else "clock",
                "duration_s": round(kept.done.duration_s, 1),
                "is_whole": kept.done.is_whole,
                "reason": kept.reason,
            }
            for kept in exercises
        ],
        "check_ins": [
            {
                "number": one.number,
                "date": one.day.isoformat(),
                "time": one.time,
                **check_in_as_json(one.check_in),
            }
            for one in check_ins
        ],
    }
    if programme is not None:
        stopped = programme.stopped.isoformat() if programme.stopped else None
        content["programme"] = {**programme_as_json(programme, None), "stopped": stopped}
        del content["programme"]["is_begun"]
    return content


def _say(console: Console, words: str, style: str | None = None) -> None:
    console.print(clean(words) if words else "", style=style, highlight=False, markup=False, soft_wrap=True)
