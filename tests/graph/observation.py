"""What a viewer observes: every path to an athlete's rows asked, each answer taken apart into
fields, and what it cost.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql import get_named_type

from tests.graph.api import Api
from tests.graph.exposed_athlete import ExposedAthlete
from tests.graph.looked_at import Asked, Meter, Took
from tests.graph.walk import SCHEMA, call, fragment, node_types, selection

_CHANGING = {"remaining", "resetAt", "estimatedSecondsLeft", "lastUsedAt", "downloadUrl"}
"""Fields whose values are others a moment later: of them only whether there is one is looked at."""


@dataclass(frozen=True)
class Observation:
    """A field's value; an object's is its id, or True where it has none, and a list's a tuple.

    `of` is the id of the object, or of the nearest one around it that has an id; None for what
    hangs on no object.
    """

    type_name: str
    field: str
    value: Any
    of: str | None

    @property
    def is_something(self) -> bool:
        return (
            self.value is True
            if self.field in _CHANGING
            else self.value is not None and self.value != ()
        )


def queries_of_everything(exposed: ExposedAthlete) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the athlete's and every root field, with all that hangs on them, each with
    its variables: objects of a type are asked for by one text, which is read once.
    """
    for type_ in node_types():
        by_node = (
            "query($id: ID!) { node(id: $id) { __typename id "
            f"{fragment(type_, 1, distance='KM5')} }} }}"
        )
        root = {"Athlete": "athlete", "Activity": "activity", "Job": "job"}.get(type_.name)
        by_root = f"query($id: ID!) {{ {root}(id: $id) {{ {selection(type_, 0)} }} }}"
        for ids in (exposed.shown, exposed.hidden):
            for each in ids.get(type_.name, ()):
                yield by_node, {"id": each}
                if root:
                    yield by_root, {"id": each}
    for type_ in node_types():
        yield (
            f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename id {fragment(type_, -1)} }} }}",
            {"ids": sorted(exposed.ids)},
        )
    for name, field in SCHEMA.query_type.fields.items():
        if "id" not in field.args and "ids" not in field.args and name != "now":
            yield f"{{ {call(name, field)} {{ {selection(get_named_type(field.type), 1)} }} }}", {}


async def ask_everything(
    api: Api, token: str | None, exposed: ExposedAthlete
) -> list[dict[str, Any]]:
    """Ask all of it by plan and by graphql-core, which must say the same; gives the data."""
    answers = []
    for query, variables in queries_of_everything(exposed):
        planned, unplanned = (
            await api.answer(query, token, **variables),
            await api.answer_unplanned(query, token, **variables),
        )
        assert "errors" not in planned, planned
        assert _lasting(planned["data"]) == _lasting(unplanned["data"]), query
        answers.append(_lasting(planned["data"]))
    return answers


async def costs_of(meter: Meter, asked: Iterable[Asked]) -> list[Took]:
    """What each of these queries takes."""
    return [await meter.took(each) for each in asked]


def observations(answers: list[dict[str, Any]]) -> set[Observation]:
    return {
        each for answer in answers for each in _observe({"__typename": "Query", **answer}, None)
    }


def text_of(answers: list[dict[str, Any]]) -> str:
    return json.dumps(answers, ensure_ascii=False)


def _observe(found: dict[str, Any], around: str | None) -> Iterator[Observation]:
    of = found.get("id", around)
    for name, value in found.items():
        if name == "__typename":
            continue
        yield Observation(found["__typename"], name, _identity(value), of)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from _observe(each, of)


def _identity(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_identity(each) for each in value)
    if not isinstance(value, dict):
        return value
    return (
        tuple(_identity(each) for each in value["nodes"])
        if "nodes" in value
        else value.get("id", True)
    )


def _lasting(value: Any) -> Any:
    if isinstance(value, list):
        return [_lasting(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: each is not None if name in _CHANGING else _lasting(each)
        for name, each in value.items()
    }
