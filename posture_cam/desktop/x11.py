"""Two questions to an X server that Qt does not answer: a compositor, and windows that fill the screen."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_ANY_TYPE, _MOST_WORDS = 0, 64


def has_compositor() -> bool:
    """Whether windows can be transparent: a compositor owns a selection (EWMH, _NET_WM_CM_Sn)."""
    with suppress(OSError, AttributeError), _server() as (library, display):
        number = library.XDefaultScreen(display)
        atom = _atom(library, display, f"_NET_WM_CM_S{number}")
        return bool(library.XGetSelectionOwner(display, atom))
    return False


def answers() -> bool:
    """Whether an X server answers; where there is no library to ask with, Qt has to find out."""
    try:
        with _server():
            return True
    except AttributeError:
        return True
    except OSError as error:
        return "no X server" not in str(error)


def is_full_screen() -> bool:
    """Whether the active window fills the screen (EWMH, _NET_WM_STATE_FULLSCREEN)."""
    with suppress(OSError, AttributeError), _server() as (library, display):
        root = library.XDefaultRootWindow(display)
        active = _words(library, display, root, "_NET_ACTIVE_WINDOW")
        if active and active[0]:
            states = _words(library, display, active[0], "_NET_WM_STATE")
            return _atom(library, display, "_NET_WM_STATE_FULLSCREEN") in states
    return False


@contextmanager
def _server() -> Iterator[tuple[Any, ctypes.c_void_p]]:
    library: Any = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    library.XOpenDisplay.restype = ctypes.c_void_p
    library.XDefaultRootWindow.restype = library.XInternAtom.restype = ctypes.c_ulong
    library.XGetSelectionOwner.restype = ctypes.c_ulong
    # A window may go while it is asked about; the usual handler would end the program.
    handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: 0)
    library.XSetErrorHandler.restype = ctypes.c_void_p
    library.XSetErrorHandler.argtypes = [ctypes.c_void_p]
    display = ctypes.c_void_p(library.XOpenDisplay(None))
    if not display:
        raise OSError("no X server")
    before = library.XSetErrorHandler(ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield library, display
    finally:
        library.XCloseDisplay(display)
        library.XSetErrorHandler(before)


def _atom(library: Any, display: ctypes.c_void_p, name: str) -> int:
    return int(library.XInternAtom(display, name.encode(), 0))


def _words(library: Any, display: ctypes.c_void_p, window: int, name: str) -> list[int]:
    """A property of a window as numbers; empty where there is none."""
    kind, form = ctypes.c_ulong(), ctypes.c_int()
    count, rest = ctypes.c_ulong(), ctypes.c_ulong()
    data = ctypes.POINTER(ctypes.c_ulong)()
    library.XGetWindowProperty(
        display,
        ctypes.c_ulong(window),
        ctypes.c_ulong(_atom(library, display, name)),
        ctypes.c_long(0),
        ctypes.c_long(_MOST_WORDS),
        0,
        ctypes.c_ulong(_ANY_TYPE),
        ctypes.byref(kind),
        ctypes.byref(form),
        ctypes.byref(count),
        ctypes.byref(rest),
        ctypes.byref(data),
    )
    if not data:
        return []
    found = [int(data[place]) for place in range(count.value)] if form.value == 32 else []
    library.XFree(data)
    return found
