"""What the app knows from the lines of its monitor; knows nothing of Qt."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from posture_cam.ids import Measure, State
from posture_cam.measures import load_measures
from posture_cam.words import duration_words, sentence, value_words, words_of

# A sample speaks for the time until the next, at most for this long (as `sampling.max_gap_s` of the monitor).
HOLDS_S = 2.0
# By state alone; a score between them bends the figure in between.
_BENT = {State.FAIR: 0.5, State.POOR: 1.0}
# Scores from here on are good (docs/measures.md): a cue goes at once, before the state has changed.
GOOD_FROM = 80
# Pieces of the day's band that are closer than this are one.
_JOINED_S = 30.0


class Mood(StrEnum):
    """What the tray shows: a state, or why there is none."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    AWAY = "away"
    UNJUDGED = "unjudged"
    STARTING = "starting"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the day, in seconds since midnight."""

    start_s: float
    end_s: float
    mood: Mood


@dataclass(slots=True)
class Seen:
    """The present moment, and the day so far.

    Attributes:
        mood: What to show.
        bend: 0 upright to 1 bent, for the figure.
        score: Of the last sample, or None.
        held_s: How long the state has lasted.
        reason: Why nothing is judged now, in words; or empty.
        measures: Label and value with unit and error of what is measured, the judged ones first.
        alert: The last alert that stands, in words; or empty.
        tip: Its tip.
        why: What the tip rests on.
        said: The last sentence of the run.
        seconds: Seconds of the day by mood.
        stance: sitting or standing, where that is known.
        band: The day so far.
        holds_s: How long a sample counts if none follows.
    """

    mood: Mood = Mood.STARTING
    bend: float = 0.0
    score: int | None = None
    held_s: float = 0.0
    reason: str = ""
    measures: list[tuple[str, str]] = field(default_factory=list)
    alert: str = ""
    tip: str = ""
    said: str = ""
    stance: str | None = None
    seconds: dict[Mood, float] = field(default_factory=dict)
    band: deque[Piece] = field(default_factory=lambda: deque(maxlen=5000))
    holds_s: float = HOLDS_S
    _has_trouble: bool = False
    _day: date | None = None
    _last: tuple[datetime, Mood] | None = None

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line of the monitor; lines of unknown types are ignored."""
        match line.get("type"):
            case "start":
                self.mood, self._last = Mood.STARTING, None
            case "sample":
                self._take_sample(line)
            case "alert":
                self.alert, self.tip = str(line.get("message", "")), str(line.get("tip", ""))
            case "corrected":
                self.alert = self.tip = ""
            case "source":
                self.said = str(line.get("message", ""))
                if line.get("trouble_id") == "paused":
                    self._rest(Mood.PAUSED)
                elif line.get("trouble") is not None:
                    self._rest(Mood.UNJUDGED)
                    self.reason, self._has_trouble = str(line["trouble"]), True
                elif self.mood == Mood.PAUSED or self._has_trouble:  # over; pictures follow
                    self._rest(Mood.STARTING)
            case "said":
                self.said = str(line.get("message", ""))
            case "summary":
                self._rest(Mood.ENDED)

    def ended(self) -> None:
        """Note that the monitor is gone."""
        self._rest(Mood.ENDED)

    def unheard(self) -> None:
        """Note that the monitor says nothing; where it has said why, that stands."""
        if self.mood != Mood.PAUSED and not self._has_trouble:
            self._rest(Mood.UNJUDGED)
            self.reason = "the monitor says nothing"

    def _rest(self, mood: Mood) -> None:
        self.mood, self.bend, self.score, self.held_s, self._last = mood, 0.0, None, 0.0, None
        self.reason, self.alert, self.tip, self.measures, self._has_trouble = "", "", "", [], False

    def _take_sample(self, line: Mapping[str, Any]) -> None:
        at = datetime.fromisoformat(line["time"])
        mood = Mood(line["state"])
        if self._last is not None:
            before, was = self._last
            held_s = (at - before).total_seconds()
            if held_s > 0:
                self._add(before, min(held_s, self.holds_s), was)
        if mood in (Mood.GOOD, Mood.AWAY):
            self.alert = self.tip = ""
        self._last = at, mood
        self.mood, self.score, self._has_trouble = mood, line.get("score"), False
        self.held_s = max(line["timestamp_s"] - line["since_s"], 0.0)
        self.reason = str(line.get("reason") or "")
        self.stance = line.get("stance")
        self.bend = self._bend()
        self.measures = _measured(line.get("measures", {}), line.get("errors", {}))

    def _bend(self) -> float:
        if self.mood not in (Mood.GOOD, Mood.FAIR, Mood.POOR):
            return 0.0
        if self.score is None:
            return _BENT.get(State(self.mood.value), 0.0)
        return min(max((100 - self.score) / 70.0, 0.0), 1.0)

    @property
    def is_bad_now(self) -> bool:
        """Whether the person slouches at this very moment: the state says so, and the last look does, too."""
        return self.mood in (Mood.FAIR, Mood.POOR) and (self.score is None or self.score < GOOD_FROM)

    def _add(self, at: datetime, held_s: float, mood: Mood) -> None:
        local = at.astimezone()
        self._begin_day(local.date())
        self.seconds[mood] = self.seconds.get(mood, 0.0) + held_s
        start_s = 3600.0 * local.hour + 60.0 * local.minute + local.second + local.microsecond / 1e6
        if self.band and self.band[-1].mood == mood and start_s - self.band[-1].end_s < _JOINED_S:
            self.band[-1] = Piece(self.band[-1].start_s, start_s + held_s, mood)
        else:
            self.band.append(Piece(start_s, start_s + held_s, mood))

    def _begin_day(self, day: date) -> None:
        if self._day != day:
            self.band.clear()
            self.seconds.clear()
            self._day = day

    def began_with(self, seconds: Mapping[str, float], day: date) -> None:
        """Add what the history holds of a day from before."""
        self._begin_day(day)
        for name, held_s in seconds.items():
            self.seconds[Mood(name)] = self.seconds.get(Mood(name), 0.0) + held_s

    @property
    def day_words(self) -> str:
        """The day so far, in a sentence; empty while nothing was judged."""
        judged_s = sum(self.seconds.get(mood, 0.0) for mood in (Mood.GOOD, Mood.FAIR, Mood.POOR))
        if judged_s < 1.0:
            return ""
        good = 100.0 * self.seconds.get(Mood.GOOD, 0.0) / judged_s
        return f"Today: {duration_words(judged_s)} judged, {good:.0f} % well."

    @property
    def words(self) -> str:
        """The present moment, in a few words."""
        words = words_of(self.mood)
        if self.mood == Mood.UNJUDGED and self.reason:
            return f"{words}: {self.reason}"
        if self.mood in (Mood.GOOD, Mood.FAIR, Mood.POOR) and self.held_s >= 60.0:
            return f"{words}, for {duration_words(self.held_s)}"
        return words


def _measured(values: Mapping[str, float], errors: Mapping[str, float]) -> list[tuple[str, str]]:
    table = load_measures("estimated")
    found = []
    shown = [Measure(name) for name in values if name in Measure.__members__.values()]
    shown = [one for one in shown if "headline" in table[one].shown or table[one].group is not None]
    shown.sort(key=lambda one: "headline" not in table[one].shown)
    for measure in shown:
        info, name = table[measure], measure.value
        value = values[name]
        words = value_words(measure, value)
        if name in errors:
            words += f" ± {value_words(measure, errors[name]).lstrip('+')}"
        found.append((sentence(info.label.split(",")[0]), words))
    return found


def unseen_words(coverage: Iterable[str]) -> str:
    """What the camera cannot see now, in words; empty if it sees all that is judged."""
    missing = [words for group, words in _GROUPS.items() if group not in set(coverage)]
    return f"Not seen: {', '.join(missing)}." if missing else ""


_GROUPS = {"sagittal": "head forward and slouch", "lateral": "leaning and tilting", "distance": "distance"}
