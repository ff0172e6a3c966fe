"""The data of a query, put together from the answers of its root fields."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from graph.cache.entry import Answer, CacheEntry, CacheRequest
from graph.plan.selection import SelectedField


@dataclass(slots=True)
class PlannedData:
    """An operation's data: its JSON in parts, and the number of objects without the root.

    `points` are those of streams among `objects`; 0 where that is not known, as in the cache.
    `public_s` is for how many seconds shared caches may keep the answer, None if it is for the
    caller only. `age_s` is its age already.
    """

    parts: list[bytes]
    objects: int
    public_s: int | None = None
    age_s: int = 0
    points: int = 0


def from_answers(roots: list[SelectedField], answers: Sequence[Answer]) -> PlannedData:
    bodies = [each.body for each in answers]
    objects = sum([each.objects for each in answers]) + _count_nulls(roots, bodies)
    points = sum([each.points for each in answers])
    return PlannedData(_object(roots, bodies), objects, points=points)


def from_entries(
    roots: list[SelectedField],
    entries: Sequence[CacheEntry],
    requests: Sequence[CacheRequest | None],
) -> PlannedData:
    bodies = [entry.body for entry in entries]
    objects = sum(entry.objects for entry in entries) + _count_nulls(roots, bodies)
    if any(each is None or each.is_stored for each in requests):
        return PlannedData(_object(roots, bodies), objects)
    return PlannedData(
        _object(roots, bodies),
        objects,
        int(min(entry.lifetime_s for entry in entries)),
        int(max(entry.age_s for entry in entries)),
    )


def _object(roots: list[SelectedField], answers: Sequence[bytes]) -> list[bytes]:
    """Write the object of the root fields' answers, in parts: large answers are not copied."""
    parts: list[bytes] = []
    for selected, answer in zip(roots, answers, strict=True):
        parts += [b'%b"%b":' % (b"," if parts else b"{", selected.response_name.encode()), answer]
    return [*parts, b"}"] if parts else [b"{}"]


def _count_nulls(roots: list[SelectedField], bodies: Sequence[bytes]) -> int:
    """Count the nulls in lists: only `nodes` has any."""
    return sum(
        orjson.loads(body).count(None)
        for selected, body in zip(roots, bodies, strict=True)
        if selected.name == "nodes" and b"null" in body
    )
