"""The history of earlier runs: the user's own database, on this machine."""

from posture_cam.history.activities import (
    KeptCheckIn,
    KeptExercise,
    correct_check_in,
    correct_exercise,
    keep_check_in,
    keep_exercise,
    keep_programme,
    stop_programme,
)
from posture_cam.history.database import erase
from posture_cam.history.days import day_at, day_bounds_s, today, zone_name, zone_of
from posture_cam.history.reading import Figures, History
from posture_cam.history.runs import KeptRun, RunFacts, RunUpdate
from posture_cam.history.writing import RunGone, Writer

__all__ = [
    "Figures",
    "History",
    "KeptCheckIn",
    "KeptExercise",
    "KeptRun",
    "RunFacts",
    "RunGone",
    "RunUpdate",
    "Writer",
    "correct_check_in",
    "correct_exercise",
    "day_at",
    "day_bounds_s",
    "erase",
    "keep_check_in",
    "keep_exercise",
    "keep_programme",
    "stop_programme",
    "today",
    "zone_name",
    "zone_of",
]
