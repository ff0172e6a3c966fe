"""What an answer of Strava has to be as a whole, so that it is not another one by mistake.

All functions raise StravaUnreadable for an answer of another form.
"""

import json
from contextlib import suppress
from math import inf
from typing import Any

import orjson

from strava.errors import StravaUnreadable

_MOST_DIGITS = 100


def parsed(body: bytes) -> Any:
    """Read JSON of any kind. Raises StravaUnreadable, as all here."""
    with suppress(orjson.JSONDecodeError):  # NaN and the like, which Python's own reads, slowly
        return orjson.loads(body)
    try:
        return json.loads(body, parse_int=_whole_number)
    except (ValueError, RecursionError):
        pass
    raise StravaUnreadable("body", "is not JSON")


def non_empty_object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict) or not answer:
        raise StravaUnreadable("body", "is not an object with fields")
    return answer


def object_with_id(answer: object) -> dict[str, Any]:
    """The answer, which must be an object with an id: others have another form, such as errors."""
    found = non_empty_object(answer)
    if not _has_id(found):
        raise StravaUnreadable("body", "is not an object with an id")
    return found


def activity_detail(answer: object) -> dict[str, Any]:
    """The answer, an object with an id or with best efforts: these need no other field."""
    found = non_empty_object(answer)
    if not _has_id(found) and not isinstance(found.get("best_efforts"), list):
        raise StravaUnreadable("body", "is not an activity")
    return found


def list_of_objects_with_id(answer: object) -> list[Any]:
    """The answer, an empty list or one in which at least one item has an id."""
    if not isinstance(answer, list):
        raise StravaUnreadable("body", "is not a list")
    if answer and not any(map(_has_id, answer)):
        raise StravaUnreadable("body", "is not a list of things with an id")
    return answer


def stream_set(answer: object) -> dict[str, Any]:
    """The answer, an object of streams; empty where Strava has none."""
    if not answer:
        return {}
    if isinstance(answer, dict):
        for stream in answer.values():
            if isinstance(stream, dict) and "data" in stream:
                return answer
    raise StravaUnreadable("body", "is not an object of streams")


def _has_id(answer: object) -> bool:
    return isinstance(answer, dict) and answer.get("id") is not None


def _whole_number(digits: str) -> int | float:
    """Read a whole number; one with too many digits for Python costs only itself."""
    return int(digits) if len(digits) <= _MOST_DIGITS else inf
