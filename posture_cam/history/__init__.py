"""What was kept of earlier runs: a database of the user's own, on this machine."""

from posture_cam.history.database import erase
from posture_cam.history.days import day_at, day_bounds_s, today, zone_name, zone_of
from posture_cam.history.reading import Figures, History
from posture_cam.history.writing import Batch, KeptRun, RunFacts, RunGone, Writer

__all__ = [
    "Batch",
    "Figures",
    "History",
    "KeptRun",
    "RunFacts",
    "RunGone",
    "Writer",
    "day_at",
    "day_bounds_s",
    "erase",
    "today",
    "zone_name",
    "zone_of",
]
