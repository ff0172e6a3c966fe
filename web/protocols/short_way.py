"""The short way of `POST /graphql`: requests that `graph/at_hand.py` answers.

Status, headers, limits, log line and counts are those of `web/protocols/graphql_over_http.py`,
which answers everything else: requests with cookies, ids of their own, streams, dry runs and
persisted documents, callers that have to be looked up, budgets without a lease, flags that differ
between callers, and what is refused.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

from starlette.types import Scope

from flags.switches import Switches
from graph.at_hand import KnownQuery, ReadyAnswer
from graph.cache.data_versions import Versions
from graph.context import Caller, Client
from graph.cost.budget import BudgetState
from graph.cost.charge import BYTES_PER_POINT, Charge
from graph.operation_request import FailedFetch
from logs import bind
from runtime import tracing
from runtime.bounded_map import WeightedLru
from web.auth.credential_cache import Credential, CredentialKey, CredentialKind
from web.client_name import client_of
from web.errors import HttpRefusal
from web.http.compression import LARGE_BYTES, MIN_BYTES, Coding, coding_of, compress
from web.http.header_fields import by_name
from web.http.media_type import acceptable, require_json
from web.http.request_log import new_request_id, write_request
from web.http.request_trace import end_step, note_ended, request_step, told
from web.http.short_way import (
    LATER,
    Answered,
    KnownHead,
    KnownHeads,
    Later,
    LongWay,
    ShortAnswer,
)
from web.limits.cost_budget import CallerBudget
from web.limits.headers import rate_limit_headers
from web.limits.request_memory import FREE_BYTES, weight_of
from web.protocols import parameters
from web.protocols.handed_over import HandedOver
from web.protocols.operation_context import caller_key
from web.protocols.response import ResponseHead
from web.services import Services
from web.slow_operations import EndedOperation

_PATH = "/graphql"
_LONG_WAY_ONLY = frozenset(
    {
        b"cookie", b"x-request-id", b"traceparent", b"graphql-cost", b"graphql-explain", b"expect", b"transfer-encoding",
        b"upgrade", b"trailer",
    }
)  # fmt: skip
"""Fields of requests that have no short way."""
_COST_BYTES = 512
"""What is added to the data of an answer, at most: its cost."""
_KEPT_BYTES = 4 * 1024 * 1024
_QUERY_BYTES = 2500
"""Approximate size of a query that is kept, beside its body."""


@dataclass(frozen=True, slots=True)
class GraphQLHead:
    """What the head of a `POST /graphql` says; `begun` and `ended` are the answer's fields."""

    size: int
    address: str
    credential: CredentialKey | None
    coding: Coding | None
    client: Client
    begun: bytes
    ended: bytes


@dataclass(slots=True)
class _Request:
    """A request under way. `step` is its step of a trace, where it is fetched."""

    head: GraphQLHead
    caller: Caller
    key: str
    switches: Switches
    query: KnownQuery
    started: float
    step: tracing.Span = tracing.NO_SPAN
    request_id: str = field(default_factory=new_request_id)

    def names(self) -> dict[str, Any]:
        """Make the fields that all its lines have."""
        athlete_id = self.caller.viewer.athlete_id
        ids = {} if athlete_id is None else {"athlete_id": str(athlete_id)}
        return {"request_id": self.request_id, **ids}


class GraphQLShortWay:
    """`web.http.short_way.ShortWay` of the application."""

    def __init__(self, services: Services) -> None:
        self._services, self._answers = services, services.at_hand
        self.heads = KnownHeads()
        self._head = ResponseHead(services.settings, services.origins)
        self._most_bytes = services.settings.answer_max_bytes
        # kept, as asking asyncio for it costs a system call
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: dict[object, asyncio.Task[None]] = {}
        self._queries = WeightedLru[tuple[bytes, str], KnownQuery](_KEPT_BYTES, _size)

    def known_head(self, scope: Scope, size: int) -> GraphQLHead | None:
        """Read the head of a request with `size` bytes of body; None if it takes the long way."""
        headers = by_name(scope["headers"])
        if (
            scope["method"] != "POST"
            or scope["path"] != _PATH
            or size >= BYTES_PER_POINT
            or not _LONG_WAY_ONLY.isdisjoint(headers)
        ):
            return None
        try:
            accepts = acceptable(headers.get(b"accept"))
            coding = coding_of(headers.get(b"accept-encoding"))
            require_json(headers.get(b"content-type"), headers.get(b"content-encoding"))
        except HttpRefusal:
            return None
        fields = self._head.known_fields(headers, accepts.json or b"")
        if accepts.json is None or accepts.streams or coding.is_required or fields is None:
            return None
        return GraphQLHead(
            size,
            self._services.addresses.of(scope),
            _credential_of(headers),
            coding.coding,
            client_of(headers),
            *fields,
        )

    def begin(self, head: KnownHead, body: bytes, answered: Answered) -> ShortAnswer | Later | None:
        """Answer a request, or do so later by `answered`. None: it takes the long way."""
        assert isinstance(head, GraphQLHead)
        started, services = perf_counter(), self._services
        switches = services.flags.everybody
        if switches is None:
            return None
        caller = services.identity.known_caller(head.credential, switches)
        if caller is None:
            return None
        key = caller_key(caller, head.address)
        query = self._query(body, key, caller, switches)
        if query is None:
            return None
        request = _Request(head, caller, key, switches, query, started)
        if query.plan is not None:
            return self._begin_fetch(request, answered)
        if query.subjects:
            self._answers.read_versions(query, partial(self._go_on, request, answered))
            return LATER
        return self._finish(request, {}, answered)

    def _query(
        self, body: bytes, key: str, caller: Caller, switches: Switches
    ) -> KnownQuery | None:
        """Get the query of a body: worked out once for each caller, while nothing changes."""
        known = self._queries.find((body, key))
        if known is not None and self._answers.is_current(known, caller, switches):
            return known
        if weight_of(body) > FREE_BYTES:
            return None
        try:
            asked = parameters.from_body(body)
            text = None if "extensions" in asked else self._services.persisted.text_of_now(asked)
        except HttpRefusal:
            return None
        if text is None or not asked.get("query"):
            return None
        found = self._answers.query(
            caller, switches, text, asked.get("variables") or {}, asked.get("operationName") or None
        )
        if found is not None and not self._services.persisted.has_manifest:
            self._queries.keep((body, key), found)
        return found

    def _go_on(self, request: _Request, answered: Answered, versions: Versions | None) -> None:
        answer: ShortAnswer | Later | None = None
        try:
            if versions is not None:
                answer = self._finish(request, versions, answered)
        finally:
            if answer is not LATER:
                answered(answer)

    def _finish(
        self, request: _Request, versions: Versions, answered: Answered
    ) -> ShortAnswer | Later | None:
        """Answer with what is at hand, now or when it is the caller's turn. None: nothing was counted.

        The caller's slot is taken for the answer only: to wait for versions takes nothing of
        others.
        """
        queue, key = self._services.limits.fair_queue, request.key
        if not queue.try_acquire(key):
            # The long way would wait, too, then take a slot for longer, and the next would wait for that.
            return self._later(self._in_turn(request, versions), answered)
        try:
            return self._counted(request, versions)
        finally:
            queue.release(key)

    async def _in_turn(self, request: _Request, versions: Versions) -> ShortAnswer | LongWay:
        """Wait for one of the caller's slots, and answer with what is at hand then."""
        handed = HandedOver()
        if not await self._has_turn(request, handed):
            return LongWay(handed)
        try:
            return self._counted(request, versions) or LongWay(handed)
        finally:
            self._services.limits.fair_queue.release(request.key)

    async def _has_turn(self, request: _Request, handed: HandedOver) -> bool:
        """Wait for one of the caller's slots."""
        return await self._services.limits.fair_queue.acquire_in_time(
            request.key, handed.wait, is_limited=request.switches.rate_limiting
        )

    def _counted(self, request: _Request, versions: Versions) -> ShortAnswer | None:
        head, switches = request.head, request.switches
        requests = self._services.limits.requests
        if switches.rate_limiting and not requests.admit_now(head.address):
            return None
        # the executor refuses what is longer
        most_bytes = self._most_bytes - _COST_BYTES
        if head.coding is not None:
            most_bytes = min(most_bytes, LARGE_BYTES - _COST_BYTES)
        ready = self._answers.answer(
            request.query, versions, self._budget(request), head.client, most_bytes
        )
        if ready is not None:
            return self._written(request, ready)
        if switches.rate_limiting:
            requests.give_back(head.address)
        return None

    def _budget(self, request: _Request) -> CallerBudget:
        return self._services.budgets.of(
            request.caller.viewer.account_id,
            request.head.address,
            is_enforced=request.switches.cost_limiting,
        )

    def _begin_fetch(self, request: _Request, answered: Answered) -> Later | None:
        if not self._answers.may_fetch:
            return None
        return self._later(self._fetched(request), answered)

    def _later(self, work: Coroutine[Any, Any, ShortAnswer | LongWay], answered: Answered) -> Later:
        """Answer with what some work finds."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        # kept: the loop itself keeps no task that waits
        self._under_way[work] = loop.create_task(self._answer_by(work, answered), context=Context())
        return LATER

    async def _answer_by(
        self, work: Coroutine[Any, Any, ShortAnswer | LongWay], answered: Answered
    ) -> None:
        answer: ShortAnswer | LongWay | None = None
        try:
            answer = await work
        finally:
            del self._under_way[work]
            if isinstance(answer, ShortAnswer):
                answered(answer)
            else:
                assert self._loop is not None
                self._loop.call_soon(answered, answer, context=Context())

    async def _fetched(self, request: _Request) -> ShortAnswer | LongWay:
        """Fetch an answer in one of the caller's slots, or give back what was counted."""
        handed = HandedOver()
        with request_step("POST", {}, _PATH) as request.step:
            if not await self._has_turn(request, handed):
                return LongWay(handed)
            try:
                ready = await self._charged(request)
            finally:
                self._services.limits.fair_queue.release(request.key)
            if isinstance(ready, ReadyAnswer):
                return await self._compressed(request, ready)
            handed.failed = ready
            return LongWay(handed)

    async def _charged(self, request: _Request) -> ReadyAnswer | FailedFetch | None:
        """Count and charge the request, and fetch its answer."""
        requests, head = self._services.limits.requests, request.head
        is_limited = request.switches.rate_limiting
        # Each second Redis is asked once for all: on the long way they would wait for a slot again.
        if is_limited and not (
            requests.admit_now(head.address) or await requests.admit_soon(head.address)
        ):
            return None
        ready: ReadyAnswer | FailedFetch | None = None
        budget = self._budget(request)
        charge = self._answers.charge(request.query, budget)
        if charge is None:
            charge = await self._answers.charge_soon(request.query, budget)
        if charge is not None:
            ready = await self._watched(request, charge)
        if is_limited and not isinstance(ready, ReadyAnswer):
            requests.give_back(head.address)
        return ready

    async def _watched(self, request: _Request, charge: Charge) -> ReadyAnswer | FailedFetch | None:
        """Fetch an answer, and log it if that was slow."""
        query, slow, began_s = request.query, self._services.slow_operations, perf_counter()
        work = slow.meter()
        ready = await self._answers.fetch(
            query, charge, request.head.client, self._most_bytes, work
        )
        seconds = perf_counter() - began_s
        if ready is not None and slow.is_slow(seconds):
            bind(**request.names())
            slow.tell(seconds, EndedOperation(query.text, query.name, query.caller, charge, work))
        return ready

    async def _compressed(self, request: _Request, ready: ReadyAnswer) -> ShortAnswer:
        """Write the response. A large one is compressed in a thread."""
        coding = request.head.coding
        if coding is None or sum(map(len, ready.parts)) < LARGE_BYTES:
            return self._written(request, ready)
        body = await asyncio.to_thread(compress, b"".join(ready.parts), coding)
        return self._encoded(request, ready.budget, [body], coding)

    def _written(self, request: _Request, ready: ReadyAnswer) -> ShortAnswer:
        coding, parts = request.head.coding, ready.parts
        if coding is None or sum(map(len, parts)) < MIN_BYTES:
            return self._encoded(request, ready.budget, parts, None)
        body = compress(b"".join(parts), coding)
        return self._encoded(request, ready.budget, [body], coding)

    def _encoded(
        self, request: _Request, budget: BudgetState, parts: list[bytes], coding: Coding | None
    ) -> ShortAnswer:
        """Write the response of encoded parts, and the line of the log."""
        head, size = request.head, sum(map(len, parts))
        encoding = b"" if coding is None else b"content-encoding: %b\r\n" % coding.encode()
        limits = b"".join([b"%b: %b\r\n" % each for each in rate_limit_headers(budget)])
        trace = b"".join([b"%b: %b\r\n" % each for each in told(request.step)])
        fields = b"%b%bcontent-length: %d\r\n%bx-request-id: %b\r\n%b%b" % (
            head.begun,
            encoding,
            size,
            limits,
            request.request_id.encode(),
            trace,
            head.ended,
        )
        seconds, told_of = perf_counter() - request.started, {"operation": request.query.name}
        if request.query.plan is not None:
            end_step(request.step, 200, told_of)
        else:
            note_ended("POST", _PATH, seconds, request.query.name)
        write_request(
            "POST",
            _PATH,
            200,
            seconds,
            told_of,
            unbound=request.names(),
        )
        return ShortAnswer(fields, parts)


def _credential_of(headers: Mapping[bytes, bytes]) -> CredentialKey | None:
    """Get the key of a token's caller; an empty `Authorization` is none."""
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    if not authorization.strip():
        return None
    return Credential(CredentialKind.TOKEN, authorization).key


def _size(key: tuple[bytes, str], _: KnownQuery) -> int:
    return 2 * len(key[0]) + _QUERY_BYTES
