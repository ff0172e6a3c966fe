"""Requests of the short way that are fetched, or wait for one of their caller's slots."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from functools import partial
from time import monotonic, perf_counter
from typing import Any, NamedTuple

from graph.at_hand import PaidQuery, ReadyAnswer
from graph.cost.charge import Charge
from graph.operation_request import FailedFetch
from graph.shared_fetches import Fetched
from logs import bind
from runtime import tracing
from web.http.request_trace import request_step
from web.http.short_way import LATER, Answered, Later, LongWay, ShortAnswer
from web.limits.cost_budget import CallerBudget
from web.protocols.handed_over import HandedOver
from web.protocols.short_answer import (
    PATH,
    ShortRequest,
    compressed,
    is_compressed_apart,
    written,
)
from web.services import Services
from web.slow_operations import EndedOperation


class _Fetch(NamedTuple):
    """A request that is fetched in a slot. `began_s` is by `perf_counter`."""

    request: ShortRequest
    paid: PaidQuery
    began_s: float


class LaterAnswers:
    """Answers that come later."""

    def __init__(self, services: Services) -> None:
        self._services, self._answers = services, services.at_hand
        self._most_bytes = services.settings.answer_max_bytes
        # kept, as asking asyncio for it costs a system call
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: dict[object, asyncio.Task[None]] = {}

    def begin_fetch(self, request: ShortRequest, answered: Answered) -> Later | None:
        """Fetch an answer in one of the caller's slots. None: it takes the long way."""
        if not self._answers.may_fetch:
            return None
        if tracing.is_on():
            return self.by_task(self._traced(request), answered)
        queue, handed = self._services.limits.fair_queue, HandedOver()
        if queue.try_acquire(request.key):
            return self._fetch(request, handed, answered)
        if not request.switches.rate_limiting:
            return self.by_task(self._fetched(request, handed), answered)
        slot = queue.line_up(request.key, handed.wait)
        if slot is None:
            return None
        go_on = partial(self._go_on, request, handed, answered, monotonic())
        slot.add_done_callback(go_on, context=Context())
        return LATER

    def _go_on(
        self,
        request: ShortRequest,
        handed: HandedOver,
        answered: Answered,
        waited_from_s: float,
        slot: "asyncio.Future[bool]",
    ) -> None:
        """Fetch an answer once its slot came, or go the long way if it did not."""
        handed.wait.seconds += monotonic() - waited_from_s
        later = None
        try:
            if slot.result():
                later = self._fetch(request, handed, answered)
        finally:
            if later is None:
                answered(LongWay(handed))

    def _fetch(self, request: ShortRequest, handed: HandedOver, answered: Answered) -> Later:
        """Fetch an answer in a slot: without a task, where nothing else has to be waited for."""
        try:
            charge = self._charge_now(request)
            if charge is not None:
                fetch = self._paid(request, charge)
                send = partial(self._send, fetch, handed, answered)
                self._answers.begin_fetch(fetch.paid, send)
                return LATER
        except BaseException:
            self._services.limits.fair_queue.release(request.key)
            raise
        return self.by_task(self._in_slot(request, handed), answered)

    def _paid(self, request: ShortRequest, charge: Charge) -> _Fetch:
        head, work = request.head, self._services.slow_operations.meter()
        paid = PaidQuery(request.query, request.key, charge, head.client, self._most_bytes, work)
        return _Fetch(request, paid, perf_counter())

    def _charge_now(self, request: ShortRequest) -> Charge | None:
        """Count and charge the request. None: one of them has to wait, and neither is done."""
        requests, address = self._services.limits.requests, request.head.address
        is_limited = request.switches.rate_limiting
        if is_limited and not requests.admit_now(address):
            return None
        charge = self._answers.charge(request.query, self.budget(request))
        if charge is None and is_limited:
            requests.give_back(address)
        return charge

    def _send(
        self, fetch: _Fetch, handed: HandedOver, answered: Answered, fetched: Fetched
    ) -> None:
        """Answer with what was fetched, or give back what was counted."""
        request = fetch.request
        answer: ShortAnswer | LongWay | Later | None = None
        try:
            ready = self._answers.ready(fetch.paid, fetched)
            self._tell_if_slow(fetch, ready)
            answer = self._answer_of(request, ready, handed, answered)
        finally:
            self._services.limits.fair_queue.release(request.key)
            if answer is not LATER:
                answered(answer)

    def _answer_of(
        self,
        request: ShortRequest,
        ready: ReadyAnswer | FailedFetch | None,
        handed: HandedOver,
        answered: Answered,
    ) -> ShortAnswer | LongWay | Later:
        if isinstance(ready, ReadyAnswer):
            if is_compressed_apart(request, ready):
                return self.by_task(compressed(request, ready), answered)
            return written(request, ready)
        if request.switches.rate_limiting:
            self._services.limits.requests.give_back(request.head.address)
        handed.failed = ready
        return LongWay(handed)

    def by_task(
        self, work: Coroutine[Any, Any, ShortAnswer | LongWay], answered: Answered
    ) -> Later:
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

    async def _traced(self, request: ShortRequest) -> ShortAnswer | LongWay:
        with request_step("POST", {}, PATH) as request.step:
            return await self._fetched(request, HandedOver())

    async def _fetched(self, request: ShortRequest, handed: HandedOver) -> ShortAnswer | LongWay:
        """Fetch an answer in one of the caller's slots, or give back what was counted."""
        if not await self.has_turn(request, handed):
            return LongWay(handed)
        return await self._in_slot(request, handed)

    async def _in_slot(self, request: ShortRequest, handed: HandedOver) -> ShortAnswer | LongWay:
        """Fetch an answer, and release the slot."""
        try:
            ready = await self._charged(request)
        finally:
            self._services.limits.fair_queue.release(request.key)
        if isinstance(ready, ReadyAnswer):
            return await compressed(request, ready)
        handed.failed = ready
        return LongWay(handed)

    async def _charged(self, request: ShortRequest) -> ReadyAnswer | FailedFetch | None:
        """Count and charge the request, and fetch its answer."""
        requests, head = self._services.limits.requests, request.head
        is_limited = request.switches.rate_limiting
        # Each second Redis is asked once for all: on the long way they would wait for a slot again.
        if is_limited and not (
            requests.admit_now(head.address) or await requests.admit_soon(head.address)
        ):
            return None
        ready: ReadyAnswer | FailedFetch | None = None
        budget = self.budget(request)
        charge = self._answers.charge(request.query, budget)
        if charge is None:
            charge = await self._answers.charge_soon(request.query, budget)
        if charge is not None:
            ready = await self._watched(request, charge)
        if is_limited and not isinstance(ready, ReadyAnswer):
            requests.give_back(head.address)
        return ready

    async def _watched(
        self, request: ShortRequest, charge: Charge
    ) -> ReadyAnswer | FailedFetch | None:
        """Fetch an answer, and log it if that was slow."""
        fetch = self._paid(request, charge)
        ready = await self._answers.fetch(fetch.paid)
        self._tell_if_slow(fetch, ready)
        return ready

    def _tell_if_slow(self, fetch: _Fetch, ready: ReadyAnswer | FailedFetch | None) -> None:
        """Log a fetch that was slow, unless the request is executed yet."""
        seconds, slow = perf_counter() - fetch.began_s, self._services.slow_operations
        if ready is None or not slow.is_slow(seconds):
            return
        query, paid = fetch.request.query, fetch.paid
        ended = EndedOperation(query.text, query.name, query.caller, paid.charge, paid.work)
        context = Context()  # its names are in no other lines
        context.run(bind, **fetch.request.names())
        context.run(slow.tell, seconds, ended)

    async def has_turn(self, request: ShortRequest, handed: HandedOver) -> bool:
        """Wait for one of the caller's slots."""
        return await self._services.limits.fair_queue.acquire_in_time(
            request.key, handed.wait, is_limited=request.switches.rate_limiting
        )

    def budget(self, request: ShortRequest) -> CallerBudget:
        """Get the budget of a request's caller."""
        return self._services.budgets.of(
            request.caller.viewer.account_id,
            request.head.address,
            is_enforced=request.switches.cost_limiting,
        )
