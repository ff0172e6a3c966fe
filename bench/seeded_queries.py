"""Queries that follow from a seed, for pacegraph and its peers alike: `make bench QUERY_SEED=7`.

`make bench` has four documents, which a server could be tuned to. These differ with the seed: which
root, fields and relations, how many rows. The same query is written in the peers' schema and in
pacegraph's; `same_answer` says whether two answers tell the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from random import Random
from typing import Any

COUNT = 12
"""How many queries a seed gives."""

_HALF, _OFTEN = 0.5, 0.75
_HALF_A_MILLIMETER = 0.0005001

ATHLETE = {
    "firstname": "firstName",
    "lastname": "lastName",
    "sex": "sex",
    "birthDate": "birthDate",
    "city": "city",
    "country": "country",
}
ACTIVITY = {
    "name": "name",
    "sportType": "sportType",
    "startDate": "startedAt",
    "distance": "distanceMeters",
    "movingTime": "movingTimeSeconds",
    "elapsedTime": "elapsedTimeSeconds",
    "elevationGain": "elevationGainMeters",
    "averageHeartrate": "averageHeartRate",
    "ageGrade": "maxHeartRate",  # pacegraph grades efforts, no activities: a number for a number
}
BEST = {
    "distance": "distance",
    "elapsedTime": "elapsedTimeSeconds",
    "achievedAt": "achievedAt",
    "ageGrade": "ageGrade { percent }",
}
"""The peers' names of fields and pacegraph's."""
_NAMES: dict[str, dict[str, str]] = {
    "Query": {},
    "Athlete": ATHLETE,
    "Activity": ACTIVITY,
    "PersonalBest": BEST,
}

_COMPARED = frozenset(
    {"firstname", "lastname", "city", "country", "name", "distance", "movingTime", "elapsedTime",
     "elevationGain", "averageHeartrate"}
)  # fmt: skip
"""Fields whose values both schemas write alike, but for `distance` of a best, which has names of
its own in each."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Fields of one type, by the peers' names, and the relations below it.

    `below` is by field; its number is the argument `first`, None where the field takes none.
    """

    type_: str
    fields: tuple[str, ...]
    below: tuple[tuple[str, int | None, "Selection"], ...] = ()


def queries(seed: int) -> dict[str, Selection]:
    """Draw COUNT queries. The keys are S1, S2, …; each root is drawn equally often."""
    random = Random(seed)
    roots = ("athlete", "athletes", "activities")
    return {f"S{n + 1}": _root(random, roots[n % len(roots)]) for n in range(COUNT)}


def _root(random: Random, root: str) -> Selection:
    match root:
        case "athlete":
            below = (root, None, _athlete(random, most=100))
        case "athletes":
            below = (root, random.randint(5, 100), _athlete(random, most=20))
        case _:
            below = (root, random.randint(20, 1000), _activity(random, deep=_chance(random, _HALF)))
    return Selection("Query", (), (below,))


def _athlete(random: Random, most: int) -> Selection:
    below: list[tuple[str, int | None, Selection]] = []
    if _chance(random, _OFTEN):
        below.append(("activities", random.randint(2, most), _activity(random, deep=False)))
    if _chance(random, _OFTEN):
        below.append(("personalBests", None, _best(random)))
    return Selection("Athlete", _some(random, ATHLETE), tuple(below))


def _activity(random: Random, *, deep: bool) -> Selection:
    athlete = Selection("Athlete", _some(random, ATHLETE))
    return Selection("Activity", _some(random, ACTIVITY), (("athlete", None, athlete),) * deep)


def _best(random: Random) -> Selection:
    below = (("activity", None, _activity(random, deep=False)),) if _chance(random, _HALF) else ()
    return Selection("PersonalBest", _some(random, BEST), below)


def _chance(random: Random, share: float) -> bool:
    return random.random() < share


def _some(random: Random, names: Iterable[str]) -> tuple[str, ...]:
    ordered = list(names)
    return tuple(sorted(random.sample(ordered, random.randint(1, len(ordered)))))


def peer_text(query: Selection) -> str:
    """Write a query in the peers' schema."""
    return _document(query, _peer_fields(query))


def own_text(query: Selection) -> str:
    """Write a query in pacegraph's schema."""
    return _document(query, _own_fields(query))


def _document(query: Selection, fields: str) -> str:
    is_of_one = query.below[0][0] == "athlete"
    return f"{'query ($id: ID!) ' if is_of_one else ''}{{ {fields} }}\n"


def _arguments(query: Selection, field: str, first: int | None) -> str:
    if query.type_ == "Query" and field == "athlete":
        return "(id: $id)"
    return "" if first is None else f"(first: {first})"


def _peer_fields(query: Selection) -> str:
    parts = [*_id(query), *query.fields]
    for field, first, below in query.below:
        parts.append(f"{field}{_arguments(query, field, first)} {{ {_peer_fields(below)} }}")
    return " ".join(parts)


def _own_fields(query: Selection) -> str:
    parts = [*_id(query), *(_NAMES[query.type_][field] for field in query.fields)]
    for field, first, below in query.below:
        inner = _own_fields(below)
        if first is not None:
            inner = f"nodes {{ {inner} }}"
        parts.append(f"{field}{_arguments(query, field, first)} {{ {inner} }}")
    return " ".join(parts)


def _id(query: Selection) -> list[str]:
    return [] if query.type_ == "Query" else ["id"]


def same_answer(query: Selection, own: Any, peer: Any) -> bool:
    """Whether the data of two answers tell the same, as far as both schemas write it alike.

    Ids, dates and enums are left out: each schema has its own. `activities` of all athletes is only
    counted: pacegraph lists the newest first, the peers by number.
    """
    field, first, below = query.below[0]
    if field == "activities":
        return len(own[field]["nodes"]) == len(peer[field]) == first
    return _same(below, _nodes(own[field], first), peer[field])


def _nodes(value: Any, first: int | None) -> Any:
    return value if first is None else value["nodes"]


def _same(query: Selection, own: Any, peer: Any) -> bool:
    if isinstance(peer, list):
        return len(own) == len(peer) and all(map(_same, [query] * len(peer), own, peer))
    if own is None or peer is None:
        return own is peer
    names = _NAMES[query.type_]
    compared = [
        field
        for field in query.fields
        if field in _COMPARED and (query.type_, field) != ("PersonalBest", "distance")
    ]
    return all(_equal(own[names[field]], peer[field]) for field in compared) and all(
        _same(below, _nodes(own[field], first), peer[field]) for field, first, below in query.below
    )


def _equal(own: Any, peer: Any) -> bool:
    """Whether two values are the same; pacegraph rounds numbers to at least 3 decimals."""
    if isinstance(own, int | float) and isinstance(peer, int | float):
        return isclose(own, peer, rel_tol=0, abs_tol=_HALF_A_MILLIMETER)
    return bool(own == peer)


def write(seed: int, folder: Path) -> Sequence[str]:
    """Write the queries of a seed to `folder`/peer and `folder`/pacegraph; returns their names."""
    drawn = queries(seed)
    for schema, text in (("peer", peer_text), ("pacegraph", own_text)):
        (folder / schema).mkdir(parents=True, exist_ok=True)
        for name, query in drawn.items():
            (folder / schema / f"{name}.graphql").write_text(text(query))
    return list(drawn)
