"""What every protocol gives an operation: its caller's key, its context, and a slot to run in."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from typing import Any

from graphql import OperationType

from db.write_positions import WRITES_FOR, viewer_name
from flags.switches import Switches
from graph.context import Caller, Context, UploadRules, WriteRules
from graph.cost.budget import Budget
from graph.delivery.writer import PartsForm
from graph.errors import OperationTimeout
from graph.operation_request import OperationRequest, OperationResult
from runtime.grace_period import end_with_grace
from web.limits.fair_queue import Wait
from web.protocols.stream_end import too_much_unread
from web.services import Services
from web.switches import switches_of

_PARTS = re.compile(r"@\s*(defer|stream)\b")
_TOO_MANY_REQUESTS = HTTPStatus.TOO_MANY_REQUESTS.value  # a member costs a call each time


def caller_key(caller: Caller, address: str) -> str:
    """Name the account that an operation counts for, or the address when signed out."""
    account_id = caller.viewer.account_id
    return f"address:{address}" if account_id is None else f"account:{account_id}"


def make_context(
    services: Services,
    caller: Caller,
    address: str,
    *,
    request_id: str,
    log_fields: dict[str, Any],
    begin_sign_in: Callable[[str | None], str],
    renew: Callable[[], tuple[Caller, Switches]] | None = None,
) -> Context:
    """Make the context of one operation, which puts its name into `log_fields`.

    `renew` gets the caller and the switches as they are now, for operations that outlast a change
    of them. The budget then follows the switches too.
    """
    settings = services.settings
    if services.replicas is not None:
        name = viewer_name(caller.viewer.athlete_id, caller.viewer.account_id)
        WRITES_FOR.set(None if caller.viewer.is_admin else (name,))  # they write for others, too
    if renew is None:
        switches = switches_of(services.flags, caller.viewer, address)
        budget: Callable[[], Budget] = partial(
            services.budgets.of,
            caller.viewer.account_id,
            address,
            is_enforced=switches.cost_limiting,
        )
    else:
        caller, switches = renew()
        budget = partial(_budget_now, services, address, renew)
    return Context(
        database=services.database,
        jobs=services.jobs,
        job_feeds=services.job_feeds,
        caller=caller,
        request_id=request_id,
        begin_sign_in=begin_sign_in,
        budget=budget,
        record_operation=partial(log_fields.__setitem__, "operation"),
        # An administrator may revoke the tokens of any account.
        callers_changed=partial(
            services.identity.forget_callers,
            None if caller.viewer.is_admin else caller.viewer.account_id,
        ),
        write_rules=partial(_write_rules, services, caller, address, switches),
        executor=services.executor,
        originals=services.originals,
        caller_key=caller_key(caller, address),
        strava_quota=services.strava_quota.read if settings.strava_client_id else None,
        switches=switches,
        renew=renew,
        answer_max_bytes=settings.answer_max_bytes,
        database_work=services.slow_operations.meter(),
    )


def _write_rules(
    services: Services, caller: Caller, address: str, switches: Switches
) -> WriteRules:
    settings, account_id = services.settings, caller.viewer.account_id
    return WriteRules(
        sender=services.limits.buckets.public_name(address if account_id is None else account_id),
        uploads=UploadRules(
            max_bytes=settings.upload_max_bytes,
            all_max_bytes=settings.uploads_max_bytes,
            per_athlete=settings.uploads_per_athlete,
            lifetime_s=settings.upload_lifetime_s,
            url_of=services.uploads.url_of,
        ),
        idempotency_key_lifetime_s=settings.idempotency_key_lifetime_s,
        sync_budget_requests=settings.sync_budget_requests,
        sync_budget_refill_per_h=settings.sync_budget_refill_per_h,
        feedback_per_caller=settings.feedback_per_caller,
        feedback_max=settings.feedback_max,
        count_export=services.limits.exports.take if switches.rate_limiting else None,
    )


def _budget_now(
    services: Services, address: str, renew: Callable[[], tuple[Caller, Switches]]
) -> Budget:
    caller, switches = renew()
    return services.budgets.of(
        caller.viewer.account_id, address, is_enforced=switches.cost_limiting
    )


def may_have_parts(text: str) -> bool:
    """Tell whether a document's text seems to have @defer or @stream."""
    return _PARTS.search(text) is not None


async def execute_in_slot(
    services: Services, context: Context, request: OperationRequest, wait: Wait
) -> OperationResult:
    """Run an operation in one of its caller's slots, after its request's `wait` so far.

    Raises TooManyOperations.
    """
    queue, key = services.limits.fair_queue, context.caller_key
    await queue.acquire(key, wait, is_limited=context.switches.rate_limiting)
    try:
        with services.slow_operations.watched(context, request):
            result = await services.executor.execute(context, request)
    finally:
        queue.release(key)
    if result.status == _TOO_MANY_REQUESTS:
        await services.limits.refusal_pacing.wait()
    return result


class PartsUnderWay:
    """The answer of an operation that is being run: one result, or one for each part.

    It runs on by itself: a client that reads slowly holds neither a slot nor the database. What
    waits for it is bounded.
    """

    def __init__(self, services: Services, key: str, work: "_Work", *, is_limited: bool) -> None:
        """Run `work`, which puts results into a queue. The caller's slot is given back after it."""
        self._services, self._key, self._is_limited = services, key, is_limited
        self._results = asyncio.Queue[OperationResult | None]()
        self._waiting_bytes = 0
        self._has_begun = self._has_too_much = False
        self._task = asyncio.create_task(self._run(work))

    def __aiter__(self) -> AsyncIterator[OperationResult]:
        return self

    async def __anext__(self) -> OperationResult:
        """Wait for the next result. Raises what the operation raised, and StreamEnded."""
        result = await self._results.get()
        if self._has_too_much:
            raise too_much_unread(self._services, self._key)
        if result is None:
            await self._task
            raise StopAsyncIteration
        self._count(-len(result.body))
        if result.status == _TOO_MANY_REQUESTS:
            await self._services.limits.refusal_pacing.wait()
        return result

    def hold(self, held: ExitStack) -> None:
        """Close what is held when the operation has ended."""
        self._task.add_done_callback(lambda _: held.close())

    async def end(self) -> None:
        """Wait for the end of the operation, after its last result."""
        await asyncio.wait([self._task])

    async def close(self) -> None:
        """End the operation, if it still runs after a moment, and drop what was not taken."""
        try:
            await end_with_grace(self._task)
        finally:
            self._count(-self._waiting_bytes)

    def _put(self, result: OperationResult) -> None:
        """Let a result wait for the client; end the operation if too much waits after the first."""
        if not self._count(len(result.body)) and self._has_begun and self._is_limited:
            self._has_too_much = True
            self._task.cancel()
        self._has_begun = True
        self._results.put_nowait(result)

    def _count(self, more: int) -> bool:
        """Count bytes that wait; False where the caller has too many."""
        self._waiting_bytes += more
        unread = self._services.limits.unread
        if more > 0:
            return unread.add(self._key, more)
        unread.remove(self._key, -more)
        return True

    async def _run(self, work: "_Work") -> None:
        try:
            await work(self._put)
        finally:
            self._services.limits.fair_queue.release(self._key)
            self._results.put_nowait(None)


_Work = Callable[[Callable[[OperationResult], None]], Awaitable[None]]


async def begin_in_slot(
    services: Services,
    context: Context,
    request: OperationRequest,
    form: PartsForm,
    wait: Wait,
) -> PartsUnderWay:
    """Run an operation in one of its caller's slots, and give its results as they come.

    The caller has to close what it returns. Raises TooManyOperations.
    """
    key, is_limited = context.caller_key, context.switches.rate_limiting
    await services.limits.fair_queue.acquire(key, wait, is_limited=is_limited)

    async def work(send: Callable[[OperationResult], None]) -> None:
        with services.slow_operations.watched(context, request):
            await services.executor.deliver(context, request, form, send)

    return PartsUnderWay(services, key, work, is_limited=is_limited)


async def is_subscription(services: Services, context: Context, request: OperationRequest) -> bool:
    """Tell whether the operation is a subscription; if so, the context has the document.

    Raises CallerError where the document cannot be read.
    """
    if "subscription" not in request.text:
        return False
    timeout_s = services.settings.operation_timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            document = await services.executor.read(context, request.text)
    except TimeoutError:
        raise OperationTimeout(timeout_s) from None
    operation = document.operation(request.operation_name)
    if operation is None or operation.node.operation is not OperationType.SUBSCRIPTION:
        return False
    context.document = document
    return True
