"""One statement for an operation, and the values of its parameters for each request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from db.statements import json
from db.statements.json import Parameter, Statement
from graph.context import Context
from graph.node import check_ids, decode_node_id
from graph.plan.compile import Compiler, declared
from graph.plan.selection import Field, NotPlanned
from graph.plan.tree import Asked, Tree
from graph.relation import Paged
from graph.root import ById, Caller, Computed, NodesById
from graph.row_type import source_of


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled operation. `columns` tells for each root field the statement's column; None: it is computed."""

    statement: Statement | None
    slots: dict[int, Field]
    exact_levels: frozenset[int]
    columns: tuple[int | None, ...]

    async def fetch(self, context: Context, asked: Asked) -> Any:
        """Get the statement's row. Raises DatabaseError, NotPlanned."""
        if self.statement is None:
            return ()
        row = await context.database.fetch_row(self.statement.text, self._values(asked, context))
        for column in row:
            if json.REFUSED in column:
                raise NotPlanned("null where none may be")
        return row

    def _values(self, asked: Asked, context: Context) -> list[Any]:
        """Get the values of the statement's parameters."""
        assert self.statement is not None
        return [self._value(each, asked, context) for each in self.statement.parameters]

    def _value(self, parameter: Parameter, asked: Asked, context: Context) -> Any:
        name = parameter.name
        if parameter.level is None:
            return context.viewer.parameters[name]
        selected = self.slots[parameter.level]
        arguments = asked.arguments.get(selected)
        if arguments is None:
            return _root_value(selected, context, asked.roots[selected], name)
        if name == "page_size" or (name == "row_limit" and parameter.level in self.exact_levels):
            return arguments.size
        return arguments.parameters[name]


def compile_plan(context: Context, tree: Tree, asked: Asked, places: Sequence[int]) -> Plan:
    """Compile the root fields at some places, for the audience of a caller. Raises NotPlanned, CallerError."""
    compiler = Compiler(context.viewer.audience, asked.arguments, tree.constant)
    parts: list[Any] = []
    columns: list[int | None] = []
    for selected in (tree.roots[place] for place in places):
        written = None
        if selected.definition is not None:
            written = _root(compiler, context, selected, asked.roots.get(selected, {}))
        columns.append(None if written is None else len(parts))
        if written is not None:
            parts.append(written)
    statement = json.finish(parts) if parts else None
    return Plan(statement, compiler.slots, frozenset(compiler.exact_levels), tuple(columns))


def asked_type(selected: Field, values: Mapping[str, Any]) -> str | None:
    """What of an id shapes the statement: its type, where several are possible. Raises InvalidId, OutOfRange."""
    source = source_of(declared(selected))
    if isinstance(source, ById):
        source.key(values)  # who sees nothing has no parameter that would refuse a wrong id
    if not isinstance(source, NodesById):
        return None
    if source.many:
        check_ids(values["ids"])
        return None
    return decode_node_id(values["id"], "id")[0]


def _root(compiler: Compiler, context: Context, selected: Field, values: Mapping[str, Any]) -> Any:
    """Compile a root field; None where it is computed."""
    source = source_of(declared(selected))
    match source:
        case ById():
            return [compiler.row(selected, source.type_name)]
        case NodesById(many=False):
            return [compiler.row(selected, decode_node_id(values["id"], "id")[0])]
        case NodesById():
            return compiler.nodes(selected)
        case Paged():
            return [compiler.paged(selected, source)]
        case Caller() if context.viewer.account_id is not None:
            return compiler.viewer(selected)
        case Caller() | Computed():
            return None
    raise NotPlanned("custom resolver")


def _root_value(selected: Field, context: Context, arguments: dict[str, Any], name: str) -> Any:
    """Get a parameter of a root field without arguments of a source: ids, or the caller's scopes."""
    source = source_of(declared(selected))
    match source:
        case ById():
            return source.key(arguments)
        case NodesById(many=False):
            return decode_node_id(arguments["id"], "id")[1]
        case NodesById():
            found = [decode_node_id(each, "ids") for each in arguments["ids"]]
            return [number for _, number in found] if name == "keys" else _kinds(selected, found)
    return orjson.dumps(sorted(each.name for each in context.caller.scopes)).decode()


def _kinds(selected: Field, ids: Sequence[tuple[str, int]]) -> list[int]:
    """Tell the types of ids by their positions among those that the field may return."""
    kinds = {type_name: kind for kind, type_name in enumerate(selected.below)}
    return [kinds[type_name] for type_name, _ in ids]
