"""Whether a root field's answer is cached, and what it depends on.

Only types in `DATA_KINDS` are cached. An answer's lifetime is that of the shortest-lived kind in
it. It is current as long as the data it was read from: the caller's own if that is all they see,
one athlete's if the root field names one, otherwise that of all athletes (`freshness.py`).
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from graphql import print_ast
from graphql.execution.values import VariableValues

from db.statements.visibility import Audience, Viewer
from graph.cache.key import DATA_KINDS, CacheKey, DataKind, SharedSubject, Subject
from graph.context import Caller
from graph.mapping.row_type import source_of
from graph.plan.selection import SelectedField, declared, variables_of
from graph.schema.root_field import ComputedObject, NodesById, RowById, ViewerObject
from graph.types.node_lookup import decode_node_id
from runtime.kept_json import kept_json


class CachedField:
    """A root field, as far as the document decides what its answer depends on."""

    def __init__(self, schema_digest: bytes, root: SelectedField) -> None:
        self._source = source_of(declared(root)) if root.definition is not None else None
        self._kinds = {
            type_name: _kinds_of(type_name, fields) for type_name, fields in root.below.items()
        }
        self._variables = sorted(_variables_below(root))
        self._digest = blake2b(schema_digest + _signature(root).encode(), digest_size=20).digest()
        self.may_be_cached = any(kinds is not None for kinds in self._kinds.values())
        """Whether the answer is cached for some arguments."""

    def kinds(self, arguments: Mapping[str, Any]) -> frozenset[DataKind] | None:
        """Get the kinds of data in the answer. None: it is not cached. Raises InvalidId."""
        if not isinstance(self._source, NodesById):
            (kinds,) = self._kinds.values()
            return kinds
        found: set[DataKind] = set()
        for each in arguments["ids"] if self._source.many else [arguments["id"]]:
            kinds = self._kinds[decode_node_id(each, "id")[0]]
            if kinds is None:
                return None
            found |= kinds
        return frozenset(found)

    def subject(self, viewer: Viewer, arguments: Mapping[str, Any]) -> Subject | None:
        """Get the subject of the answer. None: it is not cached. Raises InvalidId."""
        if isinstance(self._source, ComputedObject):
            return SharedSubject.NO_ATHLETE
        if viewer.audience is Audience.NOBODY:
            return None
        if isinstance(self._source, ViewerObject) or viewer.audience is Audience.ATHLETE:
            return viewer.athlete_id
        return self._athlete(arguments) or SharedSubject.ALL_ATHLETES

    def key(self, caller: Caller, subject: Subject, variables: VariableValues) -> CacheKey:
        """Make the key of the answer for a caller."""
        coerced = variables.coerced
        # null is not absent
        given = [[coerced[name]] if name in coerced else [] for name in self._variables]
        values = kept_json(given, default=repr)
        return CacheKey(self._digest, values, self._scope(caller, subject))

    def _athlete(self, arguments: Mapping[str, Any]) -> int | None:
        """Get the id of the athlete that the root field names. None: it names none."""
        if isinstance(self._source, RowById) and self._source.type_name == "Athlete":
            return self._source.key(arguments)
        if isinstance(self._source, NodesById) and not self._source.many:
            type_name, number = decode_node_id(arguments["id"], "id")
            return number if type_name == "Athlete" else None
        return None

    def _scope(self, caller: Caller, subject: Subject) -> str:
        """Name the callers that share the answer.

        They are all, administrators, all but the athlete it is about, or one athlete.
        """
        viewer = caller.viewer
        if subject is SharedSubject.NO_ATHLETE:
            return "all"
        if isinstance(self._source, ViewerObject):
            return f"account:{viewer.account_id}:{viewer.audience.value}:{','.join(sorted(caller.scopes))}"
        if viewer.is_admin:
            return "admin"
        if subject is not SharedSubject.ALL_ATHLETES and subject != viewer.athlete_id:
            # callers that are neither the athlete nor an administrator all see the same
            return "others"
        return f"{viewer.audience.value}:{viewer.athlete_id}"


def _kinds_of(type_name: str, fields: Sequence[SelectedField]) -> frozenset[DataKind] | None:
    """Get the kinds of a type and of all types selected below. None: one of them is not cached."""
    kind = DATA_KINDS.get(type_name.removesuffix("Connection").removesuffix("Edge"))
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


def _variables_below(selected: SelectedField) -> set[str]:
    found = set(variables_of(selected))
    for fields in selected.below.values():
        for each in fields:
            found |= _variables_below(each)
    return found


def _signature(selected: SelectedField) -> str:
    """Write the selection, with directives applied, as one text."""
    arguments = ",".join(sorted(print_ast(each) for each in selected.node.arguments or ()))
    below = "".join(
        f"{type_name}{{{';'.join(map(_signature, fields))}}}"
        for type_name, fields in selected.below.items()
    )
    return f"{selected.response_name}:{selected.name}({arguments}){below}"
