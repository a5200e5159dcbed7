"""Turns poses into the log of a run, in the same way for recordings and live runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from posture_cam.alerts import AlertPolicy
from posture_cam.assessment import Hindsight, Judge, NeutralChoice, NeutralFit, put_first
from posture_cam.care.permission import Permission
from posture_cam.care.tips import tips_for_faults
from posture_cam.geometry import (
    Estimate,
    Estimates,
    Estimator,
    FeatureExtractor,
    average_neutral,
    compare,
)
from posture_cam.ids import AlertKind, Measure, NeutralOrigin, Reason, View
from posture_cam.profiles import all_of
from posture_cam.protocols import Keeper
from posture_cam.records import (
    Alert,
    Features,
    Frame,
    Look,
    Measures,
    Neutral,
    Observation,
    Sample,
    SessionSummary,
    SourceInfo,
)
from posture_cam.runlog import RunLog
from posture_cam.session.learning import own_factors, words_of_limits
from posture_cam.settings import SensitivitySettings, Settings
from posture_cam.words import clock, seat_words, words_of

# How many poses the estimator processes at once.
_ESTIMATED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Measured:
    """A look and its measures."""

    look: Look
    measures: Measures

    @property
    def sample(self) -> Sample:
        """The sample that was looked at."""
        return self.look.sample


class Judgement(NamedTuple):
    """The judgement of a moment.

    Attributes:
        now: The moment, as a live run shows it.
        settled: Earlier moments that can no longer change; they are in the log.
    """

    now: Observation
    settled: Sequence[Observation]


class Pipeline:
    """Judges samples in order of time and keeps the log of them.

    Args:
        neutral: The neutral posture to begin with, or None.
        settings: All settings.
        estimator: Estimates changes of inclination; None leaves them to formulas.
        policy: When to speak.
        keeper: Stores the run, or None.
        is_fresh: The neutral posture was taken in this very run.
        needs_own: For a live run: nothing counts without a neutral posture, as one is about to be taken; a
            neutral posture from pictures of another shape has to be confirmed.
        origin: Where the neutral posture comes from.
        permission: What the person may be offered.
        profile: The name under which the neutral posture is stored, or None.

    Attributes:
        neutral: The current neutral posture, or None if there is none yet.
        fit: Whether the neutral posture may be used.
        log: The final moments.
        features: The features of the last sample.
        alerts: All alerts so far.
        notes: Sentences for the summary.
        factors: Factors on the limits, learned from the person's corrections.
    """

    def __init__(
        self,
        neutral: Neutral | None,
        settings: Settings,
        estimator: Estimator | None,
        policy: AlertPolicy,
        keeper: Keeper | None = None,
        *,
        is_fresh: bool = True,
        needs_own: bool = False,
        origin: NeutralOrigin | None = None,
        permission: Callable[[], Permission] = Permission,
        profile: str | None = None,
    ) -> None:
        self._settings, self._estimator, self._policy = settings, estimator, policy
        self._keeper = keeper
        self._extractor = FeatureExtractor(settings)
        self._hindsight, self.log = Hindsight(settings), RunLog(settings)
        self._choice = NeutralChoice(settings.choosing)
        self.fit = NeutralFit(settings, is_fresh=is_fresh, needs_own=needs_own)
        self.alerts: list[Alert] = []
        self.notes: list[str] = []
        self.features: Features | None = None
        self.neutral: Neutral | None = None
        self.factors: dict[Measure, float] = {}
        self._limits_told: list[str] = []
        self._origin, self._permission, self._profile = origin, permission, profile
        self._count = self._looks = 0
        self._compare_with(neutral)

    def adopt(self, neutral: Neutral, profile: str | None = None) -> None:
        """From now on compare with this neutral posture, just taken and stored as `profile`, if given."""
        self.compare_with(neutral, profile)
        self.confirm()

    def compare_with(self, neutral: Neutral, profile: str | None = None) -> None:
        """From now on compare with this neutral posture, stored as `profile` if given; nobody confirms it."""
        self._origin = NeutralOrigin.RUN if profile is None else NeutralOrigin.PROFILE
        self._profile = profile
        self._compare_with(neutral)

    def choose(self, other: Neutral) -> None:
        """From now on compare with another neutral posture of the same profile."""
        assert self.neutral is not None
        self._compare_with(put_first(other, all_of(self.neutral)))

    def learn(self, neutral: Neutral) -> list[str]:
        """Take the same neutral posture with another correction; returns what has changed, in sentences."""
        before = self.factors
        assert self.neutral is not None
        # The present one may have followed the camera since it was stored.
        corrections = neutral.corrections
        others = tuple(replace(one, corrections=corrections) for one in self.neutral.others)
        neutral = replace(self.neutral, corrections=corrections, others=others)
        self.neutral = self._compared_with = neutral
        self.factors = own_factors(neutral, self._settings, self._estimator)
        self._judge.limit(self.factors, self._settings.sensitivity)
        self._judge.begin_anew()
        self._policy.restart()
        self._note_limits()
        return words_of_limits(neutral, self.factors, before)

    def _note_limits(self) -> None:
        told = [] if self.neutral is None else words_of_limits(self.neutral, self.factors, {})
        self.notes[:] = [note for note in self.notes if note not in self._limits_told] + told
        self._limits_told = told

    def be_sensitive(self, sensitivity: SensitivitySettings) -> None:
        """Judge earlier or later from now on."""
        self._settings = self._settings.model_copy(update={"sensitivity": sensitivity})
        self._judge.limit(self.factors, sensitivity)

    def confirm(self) -> None:
        """Record that the person confirms that the neutral posture fits."""
        self.fit.confirm()
        self._policy.restart()

    def _compare_with(self, neutral: Neutral | None) -> None:
        self.neutral = neutral
        self._compared_with = neutral or average_neutral(View.FRONT)
        self.factors = {} if neutral is None else own_factors(neutral, self._settings, self._estimator)
        self._judge = Judge(self._compared_with, self._settings, self.factors)
        stances = set() if neutral is None else {one.stance for one in all_of(neutral)}
        self._stance = neutral.stance if neutral is not None and len(stances) > 1 else None
        self._note_limits()
        self._estimates: Estimates | None = None
        if self._estimator is not None and neutral is not None and neutral.is_personal and neutral.pose:
            self._estimates = self._estimator.against(neutral.pose)
        self._compared: Measures | None = None  # of the last look, for as long as it stands
        self.fit.compare_with(neutral)
        if self._keeper is not None:
            self._keeper.adopt(neutral, self._profile)

    def begin(self, source: SourceInfo, model: str) -> None:
        """Announce the source to the keeper."""
        if self._keeper is not None:
            self._keeper.begin(self.log, source, model, self._estimator_name)

    @property
    def _estimator_name(self) -> str | None:
        return self._estimator.name if self._estimator is not None else None

    def see(self, sample: Sample, *, frame: Frame | None = None) -> Judgement:
        """Judge one sample.

        Args:
            sample: The next moment.
            frame: The picture of the sample, for outputs of a live run.
        """
        return self.judge(self._measure(self._extractor.look(sample)), frame=frame)

    def measure(self, looks: Iterable[Look]) -> Iterator[Measured]:
        """The first half of `see` for the looks of a recording, in order of time."""
        remaining = iter(looks)
        # Estimates depend on the neutral posture, and another one may be chosen at any moment.
        at_once = 1 if self.neutral is not None and self.neutral.others else _ESTIMATED_AT_ONCE
        while chunk := list(islice(remaining, at_once)):
            poses = [pose for one in chunk if (pose := one.features.pose) and not one.sample.is_held]
            estimates = iter(self._estimates.of_many(poses) if self._estimates is not None else ())
            for look in chunk:
                is_new = look.features.pose is not None and not look.sample.is_held
                yield self._measure(look, next(estimates, None) if is_new else None)

    def _measure(self, look: Look, estimate: Estimate | None = None) -> Measured:
        before, features = self.features, look.features
        self.features = features
        if self.neutral is not None and (other := self._choice.follow(features, self.neutral)) is not None:
            self.choose(other)
            estimate = None
        if (
            look.sample.is_held
            and self._compared is not None
            and before is not None
            and (before.view, before.reason) == (features.view, features.reason)
        ):
            self._compared = replace(self._compared, timestamp_s=features.timestamp_s)
        else:
            if estimate is None and self._estimates is not None and features.pose is not None:
                estimate = self._estimates.of(features.pose)
            self._compared = compare(features, self._compared_with, self._settings, estimate)
        return Measured(look, self._compared)

    def judge(self, measured: Measured, *, frame: Frame | None = None) -> Judgement:
        """The second half of `see`, in the same order."""
        sample = measured.sample
        measures, assessment = self._judge.judge(measured.measures)
        size_wh = None if sample.pose is None else sample.pose.image_size_wh
        fitted = self.fit.judge(assessment, measured.look.features, size_wh)
        assessment = fitted.assessment
        self.notes += (words_of(misfit).format(time=clock(at_s)) for misfit, at_s in fitted.misfits)
        alert = self._policy.decide(assessment, self._stance)
        if alert is not None:
            self.alerts.append(alert)
            if alert.kind == AlertKind.QUESTION and alert.measure is not None:
                self.fit.asked()
        self._count += 1
        self._looks += not sample.is_reused
        observation = Observation(
            sample,
            measures,
            assessment,
            0.0,
            alert,
            corrected=self._policy.corrected,
            frame=frame,
            stance=self._stance,
        )
        if self._keeper is not None:
            self._keeper.note(observation)
        return Judgement(observation, self._keep(self._hindsight.push(observation)))

    def _keep(self, settled: Iterable[Observation]) -> list[Observation]:
        kept = list(settled)
        for observation in kept:
            self.log.add(observation)
        return kept

    def flush(self, now_s: float, trouble: tuple[float, Reason] | None = None) -> None:
        """Have everything up to now written, if a write is due.

        Args:
            now_s: The time on the source's clock.
            trouble: Since when there is nothing to see, and why.
        """
        if self._keeper is None or not self._keeper.is_due(now_s):
            return
        tail = list(self.log.pieces(self._hindsight.pending(now_s)))
        seen_s = tail[-1].end_s if tail else self.log.end_s
        gaps = self.log.gaps(seen_s, now_s)
        if trouble is not None:
            since_s, reason = trouble
            gaps = (replace(gap, reason=reason) if gap.end_s > since_s else gap for gap in gaps)
        self._keeper.flush(now_s, [*tail, *gaps])

    def explain(self, start_s: float, end_s: float, reason: Reason) -> None:
        """Record why there are no samples in a stretch of time."""
        self._hindsight.cut(start_s)
        self.log.explain(start_s, end_s, reason)

    def finish(self, end_s: float) -> Sequence[Observation]:
        """End the log, and return the remaining observations, which are now in it."""
        end = None if self.fit.is_set_aside else self._judge.conclude()
        if end is not None:
            end = end[0], max(end[1], self.fit.judged_from_s)
        if self._judge.seat:
            self.notes.append(seat_words(self._judge.seat))
        settled = self._keep(self._hindsight.finish(end_s, end))
        self.log.finish(end_s)
        return settled

    def summary(
        self, source: SourceInfo, model: str, *, partial: bool, is_live: bool = False
    ) -> SessionSummary:
        """The summary of the run, once it is finished."""
        log, sums, hold = self.log, self.log.sums, self.log.longest_hold
        faults = log.fault_times
        return SessionSummary(
            source=source,
            neutral=self.neutral,
            neutral_origin=self._origin if self.neutral is not None else None,
            profile=self._profile,
            duration_s=log.end_s,
            seconds_by_state=dict(sums.seconds_by_state),
            score=log.score,
            episodes=log.episodes,
            alerts=tuple(self.alerts),
            statistics=log.statistics,
            faults=faults,
            unjudged_s_by_reason=dict(sums.unjudged_s_by_reason),
            longest_hold=None if hold is None else (hold.start_s, hold.end_s),
            tips=tips_for_faults(
                {fault.measure: fault.total_s for fault in faults} or sums.off_s,
                allows=self._permission().allows_tip,
            ),
            views=dict(sums.seconds_by_view),
            model=model,
            sample_count=self._count,
            look_count=self._looks,
            notes=tuple(self.notes),
            partial=partial,
            is_live=is_live,
            estimator=self._estimator_name,
            breaks=tuple((one.start_s, one.end_s) for one in log.breaks),
            seconds_by_stance=dict(sums.seconds_by_stance),
            stance_changes=sums.stance_changes,
        )
