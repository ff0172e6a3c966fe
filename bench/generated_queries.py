"""Queries that are drawn from the schema with a seed, for `bench.generated_work`.

Each has one or two root fields, objects up to some levels below, and arguments of its own. Ids are
of objects that the caller may see.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
)

from bench.work_shape import Facts

_LEVELS, _MOST_FIRST, _MOST_FIRST_BELOW, _MOST_IDS = 4, 200, 20, 50
_GIVEN, _OBJECTS_AGAIN = 0.25, 0.5
"""The chance of an argument that may be left out, and of one more object field."""
_MOST_SCALARS = 8
_OFTEN = ("athlete", "activity", "activities", "athletes", "leaderboard", "nodes")
"""Root fields with rows below them."""
_LEFT_OUT = frozenset({"after", "before", "last"})
"""Arguments of pages before and behind others: their cursors are of one order each."""
_NUMBERS = {
    "first": (1, _MOST_FIRST), "maxPoints": (1, 500), "days": (1, 366), "precision": (4, 6),
    "age": (18, 80), "minAge": (18, 60), "maxAge": (30, 90), "elapsedTimeSeconds": (800, 2000),
    "distanceMeters": (3000, 9000), "minDistanceMeters": (1000, 12_000),
    "maxDistanceMeters": (5000, 30_000), "from": (0, 3000), "until": (1000, 7200),
}  # fmt: skip
_TEXTS = {
    "nameContains": ("run", "evening", "no such title", "19"), "country": ("PT", "NO", "DE"),
    "name": ("Activity",),
}  # fmt: skip
_WORDS = ("Run", "Ride", "Sailing")


class GeneratedQueries:
    """Draws queries. The same seed gives the same ones."""

    def __init__(self, schema: GraphQLSchema, facts: Facts, seed: int) -> None:
        self._schema, self._facts, self._random = schema, facts, Random(seed)

    def __iter__(self) -> Iterator[str]:
        root = self._schema.query_type
        assert root is not None
        while True:
            names = {
                self._random.choice((*_OFTEN * 3, *sorted(root.fields)))
                for _ in range(self._random.choice((1, 1, 2)))
            }
            fields = (self._field(name, root.fields[name], 1) for name in sorted(names))
            yield "{ " + " ".join(each for each in fields if each) + " }"

    def _field(self, name: str, declared: GraphQLField, level: int) -> str:
        arguments = self._arguments(name, declared.args, level)
        return f"{name}{arguments}{self._selection(get_named_type(declared.type), level)}"

    def _selection(self, of: Any, level: int) -> str:
        """Select some fields of a type; nothing of a scalar."""
        if isinstance(of, GraphQLInterfaceType | GraphQLUnionType):
            below = self._selection(self._schema.type_map["Activity"], level)
            return f" {{ __typename ... on Activity{below} }}"  # ids of `node` are of activities
        if not isinstance(of, GraphQLObjectType):
            return ""
        selected = [*self._scalars(of)]
        selected += (
            self._field(name, of.fields[name], level + 1) for name in self._objects(of, level)
        )
        return f" {{ {' '.join(selected or ['__typename'])} }}"

    def _scalars(self, of: GraphQLObjectType) -> list[str]:
        names = [name for name, each in of.fields.items() if not _is_object(each)]
        most = min(len(names), _MOST_SCALARS)
        chosen = self._random.sample(names, self._random.randint(min(1, most), most))
        return [self._field(name, of.fields[name], _LEVELS) for name in chosen]

    def _objects(self, of: GraphQLObjectType, level: int) -> list[str]:
        names = [name for name, each in of.fields.items() if _is_object(each)]
        is_page = of.name.endswith(("Connection", "Edge"))
        if level >= _LEVELS and not is_page:
            return []
        if is_page:  # of the same entries, one way to them
            names = ["nodes"] if "nodes" in names else names
        chosen = []
        while names and ((is_page and not chosen) or self._random.random() < _OBJECTS_AGAIN):
            chosen.append(names.pop(self._random.randrange(len(names))))
        return chosen

    def _arguments(self, field: str, declared: dict[str, GraphQLArgument], level: int) -> str:
        given = [
            f"{name}: {self._value(name, each.type, level, field)}"
            for name, each in declared.items()
            if name not in _LEFT_OUT and self._is_given(name, each)
        ]
        return f"({', '.join(given)})" if given else ""

    def _is_given(self, name: str, declared: GraphQLArgument | GraphQLInputField) -> bool:
        is_required = isinstance(declared.type, GraphQLNonNull) and (
            declared.default_value is Undefined
        )
        return is_required or name == "first" or self._random.random() < _GIVEN

    def _value(self, name: str, kind: Any, level: int, field: str) -> str:
        """Write a value of an argument of a field, or of an input's member."""
        if isinstance(kind, GraphQLNonNull):
            return self._value(name, kind.of_type, level, field)
        if isinstance(kind, GraphQLList):
            most = _MOST_IDS if name == "ids" else 3
            items = (
                self._value(name, kind.of_type, level, field)
                for _ in range(self._random.randint(1, most))
            )
            return f"[{', '.join(dict.fromkeys(items))}]"
        if isinstance(kind, GraphQLEnumType):
            return self._random.choice(sorted(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            members = (
                f"{member}: {self._value(member, each.type, level, field)}"
                for member, each in kind.fields.items()
                if self._is_given(member, each)
            )
            return f"{{ {', '.join(members)} }}"
        return self._scalar(name, kind.name, level, field)

    def _scalar(self, name: str, kind: str, level: int, field: str) -> str:
        draw = self._random
        match kind:
            case "ID":
                return f'"{self._id(name, field)}"'
            case "Boolean":
                return draw.choice(("true", "false"))
            case "Int" | "Float":
                least, most = _NUMBERS.get(name, (1, 100))
                if name == "first" and level > 1:
                    most = _MOST_FIRST_BELOW
                return str(draw.randint(least, most))
            case "Date":
                return f'"{draw.randint(1990, 2026)}-{draw.randint(1, 12):02}-01"'
            case "DateTime":
                return f'"{draw.randint(1990, 2026)}-{draw.randint(1, 12):02}-01T00:00:00Z"'
            case _:
                return f'"{draw.choice(_TEXTS.get(name, _WORDS))}"'

    def _id(self, name: str, field: str) -> str:
        facts = self._facts
        by_name = {
            "gear": facts.gear,
            "athleteId": facts.athlete,
            "activityId": facts.activities[0],
        }
        by_field = {"athlete": facts.athlete, "job": facts.job}
        return by_name.get(name) or by_field.get(field) or self._random.choice(facts.activities)


def _is_object(declared: GraphQLField) -> bool:
    return isinstance(
        get_named_type(declared.type), GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
    )
