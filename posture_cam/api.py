"""posture_cam from Python: analyse a recording, or follow a live run, in a script or a notebook.

    import posture_cam

    result = posture_cam.analyze("desk.mp4")
    print(result.score, result.seconds[posture_cam.State.GOOD])

docs/library.md has more, all of it run by the tests.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture_cam.closing import Closing
from posture_cam.config import load_config
from posture_cam.errors import OutputError, UsageError
from posture_cam.ids import Measure, Reason, State, View
from posture_cam.outputs.files.tables import ESTIMATED, as_json
from posture_cam.outputs.live import LiveOutput
from posture_cam.protocols import LiveVideoSource
from posture_cam.quiet import quiet
from posture_cam.records import Alert, Episode, Neutral, Observation, Pose, SessionSummary, SourceEvent
from posture_cam.session.analysis import AnalysisRequest, judge_poses
from posture_cam.session.analysis import analyze as run_analysis
from posture_cam.session.calibration import CalibrationRequest
from posture_cam.session.calibration import calibrate as run_calibration
from posture_cam.session.monitor import MonitorRequest
from posture_cam.session.monitor import monitor as run_monitor
from posture_cam.session.poses import Listener
from posture_cam.words import words_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Moment:
    """The judgement of one look.

    Attributes:
        timestamp_s: Seconds from the start.
        state: In a result, as known in hindsight; in a live run, as shown at that moment.
        score: 0 to 100, or None where nothing sagittal could be measured.
        view: The side the person is seen from, or None where nobody is seen.
        confidence: The model's confidence, 0 to 1, or None where nobody is seen.
        values: Measures in the unit of their name; what cannot be measured is left out.
        errors: Half the width of the 90 % interval, for measures that have one.
        reason: Why nothing was judged, or None.
        alert: The alert given to the user at that moment; live runs only.
    """

    timestamp_s: float
    state: State
    score: int | None
    view: View | None
    confidence: float | None
    values: Mapping[Measure, float]
    errors: Mapping[Measure, float]
    reason: Reason | None = None
    alert: Alert | None = None

    @classmethod
    def of(cls, observation: Observation) -> Moment:
        """The moment of an observation, without its landmarks."""
        assessment, measures = observation.assessment, observation.measures
        is_seen = observation.sample.pose is not None
        return cls(
            assessment.timestamp_s,
            assessment.state,
            assessment.score,
            measures.view if is_seen else None,
            measures.confidence if is_seen else None,
            dict(measures.values),
            dict(measures.errors),
            assessment.reason,
            observation.alert,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an analysis.

    Attributes:
        summary: The summary of the recording.
        moments: Every look, in order of time.
    """

    summary: SessionSummary
    moments: tuple[Moment, ...] = field(repr=False)

    @property
    def score(self) -> int | None:
        """0 to 100, the mean over the judged time, or None."""
        return self.summary.score

    @property
    def seconds(self) -> Mapping[State, float]:
        """How long each state lasted; states that did not occur are 0."""
        return {state: self.summary.seconds_by_state.get(state, 0.0) for state in State}

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Stretches of one state, in order, without gaps."""
        return self.summary.episodes

    def to_dict(self) -> dict[str, Any]:
        """The result as `posture-cam analyze --json` writes it, without `holds`, `course` and `content`."""
        return as_json(self.summary)

    def to_frame(self) -> pd.DataFrame:
        """A row for each moment, with the columns of the CSV; needs pandas.

        Raises:
            OutputError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise OutputError("pandas is not installed.", "pip install pandas") from error
        columns: dict[str, list[Any]] = {
            "timestamp_s": [one.timestamp_s for one in self.moments],
            "state": [one.state.value for one in self.moments],
            "score": [one.score for one in self.moments],
            "view": [one.view.value if one.view is not None else None for one in self.moments],
            "confidence": [one.confidence for one in self.moments],
            **{name.value: [one.values.get(name) for one in self.moments] for name in Measure},
            **{f"{name.value}_error": [one.errors.get(name) for one in self.moments] for name in ESTIMATED},
            "reason": [words_of(one.reason) if one.reason is not None else None for one in self.moments],
            "reason_id": [one.reason.value if one.reason is not None else None for one in self.moments],
        }
        words = ("state", "view", "reason", "reason_id")
        return pd.DataFrame(columns).astype({name: "float64" for name in columns if name not in words})


def analyze(
    path: str | Path,
    *,
    neutral: tuple[float, float] | None = None,
    profile: str | None = None,
    rate_hz: float | None = None,
    every_frame: bool = False,
    model: str = "full",
    estimator: bool = True,
    csv: str | Path | None = None,
    json: str | Path | None = None,
    video: str | Path | None = None,
    poses: str | Path | None = None,
    progress: Callable[[str, float, float | None], None] | None = None,
    verbose: bool = False,
) -> Result:
    """Analyse a recording, or recorded poses.

    Args:
        path: A video, or a file of recorded poses.
        neutral: The stretch in which the person sits well, start and end in seconds; found if not given.
        profile: The name of a stored neutral posture to use instead.
        rate_hz: Looks a second; if not given, up to 5 while something moves.
        every_frame: Look at every frame instead.
        model: full, lite, heavy, or the path of a model.
        estimator: Use the learned angle estimator; else formulas.
        csv: A file to write one row for each moment to.
        json: A file to write the result to.
        video: A file to write the annotated recording to.
        poses: A file to write the landmarks to.
        progress: Called with the name of the pass, the seconds done and the seconds in all.
        verbose: Let MediaPipe and FFmpeg write to stderr; otherwise drop their output during the call.

    Raises:
        SourceError: The recording cannot be read; NothingJudged where nothing in it could be judged.
        NeutralError: There is no such profile, or the person is not seen in the given stretch.
        ModelError: The pose model is missing, wrong, or cannot be fetched.
        OutputError: A file cannot be written.
        UsageError: Arguments that do not go together.
    """
    _check_stretch("neutral", neutral)
    moments: list[Moment] = []
    request = AnalysisRequest(
        path=Path(path),
        neutral_s=neutral,
        profile=profile,
        rate_hz=rate_hz,
        every_frame=every_frame,
        model=model,
        estimator=estimator,
        csv=_path(csv),
        json=_path(json),
        video=_path(video),
        poses=_path(poses),
    )
    listener = Listener() if progress is None else Listener(progress=progress)
    with quiet(verbose=verbose):
        summary = run_analysis(request, listener, seen=lambda one: moments.append(Moment.of(one)))
    return Result(summary, tuple(moments))


def _check_stretch(name: str, stretch: object) -> None:
    """Refuse anything but start and end in seconds, in that order."""
    if stretch is None:
        return
    if not (
        isinstance(stretch, (tuple, list))
        and len(stretch) == 2
        and all(isinstance(s, (int, float)) for s in stretch)
        and 0.0 <= stretch[0] < stretch[1]
    ):
        raise UsageError(
            f"{name} is no stretch of time.", f"Name start and end in seconds: {name}=(5.0, 12.0)"
        )


def judge(
    poses: Iterable[Pose],
    *,
    neutral: tuple[float, float] | None = None,
    profile: str | None = None,
    estimator: bool = True,
) -> Result:
    """Judge poses from any model, as `analyze` judges the poses of a recording.

    Args:
        poses: In order of time; MediaPipe's 33 landmarks each (world landmarks may be missing).
        neutral: The stretch in which the person sits well, start and end in seconds; found if not given.
        profile: The name of a stored neutral posture to use instead.
        estimator: Use the learned angle estimator; else formulas.

    Raises:
        SourceError: There are no poses, or their time does not advance; NothingJudged where none of them
            could be judged.
        NeutralError: There is no such profile, or the person is not seen in the given stretch.
        UsageError: `neutral` is not a stretch of time or too short, or a profile is named as well.
    """
    _check_stretch("neutral", neutral)
    moments: list[Moment] = []
    request = AnalysisRequest(Path("poses"), neutral_s=neutral, profile=profile, estimator=estimator)
    summary = judge_poses(poses, request, seen=lambda one: moments.append(Moment.of(one)))
    return Result(summary, tuple(moments))


def calibrate(
    recording: str | Path,
    profile: str = "default",
    *,
    at: tuple[float, float] | None = None,
    slouch_at: tuple[float, float] | None = None,
    model: str = "full",
    replace: bool = False,
    verbose: bool = False,
) -> Neutral:
    """Take a person's own neutral posture from a recording, or from recorded poses, and store it.

    Args:
        recording: A recording in which the person sits well for five seconds or more.
        profile: The name to store it under.
        at: The stretch in which the person sits well, start and end in seconds; found if not given.
        slouch_at: A stretch that shows the person's own slouch, so that limits fit the person.
        model: full, lite, heavy, or the path of a model.
        replace: Replace a stored posture even if the new one is worse.
        verbose: As for `analyze`.

    Raises:
        SourceError: The recording cannot be read.
        NeutralError: No steady upright posture is seen in it, or the stored one is better.
        ModelError: The pose model is missing, wrong, or cannot be fetched.
        OutputError: The profile cannot be written.
        UsageError: The name is not allowed, or a stretch is not start and end in seconds.
    """
    _check_stretch("at", at)
    _check_stretch("slouch_at", slouch_at)
    request = CalibrationRequest(
        profile, recording=Path(recording), at_s=at, slouch_s=slouch_at, model=model, replace=replace
    )
    with quiet(verbose=verbose):
        return run_calibration(request).neutral


class Monitor(Closing):
    """A live run to iterate over; yields each moment as it is judged.

        with posture_cam.Monitor(0) as live:
            for moment in live:
                print(moment.state, moment.score)

    Nothing is stored, shown or spoken unless you do it.

    Args:
        source: A camera's number, the address of a stream, the path of a recording, or a source of your own.
        profile: The neutral posture; with None, the profile that belongs to the source, if there is one.
        realtime: Play a recording at its own pace.
        model: full, lite, heavy, or the path of a model.
        verbose: As for `analyze`.

    Attributes:
        summary: The summary of the run, once it is over.
    """

    def __init__(
        self,
        source: int | str | Path | LiveVideoSource = 0,
        *,
        profile: str | None = None,
        realtime: bool = False,
        model: str = "full",
        verbose: bool = False,
    ) -> None:
        self._is_verbose = verbose
        if isinstance(source, int) and source < 0:
            raise UsageError(f"There is no camera {source}.", "posture-cam cameras lists them.")
        is_own = not isinstance(source, (int, str, Path))
        self._own: LiveVideoSource | None = source if is_own else None  # type: ignore[assignment]
        spec: Any = 0 if is_own else source
        if isinstance(spec, str) and "://" not in spec:
            spec = Path(spec)
        self._request = MonitorRequest(
            spec, datetime.now().astimezone(), realtime=realtime, profile=profile, model=model
        )
        self._moments: queue.SimpleQueue[Moment | BaseException | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_over = False
        self.summary: SessionSummary | None = None
        self.events: list[SourceEvent] = []

    def __iter__(self) -> Iterator[Moment]:
        """The moments in order of time, until the source ends or `stop` is called; then there are no more.

        Raises:
            PostureCamError: The reason why the run could not start or continue.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)
            self._thread.start()
        while not self._is_over:
            item = self._moments.get()
            self._is_over = item is None or isinstance(item, BaseException)
            if isinstance(item, BaseException):
                raise item
            if item is not None:
                yield item

    def stop(self) -> None:
        """End the run; moments that were judged before are still yielded."""
        self._stop.set()

    def _watch(self) -> None:
        try:
            with quiet(verbose=self._is_verbose):
                self.summary = run_monitor(
                    self._request,
                    load_config({}).settings(),
                    [_Passing(self._moments, self.events)],
                    source=self._own,
                    should_stop=self._stop.is_set,
                )
        except BaseException as error:
            self._moments.put(error)
        else:
            self._moments.put(None)

    def close(self) -> None:
        """End the run, and wait until the camera is released."""
        self.stop()
        if self._thread is not None:
            self._thread.join()


class _Passing(LiveOutput):
    """Hands each moment on to the iterator."""

    def __init__(
        self, moments: queue.SimpleQueue[Moment | BaseException | None], events: list[SourceEvent]
    ) -> None:
        self._moments, self._events = moments, events

    def write(self, observation: Observation) -> None:
        """Take what was judged just now."""
        self._moments.put(Moment.of(observation))

    def tell(self, event: SourceEvent) -> None:
        """Take something that happened to the source."""
        self._events.append(event)


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
