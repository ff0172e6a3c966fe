"""Runs query operations by plan: one statement for all that is stored, and Python for the little that is computed.

Whatever a plan does not cover, and whatever goes wrong in one, is left to graphql-core: it owns errors and null
propagation, and a query has no effects, so it can be run again.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql.execution.values import VariableValues
from graphql.type import GraphQLNonNull

from db.statements import json
from db.statements.json import Parameter, Statement
from graph.context import Context
from graph.cost import TooExpensive
from graph.errors import CallerError
from graph.node import check_ids, decode_node_id
from graph.plan.arguments import ArgumentReader
from graph.plan.compile import Compiler, declared
from graph.plan.document import Documents, Operation
from graph.plan.selection import Field, NotPlanned, SelectionBuilder
from graph.relation import Paged
from graph.root import ById, Caller, Computed, NodesById
from graph.row_type import source_of
from graph.schema import Schema

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Tree:
    """An operation's selected fields under one set of directives' values, and the readers of their arguments."""

    roots: list[Field]
    readers: list[tuple[Field, ArgumentReader]]
    ids: list[tuple[Field, ArgumentReader]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled operation. `columns` tells for each root field the statement's column; None: it is computed."""

    statement: Statement | None
    slots: dict[int, Field]
    exact_levels: frozenset[int]
    columns: tuple[int | None, ...]


class Planner:
    """Plans and runs the queries of one process."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._documents = Documents(schema)
        self.planned = 0
        """How many operations ran by plan, since the process started."""
        self.fallbacks: Counter[str] = Counter()
        """How many were left to graphql-core, by reason."""

    async def execute(
        self, context: Context, text: str, raw_variables: Mapping[str, Any] | None, operation_name: str | None
    ) -> bytes | None:
        """Answer a query with the response's body; None: graphql-core is to run it.

        The cost is charged here, and `context.budget_state` tells that it was.
        """
        try:
            return await self._run(context, self._operation(text, operation_name), raw_variables or {})
        except NotPlanned as error:
            self.fallbacks[error.reason] += 1
        except CallerError as error:
            self.fallbacks[error.code] += 1
        except Exception:
            # A loss of speed, not of an answer; but a plan is to be mended.
            logger.warning("a plan failed, graphql-core takes over", exc_info=True)
            self.fallbacks["failed"] += 1
        return None

    def _operation(self, text: str, name: str | None) -> Operation:
        document = self._documents.find(text)
        operation = document.operation(name) if document else None
        if operation is None:
            raise NotPlanned("invalid document")
        if not operation.is_query:
            raise NotPlanned("not a query")
        return operation

    async def _run(self, context: Context, operation: Operation, raw_variables: Mapping[str, Any]) -> bytes:
        context.note_operation(operation.name)
        variables = operation.variables(self._schema, raw_variables)
        if variables is None:
            raise NotPlanned("variables")
        await _charge(context, *operation.cost(self._schema, variables))
        tree = self._tree(operation, variables)
        arguments = {selected: reader.read(variables) for selected, reader in tree.readers}
        ids = {selected: reader.python_arguments(variables) for selected, reader in tree.ids}
        plan = self._plan(context, operation, tree, variables, arguments, ids)
        answers = await self._fetch(context, plan, arguments, ids)
        self.planned += 1
        return _body(tree.roots, [
            answers[column].encode() if column is not None else _computed(selected, context, ids)
            for selected, column in zip(tree.roots, plan.columns, strict=True)
        ])  # fmt: skip

    def _tree(self, operation: Operation, variables: VariableValues) -> Tree:
        key = operation.directives(variables)
        found: Tree | None = operation.trees.find(key)
        if found is None:
            builder = SelectionBuilder(self._schema.core, operation.fragments, variables.coerced)
            root = self._schema.core.query_type
            assert root is not None
            roots = builder.fields(root, (operation.node.selection_set,))
            readers = [(each, ArgumentReader(self._schema, each)) for each in _all_fields(roots)]
            ids = [(each, ArgumentReader(self._schema, each)) for each in roots if each.definition is not None]
            found = Tree(roots, [pair for pair in readers if pair[1].is_needed], [p for p in ids if not p[1].is_needed])
            operation.trees.keep(key, found)
        return found

    def _plan(
        self,
        context: Context,
        operation: Operation,
        tree: Tree,
        variables: VariableValues,
        arguments: Mapping[Field, Any],
        ids: Mapping[Field, dict[str, Any]],
    ) -> Plan:
        shapes = tuple(each.shape for each in arguments.values())
        types = tuple(_types(selected, values) for selected, values in ids.items())
        key = (context.viewer.audience, operation.directives(variables), shapes, types)
        found: Plan | None = operation.plans.find(key)
        if found is None:
            found = _compile(context, tree.roots, arguments, ids)
            operation.plans.keep(key, found)
        return found

    async def _fetch(
        self, context: Context, plan: Plan, arguments: Mapping[Field, Any], ids: Mapping[Field, dict[str, Any]]
    ) -> Any:
        if plan.statement is None:
            return ()
        own = {field: _own_parameters(field, context, values) for field, values in ids.items()}
        viewer = context.viewer.parameters

        def value_of(parameter: Parameter) -> Any:
            if parameter.level is None:
                return viewer[parameter.name]
            selected = plan.slots[parameter.level]
            if selected not in arguments:
                return own[selected][parameter.name]
            if parameter.name == "page_size" or (
                parameter.name == "row_limit" and parameter.level in plan.exact_levels
            ):
                return arguments[selected].size
            return arguments[selected].parameters[parameter.name]

        values = [value_of(each) for each in plan.statement.parameters]
        row = await context.database.fetch_row(plan.statement.text, values)
        for column in row:
            if json.REFUSED in column:
                raise NotPlanned("null where none may be")
        return row


async def _charge(context: Context, cost: int, path: tuple[str, ...]) -> None:
    """Take an operation's cost from the caller's budget. Raises TooExpensive, BudgetExhausted."""
    budget = context.budget()
    if cost > budget.operation_limit:
        raise TooExpensive(cost, budget.operation_limit, path)
    if cost > 0:
        context.budget_state = await budget.charge(cost)
    context.is_charged = True


def _all_fields(fields: list[Field]) -> list[Field]:
    found: list[Field] = []
    for each in fields:
        if each.definition is not None:
            found.append(each)
            for below in each.below.values():
                found += _all_fields(below)
    return found


def _types(selected: Field, values: Mapping[str, Any]) -> tuple[str, ...] | bool:
    """What of the ids shapes the statement: their types."""
    source = source_of(declared(selected))
    if not isinstance(source, NodesById):
        return False
    if source.many:
        check_ids(values["ids"])
        return tuple(decode_node_id(each, "ids")[0] for each in values["ids"])
    return (decode_node_id(values["id"], "id")[0],)


def _compile(
    context: Context, roots: list[Field], arguments: Mapping[Field, Any], ids: Mapping[Field, dict[str, Any]]
) -> Plan:
    compiler = Compiler(context.viewer.audience, arguments)
    parts: list[Any] = []
    columns: list[int | None] = []
    for selected in roots:
        written = None
        if selected.definition is not None:
            written = _root(compiler, context, selected, ids.get(selected, {}))
        columns.append(None if written is None else len(parts))
        if written is not None:
            parts.append(written)
    return Plan(json.finish(parts) if parts else None, compiler.slots, frozenset(compiler.exact_levels), tuple(columns))


def _root(compiler: Compiler, context: Context, selected: Field, values: Mapping[str, Any]) -> Any:
    """Compile a root field; None where it is computed."""
    source = source_of(declared(selected))
    match source:
        case ById():
            return [compiler.row(selected, source.type_name)]
        case NodesById(many=False):
            return [compiler.row(selected, decode_node_id(values["id"], "id")[0])]
        case NodesById():
            return compiler.nodes(selected, [decode_node_id(each, "ids")[0] for each in values["ids"]])
        case Paged():
            return [compiler.paged(selected, source)]
        case Caller() if context.viewer.account_id is not None:
            return compiler.viewer(selected)
        case Caller() | Computed():
            return None
    raise NotPlanned("custom resolver")


def _own_parameters(selected: Field, context: Context, values: dict[str, Any]) -> dict[str, Any]:
    source = source_of(declared(selected))
    match source:
        case ById():
            return {"key": source.key(values)}
        case NodesById(many=False):
            return {"key": decode_node_id(values["id"], "id")[1]}
        case NodesById():
            return {f"key_{i}": decode_node_id(each, "ids")[1] for i, each in enumerate(values["ids"])}
        case Caller():
            return {"scopes": orjson.dumps(sorted(each.name for each in context.caller.scopes)).decode()}
    return {}


def _computed(selected: Field, context: Context, ids: Mapping[Field, dict[str, Any]]) -> bytes:
    if selected.definition is None:
        return orjson.dumps(selected.parent.name)
    source = source_of(declared(selected))
    if isinstance(source, Caller):
        return b"null"
    return orjson.dumps(_project(selected, source.compute(context, ids[selected])))


def _project(selected: Field, made: Any) -> dict[str, Any]:
    """Pick the selected members of a computed object, all of them leaves."""
    (fields,) = selected.below.values()
    return {each.response_name: _leaf(each, made) for each in fields}


def _leaf(selected: Field, made: Any) -> Any:
    if selected.definition is None:
        return selected.parent.name
    type_: Any = selected.definition.type
    while isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    found = getattr(made, declared(selected).python_name)
    return None if found is None else type_.serialize(found)


def _body(roots: list[Field], answers: list[bytes]) -> bytes:
    members = b",".join(
        b'"%b":%b' % (selected.response_name.encode(), answer) for selected, answer in zip(roots, answers, strict=True)
    )
    return b'{"data":{%b}}' % members
