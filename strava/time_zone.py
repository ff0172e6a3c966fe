"""The zone of an activity, as a name that any program knows.

Strava's `timezone` looks like "(GMT-03:00) America/Recife", but may be "Factory" or free text,
which JavaScript's Intl refuses. Its offset ignores daylight saving; the one between UTC and the
local time of the activity does not.
"""

import re
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_PREFIXED = re.compile(
    r"\s*(?:\((?:GMT|UTC)(?P<offset>[+-]\d{1,2}:\d{2})?\)\s*)?(?P<name>.*?)\s*", re.DOTALL
)
_HOUR = timedelta(hours=1)
_EASTERNMOST, _WESTERNMOST = timedelta(hours=14), timedelta(hours=-12)
_UTC = "UTC"
_NOT_OF_INTL = {"Factory"}


def time_zone(text: str | None, offset: timedelta | None) -> str:
    """The IANA name in Strava's `timezone`, else the zone of a fixed offset from UTC.

    `offset` is local time minus UTC; None: the text's own, if it has one. Whole hours become
    `Etc/GMT±n`, with the opposite sign: Etc/GMT-2 is two hours ahead of UTC. All else becomes UTC.
    """
    if zone := zone_name(text):
        return zone
    return _fixed(_stated(text) if offset is None else offset)


def offset_at(instant: datetime, text: str | None) -> timedelta | None:
    """How far the zone in Strava's `timezone` is ahead of UTC at an instant, in summer or winter.

    Without a name that is known, what the text states; None where that is nothing that can be.
    """
    if name := zone_name(text):
        return instant.astimezone(ZoneInfo(name)).utcoffset()
    stated = _stated(text)
    return stated if stated is not None and is_offset(stated) else None


def is_offset(offset: timedelta) -> bool:
    """Whether any zone has this offset from UTC."""
    return _WESTERNMOST <= offset <= _EASTERNMOST


def zone_name(text: str | None) -> str | None:
    """The IANA name in Strava's `timezone`; None where it holds none that all programs know."""
    match = _PREFIXED.fullmatch(text or "")
    return _zones().get(match["name"].casefold()) if match else None


def _fixed(offset: timedelta | None) -> str:
    if offset is None or offset % _HOUR or not offset or not is_offset(offset):
        return _UTC
    return f"Etc/GMT{-(offset // _HOUR):+d}"


def _stated(text: str | None) -> timedelta | None:
    match = _PREFIXED.fullmatch(text or "")
    if match is None or match["offset"] is None:
        return None
    hours, minutes = match["offset"][1:].split(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if match["offset"].startswith("-") else offset


@cache
def _zones() -> dict[str, str]:
    """Canonical spelling by the name in lower case."""
    names = files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return {name.casefold(): name for name in names if name not in _NOT_OF_INTL}
