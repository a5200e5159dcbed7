"""Days and zones: stored times are UTC, and days are those of local time.

A day therefore has 23 or 25 hours when summer time begins or ends, and no hour is lost or counted twice.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import tzlocal

_OFFSET = re.compile(r"UTC([+-])(\d\d):(\d\d)")


def zone_name(now: datetime | None = None) -> str:
    """The local zone, such as `Europe/Berlin`; an offset such as `UTC+01:00` if the zone has no name."""
    offset = (now or datetime.now(UTC)).astimezone().utcoffset() or timedelta(0)
    try:
        name = tzlocal.reload_localzone() and tzlocal.get_localzone_name()
        if name and (now or datetime.now(UTC)).astimezone(ZoneInfo(name)).utcoffset() == offset:
            return name
    except Exception:  # system settings can be odd in many ways; the offset is always known
        pass
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def zone_of(name: str) -> tzinfo:
    """The zone for a name returned by `zone_name`; UTC if this machine does not know the name."""
    if match := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if offset >= timedelta(days=1):  # not a possible offset
            return UTC
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        return UTC
    except KeyError:
        return UTC


def day_bounds_s(day: date, zone: tzinfo) -> tuple[float, float]:
    """Start and end of a day in a zone, as seconds since 1970 in UTC."""
    start, end = (datetime(one.year, one.month, one.day, tzinfo=zone) for one in (day, _next(day)))
    return start.timestamp(), end.timestamp()


def day_at(utc_s: float, zone: tzinfo) -> date:
    """The day that a moment belongs to."""
    return datetime.fromtimestamp(utc_s, UTC).astimezone(zone).date()


def today() -> date:
    """The current local day."""
    return datetime.now().astimezone().date()


def _next(day: date) -> date:
    return day + timedelta(days=1)
