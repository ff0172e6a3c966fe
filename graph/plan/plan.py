"""One statement for an operation, and the values of its parameters for each request."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import thread_time
from typing import Any, Protocol

import orjson

from db.snapshot import RowReader, Snapshot
from db.statements import error_link, json_sql
from db.statements.files.original import LINK_ADDRESS, LINK_KEY
from db.statements.json_statement import (
    TOO_LARGE,
    Parameter,
    RootColumns,
    Statement,
    StatementOfMany,
    explained,
    finish,
    of_many,
)
from db.statements.visibility import Viewer
from graph.context import Caller, Context
from graph.errors import AnswerTooLong
from graph.mapping.relation import Paged
from graph.mapping.row_type import source_of
from graph.plan.compiler import Compiler
from graph.plan.query_tree import QueryTree, RequestArguments
from graph.plan.row_templates import TakesLong, made_within
from graph.plan.rows_json import RowsWriter, WrittenText, with_rows
from graph.plan.selection import NotPlanned, SelectedField, declared
from graph.plan.streams_json import Drawing
from graph.schema.root_field import ComputedObject, NodesById, RowById, ViewerObject
from graph.types.node_lookup import decode_node_id, decode_node_ids, is_old_id
from runtime.work_meter import WorkMeter

# Sizes as tracemalloc measures them, somewhat above. A text is kept as such and encoded.
_PLAN_BYTES = 3000
_TEXT_BYTES = 2
_ITEM_BYTES = 250
_LONG = 64 * 1024
"""Characters of a text whose writing is metered: it takes some tenths of a millisecond and more."""
_OF_LINKS = {LINK_ADDRESS.key, LINK_KEY.key}
_MOST_SOON = 60
"""Fields that may be compiled on the event loop."""
_SOON_S = 0.005
"""Seconds of CPU after which that goes on elsewhere: the SQL of a field is made once, and may take 20
ms.
"""
_MOMENTS_MS = 250.0
_RECENT = 0.125
"""The share of the last time in `recent_ms`, if it was longer: the first may be planned."""


class OfLinks(Protocol):
    """The part of OriginalFiles that plans need."""

    @property
    def link_parameters(self) -> Mapping[str, Any]: ...


class PlanAsker(Protocol):
    """The caller, as values of parameters."""

    @property
    def caller(self) -> Caller: ...

    @property
    def originals(self) -> OfLinks: ...


class PlanOwner(Protocol):
    """For whom a plan is compiled, and who pays for it."""

    @property
    def viewer(self) -> Viewer: ...

    @property
    def answer_max_bytes(self) -> int: ...

    @property
    def database_work(self) -> WorkMeter: ...


@dataclass(eq=False, slots=True)
class QueryPlan:
    """A compiled operation.

    `columns` has each root field's place among the statement's texts, None where it is computed.
    `recent_ms` is what PostgreSQL took the last times, 0 before the first time. Until
    `alone_until_s`, a monotonic time, its runs share no round trip: one took long, or failed.
    `alone_s` is how long that is from then on.
    """

    statement: Statement | None
    slots: dict[int, SelectedField]
    exact_levels: frozenset[int]
    drawings: tuple[Drawing, ...]
    writers: tuple[RowsWriter, ...]
    columns: tuple[int | None, ...]
    recent_ms: float = 0.0
    alone_until_s: float = float("-inf")
    alone_s: float = 0.0
    _of_many: tuple[StatementOfMany | None] | None = None

    @property
    def of_many(self) -> StatementOfMany | None:
        """What runs the statement for several sets of values, made when first asked for."""
        if self._of_many is None:
            assert self.statement is not None
            self._of_many = (of_many(self.statement),)
        return self._of_many[0]

    @property
    def bytes(self) -> int:
        """Approximate size."""
        statement = self.statement
        if statement is None:
            return _PLAN_BYTES
        items = len(statement.parameters) + len(self.slots)
        items += sum(len(each.members) for each in self.drawings)
        written = sum([each.bytes for each in self.writers])
        texts = 2 * len(statement.text)  # that of many, too, which may be made later
        return _PLAN_BYTES + _TEXT_BYTES * texts + _ITEM_BYTES * items + written

    @property
    def is_lasting(self) -> bool:
        """Whether the same request has the same values at any time: it asks for no links."""
        statement = self.statement
        return statement is not None and not any(
            each.level is None and each.name in _OF_LINKS for each in statement.parameters
        )

    @property
    def is_fetched_soon(self) -> bool:
        """Whether its texts are sent as they are fetched, and took only moments the last times."""
        return not self.drawings and 0 < self.recent_ms < _MOMENTS_MS

    async def fetch(
        self, context: Context, asked: RequestArguments, rows: RowReader
    ) -> Sequence[WrittenText]:
        """Get the statement's texts. Raises DatabaseError, NotPlanned, AnswerTooLong."""
        if self.statement is None:
            return ()
        statement = self.statement
        text = statement.text_in_transaction if isinstance(rows, Snapshot) else statement.text
        *values, took = await rows.fetch_row(text, self.values(asked, context))
        return self.texts(values, 1000 * took.total_seconds(), context.database_work)

    def texts(
        self, values: Sequence[Any], took_ms: float, work: WorkMeter
    ) -> Sequence[WrittenText]:
        """Get the texts of a row's `values`, and meter what it took.

        Raises NotPlanned, AnswerTooLong.
        """
        assert self.statement is not None
        took_ms = max(0.0, took_ms - work.waited_ms)
        work.add(took_ms, work.cpu_ms)
        work.has_asked = True
        slower_ms = took_ms - self.recent_ms
        self.recent_ms += slower_ms * (_RECENT if self.recent_ms and slower_ms > 0 else 1)
        if self.statement.most_bytes is not None and values[0] == TOO_LARGE:
            raise AnswerTooLong(self.statement.most_bytes)
        texts = self.statement.json_of(values)
        began_s = thread_time() if sum(map(len, texts)) > _LONG else None
        for text in texts:
            if json_sql.REFUSED in text:
                raise NotPlanned("null where none may be")
        written = [with_rows(each, self.writers) for each in texts]
        if began_s is not None:
            work.add_own(1000 * (thread_time() - began_s))
        return written

    async def explain(self, context: Context, asked: RequestArguments) -> list[dict[str, Any]]:
        """Run the statement, and get PostgreSQL's plan of it. Raises DatabaseError."""
        assert self.statement is not None
        [found] = await context.database.fetch_row(
            explained(self.statement), self.values(asked, context)
        )
        plan: list[dict[str, Any]] = found
        context.database_work.add(plan[0]["Execution Time"])
        return plan

    def values(self, asked: RequestArguments, asking: PlanAsker) -> list[Any]:
        """Get the values of the statement's parameters."""
        assert self.statement is not None
        return [self._value(each, asked, asking) for each in self.statement.parameters]

    def _value(self, parameter: Parameter, asked: RequestArguments, asking: PlanAsker) -> Any:
        name = parameter.name
        if parameter.level is None:
            return _shared(name, asking)
        selected = self.slots[parameter.level]
        arguments = asked.arguments.get(selected)
        if arguments is None:
            return _root_value(selected, asking.caller, asked.roots[selected], name)
        if name == "page_size" or (name == "row_limit" and parameter.level in self.exact_levels):
            return arguments.size
        return arguments.parameters[name]


def _shared(name: str, asking: PlanAsker) -> Any:
    """Get a parameter that is no level's: the viewer's, or a part of addresses."""
    if name in (of_viewer := asking.caller.viewer.parameters):
        return of_viewer[name]
    pages = error_link.parameters()
    return pages[name] if name in pages else asking.originals.link_parameters[name]


def compile_plan(
    owner: PlanOwner, tree: QueryTree, asked: RequestArguments, places: Sequence[int]
) -> QueryPlan:
    """Compile the root fields at the given indexes for the audience of a caller, which pays.

    Raises NotPlanned, CallerError.
    """
    with owner.database_work.computing():
        return _compile_plan(owner, tree, asked, places)


def compile_soon(
    owner: PlanOwner, tree: QueryTree, asked: RequestArguments, places: Sequence[int]
) -> QueryPlan | None:
    """Compile what takes some milliseconds, as `compile_plan`. None: it takes longer."""
    if tree.size <= _MOST_SOON:
        with suppress(TakesLong), made_within(_SOON_S):
            return compile_plan(owner, tree, asked, places)
    return None


def _compile_plan(
    owner: PlanOwner, tree: QueryTree, asked: RequestArguments, places: Sequence[int]
) -> QueryPlan:
    compiler = Compiler(owner.viewer.audience, asked.arguments, tree.constant)
    parts: list[RootColumns] = []
    columns: list[int | None] = []
    for selected in (tree.roots[place] for place in places):
        written = None
        if selected.definition is not None:
            written = _root(compiler, owner.viewer, selected, asked.roots.get(selected, {}))
        columns.append(None if written is None else len(parts))
        if written is not None:
            parts.append(written)
    is_bounded = bool(compiler.drawings) or compiler.has_long_texts
    statement = finish(parts, owner.answer_max_bytes if is_bounded else None) if parts else None
    return QueryPlan(
        statement,
        compiler.slots,
        frozenset(compiler.exact_levels),
        tuple(compiler.drawings),
        tuple(compiler.writers),
        tuple(columns),
    )


def asked_type(selected: SelectedField, values: Mapping[str, Any]) -> str | None:
    """Get the type of an id if several are possible: the statement depends on it. Else None.

    Raises InvalidId, OutOfRange; NotPlanned for ids of older versions.
    """
    source = source_of(declared(selected))
    match source:
        case RowById():
            # callers that see nothing have no parameter that would refuse it
            ids = [(source.type_name, source.key(values))]
        case NodesById():
            ids = decode_node_ids(values["ids"] if source.many else [values["id"]])
        case _:
            return None
    for type_name, number in ids:
        if is_old_id(type_name, number):
            raise NotPlanned("old id")
    return ids[0][0] if isinstance(source, NodesById) and not source.many else None


def _root(
    compiler: Compiler, viewer: Viewer, selected: SelectedField, values: Mapping[str, Any]
) -> RootColumns | None:
    """Compile a root field. None: it is computed."""
    source = source_of(declared(selected))
    match source:
        case RowById():
            return compiler.row(selected, source.type_name)
        case NodesById(many=False):
            return compiler.row(selected, decode_node_id(values["id"], "id")[0])
        case NodesById():
            return compiler.nodes(selected)
        case Paged():
            return compiler.page(selected, source)
        case ViewerObject() if viewer.account_id is not None:
            return compiler.viewer(selected)
        case ViewerObject() | ComputedObject():
            return None
    raise NotPlanned("custom resolver")


def _root_value(
    selected: SelectedField, caller: Caller, arguments: dict[str, Any], name: str
) -> Any:
    """Get a parameter that is not a source's: an id, ids or the caller's scopes."""
    source = source_of(declared(selected))
    match source:
        case RowById():
            return source.key(arguments)
        case NodesById(many=False):
            return decode_node_id(arguments["id"], "id")[1]
        case NodesById():
            found = decode_node_ids(arguments["ids"])
            return [number for _, number in found] if name == "keys" else _kinds(selected, found)
    return orjson.dumps(sorted(each.name for each in caller.scopes)).decode()


def _kinds(selected: SelectedField, ids: Sequence[tuple[str, int]]) -> list[int]:
    """Get the types of ids, as positions among the types that the field may return."""
    kinds = {type_name: kind for kind, type_name in enumerate(selected.below)}
    return [kinds[type_name] for type_name, _ in ids]
