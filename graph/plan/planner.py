"""Runs queries by plan: one statement for all stored data, and Python for computed fields.

What plans do not cover, and what fails in one, is left to graphql-core, which owns errors and null
propagation. A query has no effects, so it can be run again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec, TypeVar

import orjson
from graphql import GraphQLError
from graphql.execution.values import VariableValues

from db.errors import DatabaseError
from db.statements.visibility import Audience
from flags.switches import Switches
from graph.cache.cached_field import CachedField
from graph.cache.data_versions import DataVersions, Versions
from graph.cache.entry import Answer, CacheEntry, CacheRequest
from graph.cache.key import CacheKey, SharedSubject, Subject
from graph.cache.root_field_cache import RootFieldCache
from graph.context import Caller, Context
from graph.document.errors import TooBusy
from graph.document.operation import Operation, PreparedOperation
from graph.document.store import DocumentStore
from graph.errors import CallerError
from graph.plan.computed import computed, type_name
from graph.plan.plan import QueryPlan, asked_type, compile_plan
from graph.plan.query_tree import QueryTree, RequestArguments
from graph.plan.selection import NotPlanned, SelectedField
from graph.plan.streams_json import DrawnText
from graph.schema.build import Schema
from runtime.bounded_map import LruMap
from runtime.round_robin import TooManyWaiting
from runtime.worker_thread import WorkerThread

_SCHEMA_PUBLIC_S = 60
_MOST_INLINE = 60
"""Fields that are compiled on the event loop, in some 5 ms. More are compiled in a thread."""
_LONGEST_INLINE = 256 * 1024
"""Characters with streams that are drawn on the event loop, in some 5 ms."""
_TURN_MS = 50.0
"""Milliseconds after which the drawing of one answer lets others go on."""
_MAX_VARIANTS = 8  # trees and plans of an operation
_MAX_ANSWERS = 4  # introspection answers of an operation

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class PlannedData:
    """An operation's data: its JSON in parts, and the number of objects without the root.

    `public_s` is for how many seconds shared caches may keep the answer, None if it is for the
    caller only. `age_s` is its age already.
    """

    parts: list[bytes]
    objects: int
    public_s: int | None = None
    age_s: int = 0


class KnownRoot(NamedTuple):
    """A root field whose answer is known: its JSON, or the key that the cache has it by."""

    name: bytes
    json: bytes | None
    key: CacheKey | None = None
    subject: Subject = SharedSubject.NO_ATHLETE
    lifetime_s: float = 0.0


_PlanKey = tuple[
    Audience, tuple[Any, ...], tuple[int, ...], tuple[Hashable, ...], tuple[str | None, ...]
]
"""What a plan depends on besides its operation: audience, values of directives, indexes of root
fields, shapes of arguments and types of ids.
"""


@dataclass(eq=False, slots=True)
class _OperationPlans:
    """What is kept for one operation.

    Trees are by the values of directives, answers about the schema by the variables.
    """

    trees: LruMap[tuple[Any, ...], QueryTree] = field(default_factory=lambda: LruMap(_MAX_VARIANTS))
    plans: LruMap[_PlanKey, QueryPlan] = field(default_factory=lambda: LruMap(_MAX_VARIANTS))
    answers: LruMap[tuple[Any, ...], bytes] = field(default_factory=lambda: LruMap(_MAX_ANSWERS))

    @property
    def bytes(self) -> int:
        """Approximate size."""
        trees = sum([each.bytes for each in self.trees.values()])
        plans = sum([each.bytes for each in self.plans.values()])
        answers = sum([len(answer) + len(repr(key)) for key, answer in self.answers.items()])
        return trees + plans + answers


class Planner:
    """Plans and runs the queries of one process, through the cache where it has one."""

    def __init__(
        self,
        schema: Schema,
        documents: DocumentStore,
        cache: RootFieldCache | None = None,
        versions: DataVersions | None = None,
    ) -> None:
        self._schema, self._documents = schema, documents
        self._cache, self._versions = cache, versions
        self._worker = WorkerThread()
        self.planned = 0
        """How many operations ran by plan since the process started."""
        self.fallbacks: Counter[str] = Counter()
        """How many were left to graphql-core, by reason."""

    def known_roots(
        self, caller: Caller, switches: Switches, prepared: PreparedOperation
    ) -> list[KnownRoot] | None:
        """Get the root fields of a query, if each is a type's name or may be in the cache.

        None also where the operation was not planned yet, or its arguments are refused.
        """
        operation, variables = prepared.operation, prepared.variables
        kept: _OperationPlans | None = operation.derived
        tree = kept and kept.trees.find(operation.directives(variables))
        if not tree or self._cache is None:
            return None
        may_be_cached = switches.resolver_cache and tree.may_be_cached
        try:
            asked = tree.read(variables)
            roots = [
                self._known_root(caller, variables, asked, each, root, may_be_cached=may_be_cached)
                for each, root in zip(tree.roots, tree.cached_fields, strict=True)
            ]
        except (CallerError, GraphQLError, NotPlanned):
            return None
        found = [each for each in roots if each is not None]
        return found if len(found) == len(roots) else None

    def _known_root(
        self,
        caller: Caller,
        variables: VariableValues,
        asked: RequestArguments,
        selected: SelectedField,
        root: CachedField,
        *,
        may_be_cached: bool,
    ) -> KnownRoot | None:
        assert self._cache is not None
        name = selected.response_name.encode()
        if selected.definition is None:
            return KnownRoot(name, type_name(selected))
        if not (may_be_cached and root.may_be_cached) or selected.name == "nodes":
            return None
        arguments = asked.roots.get(selected, {})
        lifetime_s = self._cache.lifetime_s(root.kinds(arguments))
        subject = root.subject(caller.viewer, arguments) if lifetime_s else None
        if subject is None:
            return None
        return KnownRoot(name, None, root.key(caller, subject, variables), subject, lifetime_s)

    async def close(self) -> None:
        if self._versions is not None:
            await self._versions.close()

    async def answer(self, context: Context, prepared: PreparedOperation) -> PlannedData | None:
        """Answer a query. None: graphql-core is to run it. Raises DatabaseError, TooBusy."""
        try:
            found = await self._run(context, prepared)
        except NotPlanned as error:
            self.fallbacks[error.reason] += 1
        except TooBusy:
            raise  # graphql-core would do on the event loop what there is no time for beside it
        except CallerError as error:
            self.fallbacks[error.code] += 1
        except GraphQLError:  # arguments whose values do not fit
            self.fallbacks["arguments"] += 1
        except DatabaseError:
            raise  # graphql-core would meet it too, after waiting as long again
        except Exception:
            # the answer is only slower, but the plan needs mending
            logger.warning("a plan failed, graphql-core takes over", exc_info=True)
            self.fallbacks["failed"] += 1
        else:
            self.planned += 1
            return found
        return None

    async def _run(self, context: Context, prepared: PreparedOperation) -> PlannedData:
        operation, variables = prepared.operation, prepared.variables
        kept: _OperationPlans | None = operation.derived
        if kept is None:
            kept = operation.derived = _OperationPlans()
        if operation.is_introspection:
            return await self._introspect(context, kept, operation, variables)
        directives = operation.directives(variables)
        tree = kept.trees.find(directives)
        if tree is None:
            tree = QueryTree.from_operation(self._schema, operation, variables)
            kept.trees.keep(directives, tree)
            self._weigh(operation, kept)
        asked = tree.read(variables)

        async def compute(indexes: Sequence[int]) -> list[Answer]:
            shapes = tuple([each.shape for each in asked.arguments.values()])
            types = tuple([asked_type(field, values) for field, values in asked.roots.items()])
            key = (context.viewer.audience, directives, tuple(indexes), shapes, types)
            plan = kept.plans.find(key)
            if plan is None:
                plan = await self._compile(context, tree, asked, key[2])
                kept.plans.keep(key, plan)
                self._weigh(operation, kept)
            row = await plan.fetch(context, asked)
            return [
                await self._written(context, row[column], plan, asked)
                if column is not None
                else Answer(computed(tree.roots[index], context, asked))
                for index, column in zip(indexes, plan.columns, strict=True)
            ]

        if self._cache is not None and tree.may_be_cached and context.switches.resolver_cache:
            requests = await self._cache_requests(self._cache, context, tree, variables, asked)
            if any(requests):
                entries = await self._cache.answers(requests, compute)
                return _from_entries(tree.roots, entries, requests)
        return _from_answers(tree.roots, await compute(range(len(tree.roots))))

    async def _written(
        self, context: Context, text: str, plan: QueryPlan, asked: RequestArguments
    ) -> Answer:
        """Write the answer of a root field from its text.

        Long ones are drawn in a thread, in turns with other callers'. What drawing takes is charged
        and bounded as time in the database is. Raises StatementTimeout.
        """
        if not plan.drawings:
            return Answer(text.encode())
        drawn, meter = DrawnText(text, plan.drawings, asked), context.database_work
        if len(text) <= _LONGEST_INLINE:
            meter.add(drawn.go_on())
        while not drawn.is_done:
            meter.add(await self._in_thread(context, drawn.go_on, _TURN_MS))
            context.database.check_work(meter)
        return drawn.answer

    async def _cache_requests(
        self,
        cache: RootFieldCache,
        context: Context,
        tree: QueryTree,
        variables: VariableValues,
        asked: RequestArguments,
    ) -> list[CacheRequest | None]:
        """Make a request to the cache for each root field. None: it is not cached.

        Raises InvalidId.
        """
        subjects: list[Subject | None] = []
        lifetimes = []
        for root, selected in zip(tree.cached_fields, tree.roots, strict=True):
            arguments = asked.roots.get(selected, {})
            lifetime_s = cache.lifetime_s(root.kinds(arguments)) if root.may_be_cached else 0.0
            lifetimes.append(lifetime_s)
            subjects.append(root.subject(context.viewer, arguments) if lifetime_s else None)
        stored: set[Subject] = {
            each for each in subjects if each is not None and each is not SharedSubject.NO_ATHLETE
        }
        versions: Versions = {}
        if stored and self._versions is not None:
            versions = await self._versions.read(stored)
        requests: list[CacheRequest | None] = []
        for root, subject, lifetime_s in zip(tree.cached_fields, subjects, lifetimes, strict=True):
            is_stored = subject is not SharedSubject.NO_ATHLETE
            version = versions.get(subject) if subject is not None and is_stored else 0
            if subject is None or version is None:  # not cached, or an athlete that does not exist
                requests.append(None)
            else:
                key = root.key(context.caller, subject, variables)
                requests.append(CacheRequest(key, subject, version, lifetime_s))
        return requests

    async def _introspect(
        self,
        context: Context,
        kept: _OperationPlans,
        operation: Operation,
        variables: VariableValues,
    ) -> PlannedData:
        """Answer a question about the schema, by graphql-core (50 ms) the first time."""
        key = tuple(sorted(variables.coerced.items()))
        found = kept.answers.find(key)
        if found is None:
            found = await self._documents.introspect(operation, variables, context.caller_key)
            if found is None:
                raise NotPlanned("introspection")
            if self._documents.may_keep(found):
                kept.answers.keep(key, found)
                self._weigh(operation, kept)
        return PlannedData([found], 0, _SCHEMA_PUBLIC_S)

    def _weigh(self, operation: Operation, kept: _OperationPlans) -> None:
        operation.derived_bytes = kept.bytes
        self._documents.weigh_again(operation)

    async def _compile(
        self,
        context: Context,
        tree: QueryTree,
        asked: RequestArguments,
        indexes: tuple[int, ...],
    ) -> QueryPlan:
        """Compile the plan for the root fields at some indexes."""
        if tree.size <= _MOST_INLINE:
            return compile_plan(context, tree, asked, indexes)
        return await self._in_thread(context, compile_plan, context, tree, asked, indexes)

    async def _in_thread(
        self, context: Context, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            return await self._worker.run(context.caller_key, function, *args, **kwargs)
        except TooManyWaiting:
            raise TooBusy from None


def _from_answers(roots: list[SelectedField], answers: Sequence[Answer]) -> PlannedData:
    bodies = [each.body for each in answers]
    objects = sum([each.objects for each in answers]) + _count_nulls(roots, bodies)
    return PlannedData(_object(roots, bodies), objects)


def _from_entries(
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
