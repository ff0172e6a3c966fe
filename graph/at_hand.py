"""Answers at hand: constants, answers of the cache in this process, and queries with a known plan.

They are answered in the same turn of the event loop, or, where the versions of data have to be read
first, in a callback of that read, without a task. What is not cached is fetched by the statement that
answered it before. The steps are those of `graph/execution.py`, in which everything else is executed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple, Protocol

from db.errors import DatabaseBusy, DatabaseError, StatementTimeout
from db.session import AsyncDatabase
from db.trace_steps import reading_step
from flags.switches import Switches
from graph.cache.data_versions import DataVersions, Listener, Versions
from graph.cache.entry import Answer, CacheRequest
from graph.cache.key import SharedSubject, Subject
from graph.cache.root_field_cache import RootFieldCache
from graph.context import Caller, Client, OriginalFiles
from graph.cost.budget import Budget, BudgetState
from graph.cost.charge import Charge, actual_cost, report_json
from graph.document.operation import Document, PreparedOperation
from graph.document.store import DocumentStore
from graph.errors import AnswerTooLong
from graph.execution_policy import ExecutionPolicy
from graph.operation_request import FailedFetch
from graph.plan.computed import type_name
from graph.plan.kept_plans import KnownRoot, ReadyQuery
from graph.plan.planner import Planner
from graph.shared_fetches import Fetched, SharedFetches, SharedRequest
from runtime.work_meter import WorkMeter

_PAUSE_S = 1.0
"""After a failure all goes the long way for so long: it tries again, and tells what failed."""
_WOULD_FAIL_AGAIN = (AnswerTooLong, StatementTimeout, DatabaseBusy, TimeoutError)
"""What the executor would meet again, after as much work or waiting."""
_BEGIN = b'{"data":{'


class ImmediateBudget(Budget, Protocol):
    """A budget that may be charged without waiting."""

    def charge_now(self, cost: int, actual: int) -> BudgetState | None:
        """Take `actual` if there is enough for `cost` too, as a charge that is settled at once does.

        None: nothing is taken; `charge` may have to wait, or refuses.
        """

    async def charge_soon(self, cost: int) -> BudgetState | None:
        """Take `cost`, which may have to wait for Redis. None: `charge` refuses it."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownQuery:
    """A query of one caller, with its variables. Its answer may be at hand.

    The versions of `subjects` decide whether the cache's entries are current. With a `plan` it is
    fetched, and has no roots; `values` are its parameters', None where they differ each time.
    """

    text: str
    document: Document
    caller: Caller
    switches: Switches
    prepared: PreparedOperation
    roots: list[KnownRoot]
    subjects: frozenset[Subject]
    plan: ReadyQuery | None = None
    values: Sequence[Any] | None = None

    @property
    def name(self) -> str | None:
        """The operation's name; None if it has none."""
        return self.prepared.operation.name


class ReadyAnswer(NamedTuple):
    """The body of a response in parts, and the caller's budget after it."""

    parts: list[bytes]
    budget: BudgetState


class PaidQuery(NamedTuple):
    """A query that is charged and to be fetched. Its answer may have at most some `most_bytes`.

    `payer` names who has its slot and pays; `work` meters it, and notes its statement.
    """

    query: KnownQuery
    payer: str
    charge: Charge
    client: Client
    most_bytes: int
    work: WorkMeter


class PlanSource(NamedTuple):
    """Where plans are fetched, and what they need to know of originals."""

    database: AsyncDatabase
    originals: OriginalFiles


@dataclass(frozen=True, slots=True)
class _PlanCaller:
    """The caller, as plans need it."""

    caller: Caller
    originals: OriginalFiles


class AnswersAtHand:
    """Finds the answers of one process."""

    def __init__(
        self,
        documents: DocumentStore,
        planner: Planner,
        cache: RootFieldCache,
        versions: DataVersions,
        policy: ExecutionPolicy,
        *,
        source: PlanSource,
    ) -> None:
        self._documents, self._planner = documents, planner
        self._cache, self._versions, self._policy = cache, versions, policy
        self._source = source
        self._fetches = SharedFetches(source.database, policy.timeout_s)
        self._paused_until = 0.0
        self.answered = 0
        """How many queries were answered, since the process started."""
        self.fetched = 0
        """How many were fetched."""

    def query(
        self,
        caller: Caller,
        switches: Switches,
        text: str,
        variables: Mapping[str, Any],
        operation_name: str | None,
    ) -> KnownQuery | None:
        """Get a query, if its document was read and planned before and all of it is known.

        None: it goes the long way.
        """
        document = self._documents.known(text)
        if document is None or not document.is_valid or not switches.planned_execution:
            return None
        operation = document.operation(operation_name)
        if operation is None or not operation.is_query or operation.asks_about_schema:
            return None
        prepared = operation.prepare(variables)
        if isinstance(prepared, list):
            return None
        roots, plan = self._planner.known_roots(caller, switches, prepared), None
        if roots is None:
            roots, plan = [], self._planner.known_plan(caller, switches, prepared)
            if plan is None:
                return None
        subjects = frozenset(
            each.subject for each in roots if each.subject is not SharedSubject.NO_ATHLETE
        )
        values = self._values(caller, plan) if plan is not None and plan.plan.is_lasting else None
        return KnownQuery(text, document, caller, switches, prepared, roots, subjects, plan, values)

    def _values(self, caller: Caller, ready: ReadyQuery) -> Sequence[Any]:
        return ready.plan.values(ready.asked, _PlanCaller(caller, self._source.originals))

    def is_current(self, query: KnownQuery, caller: Caller, switches: Switches) -> bool:
        """Tell whether a query is still the same for this caller, and its document still kept."""
        return (
            (query.caller is caller or query.caller == caller)
            and query.switches is switches
            and self._documents.known(query.text) is query.document
            and self._versions.is_sound
        )

    def read_versions(self, query: KnownQuery, listener: Listener) -> None:
        """Read the versions of the query's data, and call `listener` when they are there."""
        self._versions.tell(query.subjects, listener)

    def answer(
        self,
        query: KnownQuery,
        versions: Versions,
        budget: ImmediateBudget,
        client: Client,
        most_bytes: int,
    ) -> ReadyAnswer | None:
        """Answer with at most some `most_bytes`, and charge it.

        None: nothing is charged, and the query has to be executed.
        """
        parts = [_BEGIN]
        objects = found = 0
        for name, constant, key, subject, lifetime_s in query.roots:
            json = constant
            if json is None:
                assert key is not None
                is_stored = subject is not SharedSubject.NO_ATHLETE
                version = versions.get(subject) if is_stored else 0
                if version is None:
                    return None
                entry = self._cache.at_hand(CacheRequest(key, subject, version, lifetime_s))
                if entry is None:
                    return None
                json = entry.body
                objects += entry.objects
                found += 1
            parts += [b'%b"%b":' % (_separator(parts), name), json]
        if sum(map(len, parts)) > most_bytes:
            return None
        prepared = query.prepared
        if prepared.cost > budget.operation_limit:
            return None  # it is refused, or told of
        # charged and settled at once, as the executor does one after the other
        actual = actual_cost(prepared.cost, objects, asks_about_schema=False)
        state = budget.charge_now(prepared.cost, actual)
        if state is None:
            return None
        self.answered += 1
        self._planner.planned += 1
        self._cache.count_at_hand(found)
        self._count_use(query, client)
        parts += b'},"extensions":{"cost":', report_json(prepared.cost, actual, state), b"}}"
        return ReadyAnswer(parts, state)

    def charge(self, query: KnownQuery, budget: ImmediateBudget) -> Charge | None:
        """Charge a query before it is fetched. None: see `charge_soon`."""
        cost = query.prepared.cost
        if cost > budget.operation_limit:
            return None
        state = budget.charge_now(cost, cost)
        return None if state is None else self._begun(query, budget, state)

    async def charge_soon(self, query: KnownQuery, budget: ImmediateBudget) -> Charge | None:
        """Charge a query, once Redis has told of a budget. None: it is refused."""
        cost = query.prepared.cost
        if cost > budget.operation_limit:
            return None
        state = await budget.charge_soon(cost)
        return None if state is None else self._begun(query, budget, state)

    @staticmethod
    def _begun(query: KnownQuery, budget: ImmediateBudget, state: BudgetState) -> Charge:
        prepared = query.prepared
        return Charge(budget, prepared.cost, state, searches=prepared.is_search)

    @property
    def may_fetch(self) -> bool:
        """Whether queries are fetched now: not just after one failed."""
        return monotonic() >= self._paused_until

    async def fetch(self, paid: PaidQuery) -> ReadyAnswer | FailedFetch | None:
        """Do as `begin_fetch` and `ready` do, one after the other."""
        came: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()

        def tell(fetched: Fetched) -> None:
            if not came.done():  # the request may have been cancelled
                came.set_result(fetched)

        self.begin_fetch(paid, tell)
        with reading_step():
            fetched = await came
        return self.ready(paid, fetched)

    def begin_fetch(self, paid: PaidQuery, listener: Callable[[Fetched], None]) -> None:
        """Fetch what answers a query by its plan; call `listener` in a later turn of the loop."""
        query, statements = paid.query, paid.work.statements
        assert query.plan is not None
        plan, values = query.plan.plan, query.values
        request: object = query
        if values is None:
            values, request = self._values(query.caller, query.plan), object()
        if statements is not None:
            assert plan.statement is not None
            statements.begin(plan.statement.text, values)
        self._fetches.join(plan, paid.payer, SharedRequest(request, values, listener))

    def ready(self, paid: PaidQuery, fetched: Fetched) -> ReadyAnswer | FailedFetch | None:
        """Answer a query with what was fetched for it, and settle its charge.

        None: it failed, its time in the database is paid, and it has to be executed. A FailedFetch
        would only fail again.
        """
        query, _, charge, client, most_bytes, work = paid
        assert query.plan is not None
        fetched.add_to(work)
        charge.spend_database_time(work)
        if (error := fetched.error) is not None:
            if isinstance(error, DatabaseError) and not isinstance(error, _WOULD_FAIL_AGAIN):
                self._paused_until = monotonic() + _PAUSE_S
            return self._failed(query, charge, client, error)
        parts = [_BEGIN]
        objects = 0
        for root, column in zip(query.plan.tree.roots, query.plan.plan.columns, strict=True):
            answer = Answer(type_name(root)) if column is None else fetched.answers[column]
            objects += answer.objects
            name = root.response_name.encode()
            parts += [b'%b"%b":' % (_separator(parts), name), answer.body]
        charge.settle(actual_cost(charge.requested, objects, asks_about_schema=False))
        parts += b'},"extensions":{"cost":', charge.report_json(), b"}}"
        if sum(map(len, parts)) > most_bytes:
            return self._failed(query, charge, client, AnswerTooLong(most_bytes))
        self.fetched += 1
        self._planner.planned += 1
        self._count_use(query, client)
        return ReadyAnswer(parts, charge.state)

    def _failed(
        self, query: KnownQuery, charge: Charge, client: Client, error: Exception
    ) -> FailedFetch | None:
        """Settle what failed, as the executor does. None: the executor settles it again."""
        if not isinstance(error, _WOULD_FAIL_AGAIN):
            if isinstance(error, DatabaseError):
                charge.waive_base()
            charge.settle(0)
            return None
        if isinstance(error, DatabaseBusy):
            charge.waive_base()
            charge.settle(0)
        elif isinstance(error, StatementTimeout):
            charge.settle(charge.requested)
        elif isinstance(error, AnswerTooLong) and charge.actual is None:
            charge.settle(1)
        self._count_use(query, client)
        return FailedFetch(query.name, charge, error)

    def _count_use(self, query: KnownQuery, client: Client) -> None:
        if self._policy.count_use is not None:
            self._policy.count_use(query.prepared.operation, client)


def _separator(parts: list[bytes]) -> bytes:
    """What stands before the next root field. There may be none: directives leave all of them out."""
    return b"," if len(parts) > 1 else b""
