"""Runs query operations by plan: one statement for all that is stored, and Python for the little that is computed.

Whatever a plan does not cover, and whatever goes wrong in one, is left to graphql-core: it owns errors and null
propagation, and a query has no effects, so it can be run again.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from graphql import GraphQLError
from graphql.execution.values import VariableValues
from graphql.type import GraphQLNonNull

from db.errors import DatabaseError
from db.statements import json
from db.statements.json import Parameter, Statement
from db.statements.visibility import Audience
from graph.cache import Entry, ResolverCache, Wanted
from graph.charge import objects_in_json
from graph.context import Context
from graph.documents import Documents, Operation
from graph.errors import CallerError
from graph.node import check_ids, decode_node_id
from graph.plan.apart import Apart
from graph.plan.arguments import ArgumentReader, has_reader
from graph.plan.compile import Compiler, declared
from graph.plan.selection import Field, NotPlanned, SelectionBuilder
from graph.plan.unit import CONSTANT, Unit
from graph.relation import Paged
from graph.root import ById, Caller, Computed, NodesById
from graph.row_type import source_of
from graph.scalars import format_floats
from graph.schema import Schema
from graph.versions import DataVersions

_SCHEMA_PUBLIC_S = 60
_MOST_INLINE = 60
"""Fields that are compiled at once, in some 5 ms; more of them beside the loop."""

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Tree:
    """An operation's selected fields under one set of directives' values, and the readers of their arguments."""

    roots: list[Field]
    readers: list[tuple[Field, ArgumentReader]]
    ids: list[tuple[Field, ArgumentReader]]
    units: list[Unit]
    size: int
    """How many fields are selected."""

    @cached_property
    def may_be_cached(self) -> bool:
        return any(unit.may_be_cached for unit in self.units)

    @property
    def constant(self) -> frozenset[Field]:
        """Fields whose arguments the document alone decides."""
        return frozenset(selected for selected, reader in self.readers if reader.is_constant)


@dataclass(slots=True)
class Asked:
    """What one request asks: the arguments of its fields as their sources take them, and those of its root fields."""

    arguments: dict[Field, Any]
    roots: dict[Field, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled operation. `columns` tells for each root field the statement's column; None: it is computed."""

    statement: Statement | None
    slots: dict[int, Field]
    exact_levels: frozenset[int]
    columns: tuple[int | None, ...]

    def values(self, asked: Asked, context: Context) -> list[Any]:
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


@dataclass(slots=True)
class Found:
    """An operation's data: its JSON in parts, and how many objects it has without the root.

    `public_s` is for how many seconds everybody may be told the same, None where it is the caller's own; `age_s` how
    old it is already.
    """

    parts: list[bytes]
    objects: int
    public_s: int | None = None
    age_s: int = 0


class Planner:
    """Plans and runs the queries of one process, through the cache where it has one."""

    def __init__(
        self,
        schema: Schema,
        documents: Documents,
        cache: ResolverCache | None = None,
        versions: DataVersions | None = None,
    ) -> None:
        self._schema, self._documents, self._cache, self._versions = schema, documents, cache, versions
        self._schema_digest = schema.digest
        self._apart = Apart()
        self.planned = 0
        """How many operations ran by plan, since the process started."""
        self.fallbacks: Counter[str] = Counter()
        """How many were left to graphql-core, by reason."""

    async def answer(self, context: Context, operation: Operation, variables: VariableValues) -> Found | None:
        """Answer a query with its data; None: graphql-core is to run it. Raises DatabaseError."""
        try:
            return await self._run(context, operation, variables)
        except NotPlanned as error:
            self.fallbacks[error.reason] += 1
        except CallerError as error:
            self.fallbacks[error.code] += 1
        except GraphQLError:  # arguments do not fit, which only their values tell
            self.fallbacks["arguments"] += 1
        except DatabaseError:
            raise  # graphql-core would meet it too, after waiting as long again
        except Exception:
            # A loss of speed, not of an answer; but a plan is to be mended.
            logger.warning("a plan failed, graphql-core takes over", exc_info=True)
            self.fallbacks["failed"] += 1
        return None

    async def _run(self, context: Context, operation: Operation, variables: VariableValues) -> Found:
        if operation.is_introspection:
            return await self._introspect(operation, variables)
        tree = self._tree(operation, variables)
        asked = Asked(
            {selected: reader.read(variables) for selected, reader in tree.readers},
            {selected: reader.root_arguments(variables) for selected, reader in tree.ids},
        )

        async def compute(places: Sequence[int]) -> list[bytes]:
            key = (context.viewer.audience, operation.directives(variables), tuple(places))
            plan = await self._plan(context, operation, tree, asked, key)
            row = await _fetch(context, plan, asked) if plan.statement is not None else ()
            return [
                row[column].encode() if column is not None else _computed(tree.roots[place], context, asked)
                for place, column in zip(places, plan.columns, strict=True)
            ]

        wanted = await self._wanted(context, tree, variables, asked) if tree.may_be_cached else None
        if wanted is None:
            bodies = await compute(range(len(tree.roots)))
            found = Found(_object(tree.roots, bodies), sum(map(objects_in_json, bodies)) + _absent(tree.roots, bodies))
        else:
            assert self._cache is not None
            found = _found(tree.roots, await self._cache.answers(wanted, compute), wanted)
        self.planned += 1
        return found

    async def _wanted(
        self, context: Context, tree: Tree, variables: VariableValues, asked: Asked
    ) -> list[Wanted | None] | None:
        """Tell what of the cache each root field asks for; None where nothing is cached. Raises InvalidId."""
        cache, viewer = self._cache, context.viewer
        if cache is None or self._versions is None or not context.switches.resolver_cache:
            return None
        subjects = []
        for selected, unit in zip(tree.roots, tree.units, strict=True):
            arguments = asked.roots.get(selected, {})
            lifetime_s = cache.lifetime_s(unit.kinds(arguments)) if unit.may_be_cached else 0.0
            subjects.append((unit.subject(viewer, arguments), lifetime_s) if lifetime_s else (None, 0.0))
        stored = {subject for subject, _ in subjects if subject is not None and subject != CONSTANT}
        if not stored and all(subject is None for subject, _ in subjects):
            return None
        versions = {CONSTANT: 0, **(await self._versions.of(stored) if stored else {})}
        return [
            Wanted(unit.key(context.caller, subject, variables), subject, versions[subject], lifetime_s)
            if subject in versions else None
            for unit, (subject, lifetime_s) in zip(tree.units, subjects, strict=True)
        ]  # fmt: skip

    async def _introspect(self, operation: Operation, variables: VariableValues) -> Found:
        """Answer what is the same each time; graphql-core finds it out once: it takes 50 ms."""
        key = tuple(sorted(variables.coerced.items()))
        found: bytes | None = operation.answers.find(key)
        if found is None:
            found = await self._documents.introspect(operation, variables)
            if found is None:
                raise NotPlanned("introspection")
            operation.answers.keep(key, found)
        self.planned += 1
        return Found([found], 0, _SCHEMA_PUBLIC_S)

    def _tree(self, operation: Operation, variables: VariableValues) -> Tree:
        key = operation.directives(variables)
        found: Tree | None = operation.trees.find(key)
        if found is None:
            builder = SelectionBuilder(self._schema.core, operation.fragments, variables.coerced)
            root = self._schema.core.query_type
            assert root is not None
            roots = builder.fields(root, (operation.node.selection_set,))
            fields = _all_fields(roots)
            with_reader = [each for each in fields if has_reader(each)]
            found = Tree(
                roots,
                [(each, ArgumentReader(self._schema, each)) for each in with_reader],
                [
                    (each, ArgumentReader(self._schema, each))
                    for each in roots
                    if each.definition is not None and not has_reader(each)
                ],
                [Unit(self._schema_digest, each) for each in roots],
                len(fields),
            )
            operation.trees.keep(key, found)
        return found

    async def _plan(
        self,
        context: Context,
        operation: Operation,
        tree: Tree,
        asked: Asked,
        at: tuple[Audience, Any, tuple[int, ...]],
    ) -> Plan:
        """Get the plan `at` an audience, values of directives, and the places of the root fields it is for."""
        shapes = tuple([each.shape for each in asked.arguments.values()])
        types = tuple([_type(selected, values) for selected, values in asked.roots.items()])
        key = (at, shapes, types)
        found: Plan | None = operation.plans.find(key)
        if found is None:
            if tree.size <= _MOST_INLINE:
                found = _compile(context, tree, asked, at[-1])
            else:
                found = await self._apart.run(_compile, context, tree, asked, at[-1])
            operation.plans.keep(key, found)
        return found


async def _fetch(context: Context, plan: Plan, asked: Asked) -> Any:
    assert plan.statement is not None
    row = await context.database.fetch_row(plan.statement.text, plan.values(asked, context))
    for column in row:
        if json.REFUSED in column:
            raise NotPlanned("null where none may be")
    return row


def _all_fields(fields: list[Field]) -> list[Field]:
    found: list[Field] = []
    for each in fields:
        if each.definition is not None:
            found.append(each)
            for below in each.below.values():
                found += _all_fields(below)
    return found


def _type(selected: Field, values: Mapping[str, Any]) -> str | None:
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


def _compile(context: Context, tree: Tree, asked: Asked, places: Sequence[int]) -> Plan:
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


def _computed(selected: Field, context: Context, asked: Asked) -> bytes:
    if selected.definition is None:
        return orjson.dumps(selected.parent.name)
    source = source_of(declared(selected))
    if isinstance(source, Caller):
        return b"null"
    return orjson.dumps(_project(selected, source.compute(context, asked.roots[selected])))


def _project(selected: Field, made: Any) -> dict[str, Any]:
    """Pick the selected members of a computed object, all of them leaves."""
    (fields,) = selected.below.values()
    return {each.response_name: format_floats(_leaf(each, made)) for each in fields}


def _leaf(selected: Field, made: Any) -> Any:
    if selected.definition is None:
        return selected.parent.name
    type_: Any = selected.definition.type
    while isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    found = getattr(made, declared(selected).python_name)
    return None if found is None else type_.serialize(found)


def _object(roots: list[Field], answers: Sequence[bytes]) -> list[bytes]:
    """Write the object of the roots' answers, in parts: a large answer is copied no more often than it must be."""
    parts: list[bytes] = []
    for selected, answer in zip(roots, answers, strict=True):
        parts += [b'%b"%b":' % (b"," if parts else b"{", selected.response_name.encode()), answer]
    return [*parts, b"}"] if parts else [b"{}"]


def _absent(roots: list[Field], bodies: Sequence[bytes]) -> int:
    """Count the nulls in lists: only `nodes` has any."""
    return sum(
        orjson.loads(body).count(None)
        for selected, body in zip(roots, bodies, strict=True)
        if selected.name == "nodes" and b"null" in body
    )


def _found(roots: list[Field], entries: Sequence[Entry], wanted: Sequence[Wanted | None]) -> Found:
    public = all(each is not None and each.subject == CONSTANT for each in wanted)
    return Found(
        _object(roots, [entry.body for entry in entries]),
        sum(entry.objects for entry in entries) + _absent(roots, [entry.body for entry in entries]),
        int(min(entry.lifetime_s for entry in entries)) if public else None,
        int(max(entry.age_s for entry in entries)) if public else 0,
    )
