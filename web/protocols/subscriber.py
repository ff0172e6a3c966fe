"""What WebSockets and event streams share: their caller, their lifetime, and running operations.

Results are pulled, never pushed: the next event of a subscription is read after the one before was
sent. So a slow reader holds one event, and then gets the newest state.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from starlette.requests import HTTPConnection
from starlette.types import Scope

from db.errors import DatabaseError, StatementTimeout
from db.statements.visibility import Viewer
from flags.switches import Switches
from graph.context import Caller, Context
from graph.cost.budget import BudgetExhausted
from graph.delivery.writer import PartsForm
from graph.document.errors import TooBusy
from graph.errors import CallerError, describe
from graph.operation_request import OperationRequest
from graph.scalars import format_floats
from graph.schema.subscribed_operation import SubscribedOperation
from logs import bind
from runtime.errors import PacegraphError
from runtime.grace_period import MAY_LEAVE
from runtime.kept_json import kept_json
from web.auth.api_tokens import InvalidCredentials
from web.auth.known_caller import with_sharing
from web.auth.unread_credential import unread_credential
from web.client_name import client_of, client_of_payload
from web.errors import HttpRefusal
from web.http.header_fields import by_name
from web.http.request_log import request_id_of
from web.limits.fair_queue import Wait
from web.limits.open_streams import ConnectionQuota
from web.protocols.operation_context import (
    begin_in_slot,
    caller_key,
    execute_in_slot,
    is_subscription,
    make_context,
    may_have_parts,
)
from web.protocols.stream_end import (
    FORBIDDEN,
    GOING_AWAY,
    CredentialsEnded,
    StreamEnded,
)
from web.services import Services
from web.switches import switches_of

_CHECK_S = 2.0
"""Seconds between checks of a stream's credentials. A check may use a result that is as old again.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One result of an operation: `body` is the response's JSON. A refusal is the last.

    A client that names `event_id` when it comes back goes on after it; None: there is no such id.
    """

    body: bytes
    is_refusal: bool = False
    event_id: str | None = None


Sender = Callable[[Result], Awaitable[None]]
"""Sends a result, and waits for the client."""


class Subscriber:
    """The caller of a stream: nobody in particular before `identify`."""

    def __init__(self, services: Services, scope: Scope) -> None:
        self.services = services
        self.caller = Caller(Viewer())
        self._connection = HTTPConnection(scope)
        self._authorization = self._connection.headers.get("authorization")
        self._ends_at = monotonic() + services.settings.subscription_lifetime_s
        self._check_at = inf
        self._own = ConnectionQuota(services.settings.subscriptions_per_connection)
        self.address = services.addresses.of(scope)
        self._client = client_of(by_name(scope["headers"]))

    @property
    def key(self) -> str:
        """The key of the caller that the stream and its subscriptions count for."""
        return caller_key(self.caller, self.address)

    @property
    def switches(self) -> Switches:
        """The caller's switches now."""
        return switches_of(self.services.flags, self.caller.viewer, self.address)

    async def identify(self, authorization: str | None = None) -> None:
        """Find the caller by `authorization`, else the header, else the cookie.

        Raises InvalidCredentials.
        """
        self._authorization = authorization if authorization is not None else self._authorization
        self.caller = await self._look()
        if self.caller.viewer.athlete_id is not None:
            bind(athlete_id=self.caller.viewer.athlete_id)

    def name_client(self, payload: Any) -> None:
        """Take the client's name from the payload of `connection_init`, if it has one."""
        self._client = client_of_payload(payload) or self._client

    def begin_watch(self) -> None:
        """Have `is_checked` look at credentials from now on."""
        self._check_at = monotonic() + _CHECK_S

    @property
    def look_at(self) -> float:
        """When to ask `is_checked`, on the monotonic clock."""
        return min(self._check_at, self._ends_at)

    def is_checked(self, now: float) -> bool:
        """Check lifetime and credentials if it is time. False: call `check_in_time`.

        Raises StreamEnded.
        """
        if now >= self._ends_at:
            raise StreamEnded(
                GOING_AWAY, "This connection has reached its maximum lifetime. Connect again."
            )
        if now < self._check_at:
            return True
        caller = self.services.identity.caller_now(self._connection, self._authorization)
        if caller is None:
            self._check_at = inf  # until it is done
            return False
        self._check_at = now + _CHECK_S
        self._accept(caller)
        return True

    async def check_in_time(self) -> None:
        """Check credentials. Raises StreamEnded."""
        try:
            with suppress(DatabaseError):  # the database is away: check again later
                await self.check()
        finally:
            self._check_at = monotonic() + _CHECK_S

    async def check(self) -> None:
        """Check that credentials still give the same caller. Raises StreamEnded, DatabaseError."""
        try:
            caller = await self._look()
        except InvalidCredentials:
            caller = None
        self._accept(caller)

    def _accept(self, caller: Caller | None) -> None:
        if caller is None or with_sharing(caller, is_on=self.caller.viewer.sharing) != self.caller:
            error = CredentialsEnded()
            raise StreamEnded(FORBIDDEN, error.message, error)
        self.caller = caller

    async def _look(self) -> Caller:
        return await self.services.identity.caller(self._connection, self._authorization)

    def context(self, log_fields: dict[str, Any]) -> Context:
        """Make the context of one operation, which puts its name into `log_fields`."""
        context = make_context(
            self.services,
            self.caller,
            self.address,
            request_id=request_id_of(self._connection.scope),
            log_fields=log_fields,
            begin_sign_in=_refuse_sign_in,
            renew=self._now,
        )
        context.last_event_id = self._connection.headers.get("last-event-id")
        context.client = self._client
        if self.caller.viewer.account_id is None:
            headers = dict(self._connection.scope["headers"])
            context.unread_credential = partial(unread_credential, headers)
        return context

    async def charge_refusal(self, size: int) -> None:
        """Charge a message of `size` bytes that names no document. Raises BudgetExhausted."""
        await self.services.executor.charge_refusal(self.context({}), size)

    def _now(self) -> tuple[Caller, Switches]:
        """Get the caller with the current flags, and their switches."""
        switches = self.switches
        return with_sharing(self.caller, is_on=switches.sharing), switches

    async def run(
        self,
        request: OperationRequest,
        log_fields: dict[str, Any],
        send: Sender,
        form: PartsForm = PartsForm.BY_ID,
    ) -> bool:
        """Run an operation: send one result, its parts in a form, or a subscription's events.

        Errors are results too. Returns whether it ran to its end. Raises what `send` raises.
        """
        MAY_LEAVE.set(True)
        context = self.context(log_fields)
        weights, is_limited = self.services.limits.weights, self.switches.rate_limiting
        try:
            with weights.held(self.key, request.weight, is_limited=is_limited):
                if not request.is_dry_run and await is_subscription(
                    self.services, context, request
                ):
                    return await self._follow(self._subscribed(context, request), context, send)
                wait = Wait()
                await wait.during(self.check())
                return await self._send_parts(context, request, form, wait, send)
        except PacegraphError as error:
            await send(refusal(context.request_id, error))
            return False

    async def _follow(
        self, subscribed: SubscribedOperation, context: Context, send: Sender
    ) -> bool:
        """Send the results of a subscription. Raises PacegraphError."""
        try:
            with suppress(DatabaseError):  # a subscription waits for the database
                await self.check()
            open_streams, is_limited = self.services.open_streams, self.switches.rate_limiting
            # not an ExitStack, which takes 1 KiB as long as the subscription goes on
            with (
                self._own.slot(is_limited=is_limited),
                open_streams.subscription(self.key, is_limited=is_limited),
            ):
                while (event := await subscribed.next()) is not None:
                    context.is_event_lost = _is_lost(event)
                    if context.is_event_lost:
                        continue
                    result = _written(event, context.event_id)
                    context.check_size(result.body)
                    if result.is_refusal and context.charge is None and not _is_unpaid(event):
                        await self.services.executor.charge_refusal(context)
                    await send(result)
                    if result.is_refusal:
                        return False
                    del event, result  # not held while the next one is waited for
            return True
        finally:
            await subscribed.close()

    def _subscribed(self, context: Context, request: OperationRequest) -> SubscribedOperation:
        assert context.document is not None
        operation = context.document.operation(request.operation_name)
        assert operation is not None
        subscribed = SubscribedOperation(context, operation, request.variables)
        request.text, request.variables = "", None  # many hold the request as long as it goes on
        return subscribed

    async def _send_parts(
        self,
        context: Context,
        request: OperationRequest,
        form: PartsForm,
        wait: Wait,
        send: Sender,
    ) -> bool:
        """Send the answer of an operation, in parts if it has @defer or @stream."""
        if not may_have_parts(request.text):
            answer = await execute_in_slot(self.services, context, request, wait)
            await send(Result(answer.body, is_refusal=not answer.is_executed))
            return answer.is_executed
        under_way = await begin_in_slot(self.services, context, request, form, wait)
        try:
            async for part in under_way:
                await send(Result(part.body, is_refusal=not part.is_executed))
                if not part.is_executed:
                    return False
            return True
        finally:
            await under_way.close()


def refusal(request_id: str, *errors: Exception) -> Result:
    """Make the result of an operation that failed."""
    described = [_of_graphql(each) for each in errors]
    for each in described:
        describe(each, request_id)
    return Result(orjson.dumps({"errors": [each.formatted for each in described]}), is_refusal=True)


def _of_graphql(error: Exception) -> GraphQLError:
    if isinstance(error, GraphQLError):
        return error
    if isinstance(error, HttpRefusal):
        error = _WithoutStatus(error)
    return GraphQLError(str(error), original_error=error)


class _WithoutStatus(CallerError):
    """An HttpRefusal on a stream, which has neither status nor headers."""

    def __init__(self, refusal: HttpRefusal) -> None:
        super().__init__(refusal.message, refusal.field)
        self.code = refusal.code
        self._retry_after_s: int | None = getattr(refusal, "retry_after_s", None)

    @property
    def extensions(self) -> dict[str, Any]:
        if self._retry_after_s is None:
            return super().extensions
        return {**super().extensions, "retryAfterSeconds": self._retry_after_s}


def _is_lost(event: ExecutionResult) -> bool:
    """Tell whether an event lacks data that a repetition would have.

    A statement that timed out is not repeated: it would time out again.
    """
    causes = [error.original_error for error in event.errors or () if error.path is not None]
    return any(
        isinstance(each, DatabaseError) and not isinstance(each, StatementTimeout)
        for each in causes
    )


def _is_unpaid(refused: ExecutionResult) -> bool:
    """Tell whether a refusal is free: nothing is left to pay with, or the server is at fault."""
    causes = [error.original_error for error in refused.errors or ()]
    return any(isinstance(each, BudgetExhausted | TooBusy | DatabaseError) for each in causes)


def _written(result: ExecutionResult, event_id: str | None) -> Result:
    errors = result.errors or []
    body: dict[str, Any] = {"data": format_floats(result.data)}
    if errors:
        body["errors"] = [error.formatted for error in errors]
    if result.extensions:
        body["extensions"] = result.extensions
    is_refusal = result.data is None and any(error.path is None for error in errors)
    if is_refusal:
        del body["data"]
    return Result(kept_json(body), is_refusal, event_id)


def _refuse_sign_in(_: str | None) -> str:
    raise CallerError(
        "Send connectStrava as a plain POST: over a stream the browser cannot receive its cookie."
    )
