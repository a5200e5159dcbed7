"""The history in a browser: read-only, on this machine alone.

Other programs, other users of the machine and pages open in the same browser must not be able to read it.
Only the loopback address is bound, the host header must name it (a foreign name that points here is refused),
and every address begins with a random token.  Nothing is written, and no page can be embedded or run foreign
code.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture_cam.errors import NeutralError, OutputError, PostureCamError, UsageError
from posture_cam.history import History, today
from posture_cam.outputs.report import Report, care_of, day_parts, environment
from posture_cam.outputs.report.page import style
from posture_cam.profiles import load_profile, profile_names
from posture_cam.runlog import Sitting, totals
from posture_cam.words import duration_words, parse_day, sentence, words_for, words_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
_WEEKS = 8
# A running monitor writes every five seconds; older entries are not shown as the present.
_NOW_WITHIN_S = 20.0
# While a page is open, charts are redrawn at most this often, and for at most a twentieth of the time.
_BODY_EVERY_S = 10.0
_BODY_SHARE = 0.05
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MISSING = "pip install starlette uvicorn"


class Pages:
    """The content of each address; every call reads the history again.

    Args:
        root: The start of every address, such as `/TOKEN`.
        path: The database; None for the user's own.
        now_utc_s: The time, seconds since 1970.
    """

    def __init__(
        self, root: str, path: Path | None = None, now_utc_s: Callable[[], float] = time.time
    ) -> None:
        self._root, self._path, self._now_utc_s = root, path, now_utc_s
        self._lock = threading.Lock()
        self._mark, self._body, self._version, self._due_s = "", "", 0, 0.0

    def today(self) -> str:
        """The page of today, which updates itself."""
        body, version = self._today_body()
        return self._page("today.html", "today", now=self._now(), body=body, version=version)

    def now(self) -> dict[str, Any]:
        """The part of today's page that is fetched every few seconds."""
        now = self._render("now.html", now=self._now())
        return {"now": now, "version": self._today_body()[1]}

    def today_body(self) -> str:
        """The changing part of today's page."""
        return self._today_body()[0]

    def days(self) -> str:
        """The page of all stored days."""
        with History.opened(self._path) as kept:
            figures = kept.figures()
        rows = [
            {
                "day": one.day,
                "judged": duration_words(one.judged_s),
                "good": f"{one.good_s / one.judged_s:.0%}".replace("%", " %") if one.judged_s > 0 else "–",
                "score": "–" if one.score is None else f"{one.score:.0f}",
                "good_width": f"{100 * one.good_s / one.judged_s:.1f}" if one.judged_s > 0 else "0",
            }
            for one in reversed(figures)
        ]
        return self._page("days.html", "days", rows=rows)

    def day(self, day: date) -> str | None:
        """The page of a day, or None if nothing is stored for it."""
        with History.opened(self._path) as kept:
            sitting = kept.sitting(day)
            days = kept.days()
            weeks = kept.weeks_before(day, _WEEKS)
            care = care_of(kept, day, day)
        if sitting is None:
            return None
        parts = day_parts(Report((sitting,), totals([sitting]), today(), tuple(weeks), **care))
        before = max((one for one in days if one < day), default=None)
        after = min((one for one in days if one > day), default=None)
        return self._page("day.html", "days", title=sitting.name, before=before, after=after, **parts)

    def profiles(self) -> str:
        """The stored neutral postures."""
        rows = []
        for name in profile_names():
            try:
                neutral = load_profile(name)
            except NeutralError as error:
                rows.append((name, "–", error.message, "", ""))
                continue
            size = "{} x {}".format(*neutral.image_size_wh)
            slouch = "taken" if neutral.slouch else "not taken"
            seen = f"{neutral.source}, from {words_of(neutral.view)}"
            rows.append((name, neutral.created_at[:10], seen, size, slouch))
        return self._page("profiles.html", "profiles", rows=rows)

    def trouble(self, message: str, hint: str) -> str:
        """A page that says what went wrong."""
        return self._page("trouble.html", "", message=message, hint=hint)

    def _today_body(self) -> tuple[str, int]:
        with self._lock, History.opened(self._path) as kept:
            day, mark = today(), kept.change_mark()
            began_s = time.monotonic()
            if f"{day} {mark}" == self._mark or (self._body and began_s < self._due_s):
                return self._body, self._version
            sitting = kept.sitting(day)
            if sitting is None:
                body = self._render("nothing.html", last=max(kept.days(), default=None))
            else:
                weeks = tuple(kept.weeks_before(day, _WEEKS))
                report = Report((sitting,), totals([sitting]), day, weeks, **care_of(kept, day, day))
                body = self._render("body.html", **day_parts(report))
            took_s = time.monotonic() - began_s
            self._due_s = began_s + max(_BODY_EVERY_S, took_s / _BODY_SHARE)
            self._mark, self._body = f"{day} {mark}", body
            self._version += 1
            return body, self._version

    def _now(self) -> dict[str, str] | None:
        """The state of a running monitor, or None where none is running."""
        with History.opened(self._path) as kept:
            sitting: Sitting | None = kept.sitting(today())
        if sitting is None or sitting.origin_s is None:
            return None
        running = [run for run in sitting.runs if run.how_it_ended == "running"]
        now_s = self._now_utc_s() - sitting.origin_s
        if not running or now_s - running[-1].end_s > _NOW_WITHIN_S:
            return None
        run = running[-1]
        spans = [span for span in sitting.spans if run.start_s <= span.start_s and span.end_s <= run.end_s]
        if not spans:
            return None
        last = max(spans, key=lambda span: span.end_s)
        words = f"for {duration_words(last.seconds)}"
        if last.reason is not None:
            words = f"{words_of(last.reason)}, {words}"
        return {
            "state": last.state.value,
            "name": sentence(words_for("state_in_report", last.state)),
            "words": words,
            "source": run.source,
            "time": sitting.time_at(run.end_s),
        }

    def _page(self, template: str, here: str, **values: Any) -> str:
        return self._render(template, here=here, **values)

    def _render(self, template: str, **values: Any) -> str:
        return environment().get_template(template).render(root=self._root, **values)


def application(token: str, port: int, path: Path | None = None) -> Any:
    """The ASGI application.

    Args:
        token: The first part of every address.
        port: The port that host headers must name.
        path: The database; None for the user's own.

    Raises:
        OutputError: The extra `dashboard` is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
        from starlette.routing import Route
    except ImportError as error:
        raise OutputError("The dashboard's web server is not installed.", _MISSING) from error

    pages = Pages(f"/{token}", path)
    script = resources.files("posture_cam").joinpath("pages", "dashboard.js").read_text("utf-8")
    sheet = style()

    def html(make: Callable[[Request], str | None]) -> Callable[[Request], Response]:
        def respond(request: Request) -> Response:
            try:
                page = make(request)
            except UsageError:
                page = None
            except PostureCamError as error:
                return HTMLResponse(pages.trouble(error.message, error.hint), 503)
            if page is None:
                return HTMLResponse(pages.trouble("Nothing is kept of that day.", "Choose another one."), 404)
            return HTMLResponse(page)

        return respond

    def now(_request: Request) -> Response:
        try:
            return JSONResponse(pages.now())
        except PostureCamError as error:
            return JSONResponse({"trouble": f"{error.message} {error.hint}"}, 503)

    def day(request: Request) -> str | None:
        return pages.day(parse_day(request.path_params["day"]))

    routes = {
        "/": html(lambda _: pages.today()),
        "/today": html(lambda _: pages.today_body()),
        "/now": now,
        "/days": html(lambda _: pages.days()),
        "/day/{day}": html(day),
        "/profiles": html(lambda _: pages.profiles()),
        "/style.css": lambda _: PlainTextResponse(sheet, media_type="text/css"),
        "/dashboard.js": lambda _: PlainTextResponse(script, media_type="text/javascript"),
    }
    inner = Starlette(
        routes=[Route(f"/{token}{place}", one, methods=["GET"]) for place, one in routes.items()]
    )
    return _Guard(inner, token, port)


class _Guard:
    """Lets a request through only if it names this host, begins with the token and only reads."""

    def __init__(self, inner: Any, token: str, port: int) -> None:
        self._inner, self._token = inner, token
        self._hosts = {f"{HOST}:{port}".encode(), f"localhost:{port}".encode()}
        if port == 80:  # browsers leave it out
            self._hosts |= {HOST.encode(), b"localhost"}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        hosts = [value.lower() for name, value in scope["headers"] if name == b"host"]
        given = scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else ""
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            await _refuse(send, 421, b"This address is not served here.\n")
        elif not secrets.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            await _refuse(send, 404, b"Not found. The address that posture-cam dashboard printed leads in.\n")
        elif scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, 405, b"Only reading is possible.\n")
        else:

            async def with_headers(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], *_header_list()]
                await send(message)

            await self._inner(scope, receive, with_headers)


async def _refuse(send: Any, status: int, words: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_header_list()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})


def _header_list() -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


@contextmanager
def serving(port: int = 0, path: Path | None = None) -> Iterator[str]:
    """Serve the dashboard while the block runs; yields its address.

    Args:
        port: 0 picks a free one.
        path: The database; None for the user's own.

    Raises:
        OutputError: The port is taken, or the extra `dashboard` is not installed.
    """
    token = secrets.token_urlsafe(24)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, port))
        except OSError as error:
            raise OutputError(
                f"Port {port} cannot be used ({error.strerror or error}).",
                "Choose another, or leave --port out.",
            ) from error
        port = listening.getsockname()[1]
        served = application(token, port, path)
        try:
            import uvicorn
        except ImportError as error:
            raise OutputError("The dashboard's web server is not installed.", _MISSING) from error
        server = uvicorn.Server(
            uvicorn.Config(
                served,
                log_level="error",
                access_log=False,  # addresses hold the token
                server_header=False,
                proxy_headers=False,
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        give_up_s = time.monotonic() + 10.0
        while not server.started and thread.is_alive() and time.monotonic() < give_up_s:
            time.sleep(0.01)
        if not server.started:
            raise OutputError("The dashboard did not start.", "Is the port allowed by your system?")
        try:
            yield f"http://{HOST}:{port}/{token}/"
        finally:
            server.should_exit = True
            with suppress(RuntimeError):
                thread.join(timeout=5.0)
