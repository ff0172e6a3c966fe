"""What of a plan is cached: a root field's whole answer, and what it depends on.

Only what `KINDS` knows is cached. An answer lives as long as the shortest-lived kind in it, and is current as long as
the data it was read from: the caller's own where that is all they see, one athlete's where the root names one, else
everybody's.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from graphql import print_ast
from graphql.execution.values import VariableValues

from db.statements.visibility import Audience, Viewer
from graph.context import Caller as Requester
from graph.node import decode_node_id
from graph.plan.compile import declared
from graph.plan.selection import Field, variables_of
from graph.root import ById, Caller, Computed, NodesById
from graph.row_type import source_of
from graph.versions import ALL


class Kind(Enum):
    """Kinds of data that are cached each for its own time."""

    ATHLETES = "athletes"
    AGE_GRADES = "age grades"
    ACTIVITIES = "activities"
    PERSONAL_BESTS = "personal bests"


KINDS: Mapping[str, Kind] = {
    "Athlete": Kind.ATHLETES,
    "AgeGrade": Kind.AGE_GRADES,
    "Activity": Kind.ACTIVITIES,
    "TrainingSummary": Kind.ACTIVITIES,
    "BestEffort": Kind.PERSONAL_BESTS,
    "PersonalBest": Kind.PERSONAL_BESTS,
    "Viewer": Kind.ATHLETES,
}
"""Kind by type. Connections and edges are of their nodes' kind; a type that is not here is not cached."""

CONSTANT = -1
"""Stands for answers that depend on nothing but their arguments, beside athletes' ids and `ALL`."""


class Key(NamedTuple):
    """An answer's key: `digest` of what is asked, the variables it was asked with, and for whom it is."""

    digest: bytes
    variables: bytes
    scope: str

    def text(self) -> str:
        """Write it as one short text."""
        made = blake2b(self.digest, digest_size=20)
        made.update(self.variables)
        return f"{made.hexdigest()}:{self.scope}"


class Unit:
    """A root field's answer, as far as the document decides what it depends on."""

    def __init__(self, schema_digest: bytes, root: Field) -> None:
        self._source = source_of(declared(root)) if root.definition is not None else None
        self._kinds = {type_name: _kinds_of(type_name, fields) for type_name, fields in root.below.items()}
        self._variables = sorted(_variables_below(root))
        self._digest = blake2b(schema_digest + _signature(root).encode(), digest_size=20).digest()
        self.may_be_cached = any(kinds is not None for kinds in self._kinds.values())
        """Whether some arguments' answer is cached."""

    def kinds(self, arguments: Mapping[str, Any]) -> frozenset[Kind] | None:
        """Kinds of what the answer is made of; None where it is not cached. Raises InvalidId."""
        if not isinstance(self._source, NodesById):
            (kinds,) = self._kinds.values()
            return kinds
        found: set[Kind] = set()
        for each in arguments["ids"] if self._source.many else [arguments["id"]]:
            kinds = self._kinds[decode_node_id(each, "id")[0]]
            if kinds is None:
                return None
            found |= kinds
        return frozenset(found)

    def subject(self, viewer: Viewer, arguments: Mapping[str, Any]) -> int | None:
        """Tell whose data the answer is made of: an athlete's id, ALL or CONSTANT; None where it is not cached.

        Raises InvalidId.
        """
        if isinstance(self._source, Computed):
            return CONSTANT
        if viewer.audience is Audience.NOBODY:
            return None
        if isinstance(self._source, Caller) or viewer.audience is Audience.ATHLETE:
            return viewer.athlete_id
        return self._athlete(arguments) or ALL

    def key(self, caller: Requester, subject: int, variables: VariableValues) -> Key:
        """Make the key of the answer for a caller."""
        coerced = variables.coerced
        given = [[coerced[name]] if name in coerced else [] for name in self._variables]  # null is not absent
        values = orjson.dumps(given, default=repr)
        return Key(self._digest, values, self._scope(caller, subject))

    def _athlete(self, arguments: Mapping[str, Any]) -> int | None:
        """The athlete whom the root names; None where it names none."""
        if isinstance(self._source, ById) and self._source.type_name == "Athlete":
            return self._source.key(arguments)
        if isinstance(self._source, NodesById) and not self._source.many:
            type_name, number = decode_node_id(arguments["id"], "id")
            return number if type_name == "Athlete" else None
        return None

    def _scope(self, caller: Requester, subject: int) -> str:
        """For whom: everybody, administrators, all but the athlete it is about, or one athlete."""
        viewer = caller.viewer
        if subject == CONSTANT:
            return "all"
        if isinstance(self._source, Caller):
            return f"account:{viewer.account_id}:{viewer.audience.value}:{','.join(sorted(caller.scopes))}"
        if viewer.is_admin:
            return "admin"
        if subject not in {ALL, viewer.athlete_id}:
            return "others"  # who is neither the athlete nor an administrator is shown the same as every other
        return f"{viewer.audience.value}:{viewer.athlete_id}"


def _kinds_of(type_name: str, fields: Sequence[Field]) -> frozenset[Kind] | None:
    """Kinds of a type and of all that is selected below; None where a type is among it that is not cached."""
    kind = KINDS.get(type_name.removesuffix("Connection").removesuffix("Edge"))
    if kind is None and type_name != "PageInfo":
        return None
    found = {kind} if kind is not None else set()
    for each in fields:
        for below_name, below in each.below.items():
            kinds = _kinds_of(below_name, below)
            if kinds is None:
                return None
            found |= kinds
    return frozenset(found)


def _variables_below(selected: Field) -> set[str]:
    found = set(variables_of(selected))
    for fields in selected.below.values():
        for each in fields:
            found |= _variables_below(each)
    return found


def _signature(selected: Field) -> str:
    """Write what is selected, directives applied, as one text."""
    arguments = ",".join(sorted(print_ast(each) for each in selected.node.arguments or ()))
    below = "".join(
        f"{type_name}{{{';'.join(map(_signature, fields))}}}" for type_name, fields in selected.below.items()
    )
    return f"{selected.response_name}:{selected.name}({arguments}){below}"
