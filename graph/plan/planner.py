"""Runs queries by plan: one statement for all stored data, and Python for computed fields.

What plans do not cover, and what fails in one, is left to graphql-core, which owns errors and null
propagation. A query has no effects, so it can be run again.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

from graphql import GraphQLError
from graphql.execution.values import VariableValues

from db.errors import DatabaseError
from db.snapshot import RowReader
from flags.switches import Switches
from graph.cache.cached_field import CachedField
from graph.cache.data_versions import DataVersions, Versions
from graph.cache.entry import Answer, CacheRequest
from graph.cache.key import SharedSubject, Subject
from graph.cache.root_field_cache import RootFieldCache
from graph.context import Caller, Context
from graph.delivery.parts import SplitOperation
from graph.delivery.splitter import split
from graph.document.errors import TooBusy
from graph.document.operation import Operation, PreparedOperation
from graph.document.store import DocumentStore
from graph.errors import AnswerTooLong, CallerError
from graph.plan.computed import computed, type_name
from graph.plan.kept_plans import KnownRoot, OperationPlans, ReadSource, ReadyQuery, plan_key
from graph.plan.plan import QueryPlan, compile_plan, compile_soon
from graph.plan.planned_data import PlannedData, from_answers, from_entries
from graph.plan.query_tree import QueryTree, RequestArguments
from graph.plan.rows_json import WrittenText
from graph.plan.selection import NotPlanned, SelectedField
from graph.plan.streams_json import DrawnText
from graph.plan.warm_up import WarmUp
from graph.schema.build import Schema
from runtime import tracing
from runtime.round_robin import TooManyWaiting
from runtime.worker_thread import WorkerThread

_SCHEMA_PUBLIC_S = 60
_LONGEST_INLINE = 256 * 1024
"""Characters with streams that are drawn on the event loop, in some 5 ms."""
_TURN_MS = 50.0
"""Milliseconds after which the drawing of one answer lets others go on."""

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


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
        self.warm_up = WarmUp(schema)
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
        kept: OperationPlans | None = operation.derived
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

    def known_plan(
        self, caller: Caller, switches: Switches, prepared: PreparedOperation
    ) -> ReadyQuery | None:
        """Get the plan of a query whose root fields are fetched, and none of them cached.

        None also where it was not run yet, took long, or its arguments are refused.
        """
        operation, variables = prepared.operation, prepared.variables
        kept: OperationPlans | None = operation.derived
        tree = kept and kept.trees.find(operation.directives(variables))
        if not kept or not tree or prepared.is_search or operation.has_parts:
            return None
        if self._cache and tree.may_be_cached and switches.resolver_cache:
            return None
        indexes = tuple(range(len(tree.roots)))
        try:
            asked = tree.read(variables)
            plan = kept.plans.find(plan_key(caller, prepared, asked, indexes))
        except (CallerError, GraphQLError, NotPlanned):
            plan = None
        if plan is None or not plan.is_fetched_soon:
            return None
        for root, column in zip(tree.roots, plan.columns, strict=True):
            # what is computed, and lists whose nulls count
            if root.name == "nodes" or (column is None and root.definition is not None):
                return None
        return ReadyQuery(tree, asked, plan, indexes)

    async def close(self) -> None:
        await self.warm_up.close()
        if self._versions is not None:
            await self._versions.close()

    async def answer(self, context: Context, prepared: PreparedOperation) -> PlannedData | None:
        """Answer a query. None: graphql-core is to run it. Raises DatabaseError, TooBusy."""
        found = await self.attempt(self._run(context, prepared))
        self.planned += found is not None
        return found

    async def attempt(self, planned: Awaitable[T]) -> T | None:
        """Await what is planned. None: graphql-core is to run it. Raises DatabaseError, TooBusy."""
        try:
            found = await planned
        except NotPlanned as error:
            self.fallbacks[error.reason] += 1
        except (TooBusy, AnswerTooLong):
            raise  # graphql-core would do on the event loop what there is no time for beside it
        except CallerError as error:
            self.fallbacks[error.code] += 1
        except GraphQLError:  # values of arguments do not fit
            self.fallbacks["arguments"] += 1
        except DatabaseError:
            raise  # graphql-core would meet it too, after waiting as long again
        except Exception:
            # the answer is only slower, but the plan needs mending
            logger.warning("a plan failed, graphql-core takes over", exc_info=True)
            self.fallbacks["failed"] += 1
        else:
            return found
        return None

    def split(self, prepared: PreparedOperation) -> SplitOperation | None:
        """Split an operation with @defer and @stream. None: it is answered at once.

        Raises InvalidArgument for a directive's argument.
        """
        operation, variables = prepared.operation, prepared.variables
        kept, sizes = OperationPlans.of(operation), operation.sizes(variables)
        if sizes in kept.splits:
            return kept.splits.find(sizes)
        found = split(self._schema.core, operation, variables)
        kept.splits.keep(sizes, found)
        self.weigh(operation)
        return found

    async def whole_requests(
        self, context: Context, prepared: PreparedOperation
    ) -> dict[str, CacheRequest]:
        """Make requests to the cache for all root fields, by response name.

        Empty: one of them is not cached. Root fields of several types are not: the order of their
        members depends on the type.

        Raises NotPlanned, CallerError, GraphQLError, DatabaseError.
        """
        tree, asked = await self._tree(context, prepared)
        if self._cache is None or not (tree.may_be_cached and context.switches.resolver_cache):
            return {}
        found = await self._cache_requests(context, tree, prepared.variables, asked)
        named = zip(tree.roots, found, strict=True)
        requests = {root.response_name: each for root, each in named if each is not None}
        has_one_type = all(len(each.below) <= 1 for each in tree.roots)
        return requests if has_one_type and len(requests) == len(found) else {}

    def are_at_hand(self, requests: Mapping[str, CacheRequest]) -> bool:
        """Tell whether this process has the answers to some requests, of which there are any."""
        cache = self._cache
        return cache is not None and bool(requests) and all(map(cache.at_hand, requests.values()))

    def keep(self, requests: Mapping[str, CacheRequest], bodies: Mapping[str, bytes]) -> None:
        """Keep the answers to root fields, by response name, that were not computed by `answer`."""
        if self._cache is not None:
            for name, request in requests.items():
                self._cache.keep(request, Answer(bodies[name]))

    async def ready(self, context: Context, prepared: PreparedOperation) -> ReadyQuery:
        """Get the plan of a query, with the arguments of a request.

        Raises NotPlanned, CallerError, GraphQLError.
        """
        tree, asked = await self._tree(context, prepared)
        return await self._ready(context, prepared, tree, asked, range(len(tree.roots)))

    async def fetch(self, context: Context, ready: ReadyQuery, rows: RowReader) -> PlannedData:
        """Fetch the data of a query from `rows`. Raises DatabaseError, NotPlanned, TooBusy."""
        answers = await self._answers(context, ready, rows)
        return from_answers(ready.tree.roots, answers)

    def weigh(self, operation: Operation) -> None:
        """Count what is now kept for an operation."""
        operation.derived_bytes = OperationPlans.of(operation).bytes
        self._documents.weigh_again(operation)

    async def _run(
        self, context: Context, prepared: PreparedOperation, source: ReadSource | None = None
    ) -> PlannedData:
        """Run a query on `source`, or on the context's database."""
        operation, variables = prepared.operation, prepared.variables
        if operation.is_introspection:
            return await self._introspect(context, operation, variables)
        tree, asked = await self._tree(context, prepared)

        async def compute(indexes: Sequence[int]) -> list[Answer]:
            ready = await self._ready(context, prepared, tree, asked, indexes)
            return await self._answers(context, ready, source.rows if source else context.database)

        if self._cache is not None and tree.may_be_cached and context.switches.resolver_cache:
            requests = await self._cache_requests(context, tree, variables, asked, source)
            if any(requests):
                entries = await self._cache.answers(requests, compute)
                return from_entries(tree.roots, entries, requests)
        return from_answers(tree.roots, await compute(range(len(tree.roots))))

    async def _tree(
        self, context: Context, prepared: PreparedOperation
    ) -> tuple[QueryTree, RequestArguments]:
        operation, variables = prepared.operation, prepared.variables
        kept, directives = OperationPlans.of(operation), operation.directives(variables)
        tree = kept.trees.find(directives)
        if tree is None:
            await self.warm_up.statements()
            with context.database_work.computing():
                tree = QueryTree.from_operation(self._schema, operation, variables)
            kept.trees.keep(directives, tree)
            self.weigh(operation)
        return tree, tree.read(variables)

    async def _ready(
        self,
        context: Context,
        prepared: PreparedOperation,
        tree: QueryTree,
        asked: RequestArguments,
        indexes: Sequence[int],
    ) -> ReadyQuery:
        """Get the plan of the root fields at some indexes."""
        operation = prepared.operation
        key = plan_key(context.caller, prepared, asked, tuple(indexes))
        kept = OperationPlans.of(operation)
        plan = kept.plans.find(key)
        if plan is None:
            with tracing.span("graphql.plan"):
                plan = await self._compile(context, tree, asked, key[2])
            kept.plans.keep(key, plan)
            self.weigh(operation)
        return ReadyQuery(tree, asked, plan, key[2])

    async def _answers(self, context: Context, ready: ReadyQuery, rows: RowReader) -> list[Answer]:
        tree, asked, plan, indexes = ready
        row = await plan.fetch(context, asked, rows)
        return [
            await self._written(context, row[column], plan, asked)
            if column is not None
            else Answer(computed(tree.roots[index], context, asked))
            for index, column in zip(indexes, plan.columns, strict=True)
        ]

    async def _written(
        self, context: Context, written: WrittenText, plan: QueryPlan, asked: RequestArguments
    ) -> Answer:
        """Write the answer of a root field from its text.

        Long ones are drawn in a thread, in turns with other callers'. What drawing takes is charged
        and bounded as time in the database is. Raises StatementTimeout.
        """
        text = written.text
        if not plan.drawings:
            return Answer(text.encode(), counted=written.objects)
        drawn, meter = DrawnText(text, plan.drawings, asked), context.database_work
        if len(text) <= _LONGEST_INLINE:
            meter.add(drawn.go_on())
        while not drawn.is_done:
            meter.add(await self._in_thread(context, drawn.go_on, _TURN_MS))
            context.database.check_work(meter)
        return drawn.answer

    async def _cache_requests(
        self,
        context: Context,
        tree: QueryTree,
        variables: VariableValues,
        asked: RequestArguments,
        source: ReadSource | None = None,
    ) -> list[CacheRequest | None]:
        """Make a request to the cache for each root field. None: it is not cached.

        Raises InvalidId.
        """
        cache, subjects = self._cache, list[Subject | None]()
        assert cache is not None
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
        reader = source.versions if source else self._versions
        if stored and reader is not None:
            versions = await reader.read(stored)
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
        self, context: Context, operation: Operation, variables: VariableValues
    ) -> PlannedData:
        """Answer a question about the schema, by graphql-core (50 ms) the first time."""
        kept = OperationPlans.of(operation)
        key = tuple(sorted(variables.coerced.items()))
        found = kept.answers.find(key)
        if found is None:
            found = await self._documents.introspect(operation, variables, context.caller_key)
            if found is None:
                raise NotPlanned("introspection")
            if self._documents.may_keep(found):
                kept.answers.keep(key, found)
                self.weigh(operation)
        return PlannedData([found], 0, _SCHEMA_PUBLIC_S)

    async def _compile(
        self, context: Context, tree: QueryTree, asked: RequestArguments, indexes: tuple[int, ...]
    ) -> QueryPlan:
        """Compile the plan for the root fields at some indexes."""
        plan = compile_soon(context, tree, asked, indexes)
        if plan is None:
            plan = await self._in_thread(context, compile_plan, context, tree, asked, indexes)
        return plan

    async def _in_thread(
        self, context: Context, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            return await self._worker.run(context.caller_key, function, *args, **kwargs)
        except TooManyWaiting:
            raise TooBusy from None
