"""Counts the objects in an answer, which are its actual cost."""

import re
from collections.abc import Mapping
from typing import Any

_BEGINNINGS = re.compile(rb'\{(?="[^,}\]])')
"""One literal byte, which a search finds fast, then what has to follow."""


def count_objects(data: Any) -> int:
    """Count the objects in an answer's data that have members, without its root.

    A null in a root field's list counts, as it took a look-up: `nodes` has one for an id without
    an object. Lists further below are of objects or of plain values.
    """
    pending: list[Any] = list((data or {}).values())
    found = sum(each.count(None) for each in pending if isinstance(each, list))
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            found += bool(value)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return found


def count_objects_in_json(json: bytes) -> int:
    """Count the objects in JSON that have members, without decoding it.

    An object begins with a brace and a quotation mark. A string that ends in a brace does too, but
    there punctuation follows the mark, which no member's name begins with.
    """
    return len(_BEGINNINGS.findall(json))
