"""Completion in the shell: names of profiles, exercises and cameras."""

from __future__ import annotations

from contextlib import suppress


def profiles(incomplete: str) -> list[str]:
    """Stored neutral postures."""
    from posture_cam.errors import PostureCamError
    from posture_cam.profiles import profile_names

    with suppress(PostureCamError, OSError):
        return [name for name in profile_names() if name.startswith(incomplete)]
    return []


def exercises(incomplete: str) -> list[tuple[str, str]]:
    """Exercises, with what each is called."""
    from posture_cam.care.exercises import load_exercises

    return [(one.name, one.title) for one in load_exercises() if one.name.startswith(incomplete)]


def cameras(incomplete: str) -> list[tuple[str, str]]:
    """Cameras by number, with their names; this switches none of them on."""
    from posture_cam.source import list_cameras

    with suppress(Exception):  # whatever a driver does, the shell must go on
        return [
            (str(one.number), one.name) for one in list_cameras() if str(one.number).startswith(incomplete)
        ]
    return []
