"""Reads the samples of a usual answer of Strava into arrays, without an object for each number.

Usual is an answer whose columns are of one length and hold numbers only. All others are for
`strava/stream_payload.py`, which also says what is wrong with them.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import simdjson

from athletics.columns import Floats
from strava.stream_keys import STREAM_KEYS

PLACES = "latlng"
_PLACE = 2  # numbers
_OF_NUMBERS = b"0123456789+-.eE \t\r\n"


def plain_columns(body: bytes) -> Mapping[str, Floats] | None:
    """Read the columns of an answer by Strava's keys; None unless it is a usual one.

    The numbers of places stand one after the other: a latitude, its longitude, the next latitude.
    """
    try:
        answer: Any = simdjson.Parser().parse(body)
        if not isinstance(answer, simdjson.Object):
            return None
        streams: Any = answer
        arrays = {key: streams[key]["data"] for key in STREAM_KEYS if key in streams}
        lists = {key: each for key, each in arrays.items() if isinstance(each, simdjson.Array)}
        columns = {
            key: np.frombuffer(each.as_buffer(of_type="d"), np.float64)
            for key, each in lists.items()
        }
    except (LookupError, RuntimeError, TypeError, ValueError):
        return None
    count = len(columns.get("time", ()))  # of the list, simdjson would count them one by one
    lengths = {len(each) / (_PLACE if key == PLACES else 1) for key, each in columns.items()}
    # Lists within lists are flattened: there must be none but pairs of places.
    places = count if PLACES in columns else 0
    opened = np.count_nonzero(np.frombuffer(body, np.uint8) == ord("["))
    is_flat = opened == len(arrays) + places and (not places or _has_pairs(body, places))
    if not (count and len(lists) == len(arrays) and lengths == {count} and is_flat):
        return None
    return columns


def _has_pairs(body: bytes, count: int) -> bool:
    """Whether the places of an answer are pairs of numbers."""
    begins = body.find(b"[", body.find(b'"data"', body.find(b'"%b"' % PLACES.encode())))
    ends = body.find(b'"', begins)  # the next key's; -1 leaves out the answer's last brace
    return body[begins:ends].translate(None, _OF_NUMBERS).startswith(_pairs(count))


@lru_cache(maxsize=8)
def _pairs(count: int) -> bytes:
    """The brackets and commas of a list of pairs."""
    return b"[%b]" % b",".join([b"[,]"] * count)
