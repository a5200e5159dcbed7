"""posture_cam: a posture checker for people at a desk.

From Python: `posture_cam.analyze(path)`, `posture_cam.Monitor(source)`, and the records they return; see
docs/library.md.  Everything is loaded on first use, because MediaPipe is slow to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posture_cam.api import Moment as Moment
    from posture_cam.api import Monitor as Monitor
    from posture_cam.api import Result as Result
    from posture_cam.api import analyze as analyze
    from posture_cam.api import calibrate as calibrate
    from posture_cam.api import judge as judge
    from posture_cam.errors import HistoryError as HistoryError
    from posture_cam.errors import ModelError as ModelError
    from posture_cam.errors import NeutralError as NeutralError
    from posture_cam.errors import NothingJudged as NothingJudged
    from posture_cam.errors import OutputError as OutputError
    from posture_cam.errors import PostureCamError as PostureCamError
    from posture_cam.errors import SettingsError as SettingsError
    from posture_cam.errors import SourceError as SourceError
    from posture_cam.errors import UsageError as UsageError
    from posture_cam.ids import AlertKind as AlertKind
    from posture_cam.ids import Feature as Feature
    from posture_cam.ids import Label as Label
    from posture_cam.ids import Measure as Measure
    from posture_cam.ids import NeutralOrigin as NeutralOrigin
    from posture_cam.ids import Reason as Reason
    from posture_cam.ids import Stance as Stance
    from posture_cam.ids import State as State
    from posture_cam.ids import View as View
    from posture_cam.protocols import LiveVideoSource as LiveVideoSource
    from posture_cam.records import Alert as Alert
    from posture_cam.records import Correction as Correction
    from posture_cam.records import Episode as Episode
    from posture_cam.records import FaultTime as FaultTime
    from posture_cam.records import Frame as Frame
    from posture_cam.records import Neutral as Neutral
    from posture_cam.records import Pose as Pose
    from posture_cam.records import RoomPoints as RoomPoints
    from posture_cam.records import SessionSummary as SessionSummary
    from posture_cam.records import SourceEvent as SourceEvent
    from posture_cam.records import SourceInfo as SourceInfo
    from posture_cam.records import Statistic as Statistic
    from posture_cam.records import Tip as Tip

__version__ = "0.1.0"

_HOME = {
    "Alert": "records",
    "AlertKind": "ids",
    "Correction": "records",
    "Episode": "records",
    "FaultTime": "records",
    "Feature": "ids",
    "Frame": "records",
    "HistoryError": "errors",
    "Label": "ids",
    "LiveVideoSource": "protocols",
    "Measure": "ids",
    "ModelError": "errors",
    "Moment": "api",
    "Monitor": "api",
    "Neutral": "records",
    "NeutralError": "errors",
    "NeutralOrigin": "ids",
    "NothingJudged": "errors",
    "OutputError": "errors",
    "Pose": "records",
    "PostureCamError": "errors",
    "Reason": "ids",
    "Result": "api",
    "RoomPoints": "records",
    "SessionSummary": "records",
    "SettingsError": "errors",
    "SourceError": "errors",
    "SourceEvent": "records",
    "SourceInfo": "records",
    "Stance": "ids",
    "State": "ids",
    "Statistic": "records",
    "Tip": "records",
    "UsageError": "errors",
    "View": "ids",
    "analyze": "api",
    "calibrate": "api",
    "judge": "api",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Public names, loaded on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Public names and submodules."""
    return sorted({*globals(), *_HOME})
