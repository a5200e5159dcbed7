"""posture_cam: a posture checker for people at a desk.

From Python: `posture_cam.analyze(path)`, `posture_cam.Monitor(source)`, and the records they speak in; see
docs/library.md.  Everything is loaded when it is first asked for, as MediaPipe takes its time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posture_cam.api import Moment as Moment
    from posture_cam.api import Monitor as Monitor
    from posture_cam.api import Result as Result
    from posture_cam.api import analyze as analyze
    from posture_cam.errors import NothingJudged as NothingJudged
    from posture_cam.errors import PostureCamError as PostureCamError
    from posture_cam.records import Measure as Measure
    from posture_cam.records import Reason as Reason
    from posture_cam.records import State as State
    from posture_cam.records import View as View

__version__ = "0.1.0"

_HOME = {
    "Measure": "records",
    "Moment": "api",
    "Monitor": "api",
    "NothingJudged": "errors",
    "PostureCamError": "errors",
    "Reason": "records",
    "Result": "api",
    "State": "records",
    "View": "records",
    "analyze": "api",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Public names, loaded when they are first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Public names and submodules."""
    return sorted({*globals(), *_HOME})
