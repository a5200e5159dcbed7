"""Live monitoring: chooses the source and its neutral posture, and puts the run together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from posture_cam.care.exercises import ExerciseDone
from posture_cam.care.permission import Permission
from posture_cam.errors import NeutralError
from posture_cam.pose import open_estimator
from posture_cam.profiles import all_of, is_same_camera, load_profile, profile_names
from posture_cam.protocols import Keeper, LiveSink, LiveVideoSource
from posture_cam.records import Neutral, SessionSummary
from posture_cam.session.live_run import LiveRun
from posture_cam.session.neutrals import fitting
from posture_cam.settings import Settings

DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class MonitorRequest:
    """A request to watch a source.

    Attributes:
        source: A camera's number, a stream's address, or a recording.
        realtime: Play a recording at its own pace.
        every_s: Look for two seconds once in this time, with the camera off between; None looks all the time.
        profile: The name of the neutral posture; None takes the profile that fits the camera, if any.
        model: full, lite, heavy, or a path.
        estimator: Use the learned angle estimator instead of formulas.
        eco: Whether to look less often; asked repeatedly, as a laptop may be unplugged.
        started_at: The time of day at the start, with its zone.
    """

    source: int | str | Path
    started_at: datetime
    realtime: bool = False
    every_s: float | None = None
    profile: str | None = None
    model: str = "full"
    estimator: bool = True
    eco: Callable[[], bool] = lambda: False


def monitor(
    request: MonitorRequest,
    settings: Settings,
    sinks: Sequence[LiveSink],
    *,
    source: LiveVideoSource | None = None,
    keeper: Keeper | None = None,
    took: Callable[[ExerciseDone, float], None] = lambda _done, _began_s: None,
    permission: Callable[[], Permission] = Permission,
    should_stop: Callable[[], bool] = lambda: False,
    download: Callable[[str, int, int], None] | None = None,
) -> SessionSummary:
    """Watch until asked to stop, or until a recording ends.

    Args:
        request: What to watch.
        settings: All settings.
        sinks: The outputs; they also supply commands.
        source: A source of your own, used instead of the one that the request names.
        keeper: Stores the run.
        took: Called with an exercise that was offered with a break and seen done, and when it began.
        permission: Which exercises and tips may be offered to the person; called for each offer.
        should_stop: Asked many times a second.
        download: Called while a model is fetched.

    Raises:
        SourceError: The source cannot be opened at the start.
        NeutralError: There is no such profile, or there are several and none fits.
        ModelError: A model is missing, wrong, or cannot be fetched.
    """
    # Slow to import.
    from posture_cam.source import device_name
    from posture_cam.source.displays import display_count

    profile_name, neutral = choose_profile(request)
    if request.every_s is not None:
        # What is seen in a look stands for the time until the next.
        sampling = settings.sampling.model_copy(update={"max_gap_s": 1.2 * request.every_s})
        settings = settings.model_copy(update={"sampling": sampling})
    with ExitStack() as stack:
        opened = source or _opened(request.source, settings, realtime=request.realtime)
        source = stack.enter_context(opened)
        # Slow to import.
        from posture_cam.pose.room import BackgroundWatch
        from posture_cam.session.looking import Looking

        landmarker = stack.enter_context(
            open_estimator(request.model, settings, is_sparse=True, progress=download)
        )
        run = LiveRun(
            settings=settings,
            sinks=sinks,
            source=source,
            estimator=landmarker,
            looking=Looking(settings, settings.motion.look_every_s),
            background=BackgroundWatch(settings.background),
            profile_name=profile_name,
            neutral=neutral,
            has_estimator=request.estimator,
            eco=request.eco,
            started_at=request.started_at,
            keeper=keeper,
            took=took,
            permission=permission,
            displays=display_count,
            every_s=request.every_s,
            device=device_name(request.source) if isinstance(request.source, int) else "",
        )
        return run.watch(should_stop)


def choose_profile(request: MonitorRequest) -> tuple[str, Neutral | None]:
    """The neutral posture to compare with, and the name that a new one would get.

    Raises:
        NeutralError: There is no such profile, or there are several and none belongs to this source.
    """
    names = [request.profile] if request.profile is not None else profile_names()
    if not names:
        return DEFAULT_PROFILE, None
    from posture_cam.source import device_name, source_name
    from posture_cam.source.displays import display_count

    device = device_name(request.source) if isinstance(request.source, int) else ""
    here = request.source.name if isinstance(request.source, Path) else source_name(request.source)
    if len(names) == 1 or DEFAULT_PROFILE in names:
        name = DEFAULT_PROFILE if DEFAULT_PROFILE in names else names[0]
        return name, fitting(load_profile(name), here, display_count(), device)
    of_here = []
    for name in names:
        with suppress(NeutralError):  # a damaged profile does not block the others
            if any(is_same_camera(one, here, device) for one in all_of(load_profile(name))):
                of_here.append(name)
    if len(of_here) == 1:
        return of_here[0], fitting(load_profile(of_here[0]), here, display_count(), device)
    raise NeutralError(
        f"{len(names)} profiles are stored, and it is not clear which one belongs to {here}.",
        f"Name one: --profile {' | '.join(of_here or names)}",
    )


def _opened(spec: int | str | Path, settings: Settings, *, realtime: bool) -> LiveVideoSource:
    from posture_cam.source import LiveSource, PlayedFile, camera_users, open_device, source_name

    if isinstance(spec, Path):
        return PlayedFile(spec, realtime=realtime)
    users = (lambda: camera_users(spec)) if isinstance(spec, int) else dict
    return LiveSource(lambda: open_device(spec), settings.live, name=source_name(spec), users=users)
