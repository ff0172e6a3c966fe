"""What WebSockets and event streams share: who is at the other end and for how long, and the results of operations.

Results are drawn, never pushed: the next event of a subscription is read when the one before it is sent. So a slow
reader holds one event, and gets the newest state when it comes to read it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson
from graphql import GraphQLError, OperationType
from starlette.requests import HTTPConnection
from starlette.types import Scope
from strawberry.types import ExecutionResult

from db.errors import DatabaseError, PacegraphError
from flags.switches import Switches
from graph.context import Caller, Context
from graph.errors import CallerError, InvalidArgument, OperationTimeout, Unauthenticated, describe
from graph.execution import OperationRequest
from graph.scalars import format_floats
from graph.schema import build_schema
from logs import bind
from web.connections import Places, TooManySubscriptions
from web.errors import HttpRefusal
from web.identity import InvalidCredentials, with_sharing
from web.limits.budget import CallerBudget
from web.request_log import request_id_of
from web.services import Services
from web.switches import switches_of

FORBIDDEN = 4403
GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013

_CHECK_S = 2.0
"""Seconds between two looks at a stream's credentials; a look may be answered from memory that is as old again."""


class StreamEnded(Exception):  # noqa: N818 - the name says what is the case
    """We end a stream: a WebSocket with a close code and a reason, an event stream with `error` or just complete."""

    def __init__(self, code: int, reason: str, error: CallerError | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.error = code, reason, error


class ClientGone(StreamEnded):
    """The client ended it, or was lost: there is nobody to tell."""

    def __init__(self, code: int = 1006) -> None:
        super().__init__(code, "the client is gone")


@asynccontextmanager
async def stream_tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks of one stream, which end together. Raises the StreamEnded of the first that found a reason."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except ExceptionGroup as group:
        ended, others = group.split(StreamEnded)
        if ended is None or others is not None:
            raise
        raise ended.exceptions[0] from None


class CredentialsEnded(Unauthenticated):
    """The session or token that a stream began with is no longer good, or no longer allows the same."""

    def __init__(self) -> None:
        super().__init__()
        self.message = "Your session or token has ended, or allows less than before. Sign in, then connect anew."


@dataclass(frozen=True, slots=True)
class Result:
    """One result of an operation: `body` is the response's JSON. After a refusal there are no more."""

    body: bytes
    is_refusal: bool = False


class Subscriber:
    """Who is at the other end of a stream. Before `identify` it is nobody."""

    caller: Caller

    def __init__(self, services: Services, scope: Scope) -> None:
        self.services = services
        self._connection = HTTPConnection(scope)
        self._authorization = self._connection.headers.get("authorization")
        self._ends_at = monotonic() + services.settings.subscription_lifetime_s
        self._own = Places(services.settings.subscriptions_per_connection)
        self.address = services.addresses.of(scope)

    @property
    def key(self) -> str:
        """Whose places the stream and its subscriptions take: the account's, or the address's when signed out."""
        account_id = self.caller.viewer.account_id
        return f"address:{self.address}" if account_id is None else f"account:{account_id}"

    @property
    def switches(self) -> Switches:
        """What is switched on for them now."""
        return switches_of(self.services.flags, self.caller.viewer, self.address)

    async def identify(self, authorization: str | None = None) -> None:
        """Find out who it is, by `authorization`, else the header, else the cookie. Raises InvalidCredentials."""
        self._authorization = authorization if authorization is not None else self._authorization
        self.caller = await self._look()
        if self.caller.viewer.athlete_id is not None:
            bind(athlete_id=self.caller.viewer.athlete_id)

    async def watch(self) -> None:
        """Wait until its time is over, or its credentials are. Raises StreamEnded, always."""
        while (left_s := self._ends_at - monotonic()) > 0:
            await asyncio.sleep(min(_CHECK_S, left_s))
            with suppress(DatabaseError):  # nothing can be read meanwhile
                await self.check()
        raise StreamEnded(GOING_AWAY, "This connection has been open for as long as one may be. Connect anew.")

    async def check(self) -> None:
        """Look whether it still is who it was, and may do the same. Raises StreamEnded, DatabaseError."""
        try:
            caller = await self._look()
        except InvalidCredentials:
            caller = None
        if caller is None or with_sharing(caller, is_on=self.caller.viewer.sharing) != self.caller:
            error = CredentialsEnded()
            raise StreamEnded(FORBIDDEN, error.message, error)
        self.caller = caller

    async def _look(self) -> Caller:
        services = self.services
        return await services.sessions.caller(services.database, self._connection, self._authorization)

    def context(self, log_fields: dict[str, Any]) -> Context:
        """Make the surroundings of one operation, whose name goes to `log_fields`."""
        services = self.services
        caller, switches = self._now()
        return Context(
            database=services.database,
            jobs=services.jobs,
            caller=caller,
            request_id=request_id_of(self._connection.scope),
            begin_sign_in=_refuse_sign_in,
            budget=self._budget,
            note_operation=lambda name: log_fields.update(operation=name),
            callers_changed=services.sessions.forget_callers,
            executor=services.executor,
            switches=switches,
            renew=self._now,
        )

    def _now(self) -> tuple[Caller, Switches]:
        """Get the caller as the flags are now, and their switches."""
        switches = self.switches
        return with_sharing(self.caller, is_on=switches.sharing), switches

    def _budget(self) -> CallerBudget:
        account_id, is_enforced = self.caller.viewer.account_id, self.switches.cost_limiting
        return self.services.budgets.of(account_id, self.address, is_enforced=is_enforced)

    async def results(self, request: OperationRequest, log_fields: dict[str, Any]) -> AsyncGenerator[Result, None]:
        """Run an operation: one result, or those of a subscription until it ends. Whatever is wrong is a result."""
        context = self.context(log_fields)
        try:
            if not await self._is_subscription(context, request):
                yield await self._single(context, request)
                return
            with self._take_places():
                async with aclosing(await _events(context, request)) as events:
                    async for event in events:
                        yield _written(event)
        except PacegraphError as error:
            yield refusal(context.request_id, error)

    async def _is_subscription(self, context: Context, request: OperationRequest) -> bool:
        """Tell whether there will be many results; then the context has the document. Raises CallerError."""
        if "subscription" not in request.text or request.is_dry_run:
            return False
        timeout_s = self.services.settings.operation_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                document = await context.executor.read(context, request.text)
        except TimeoutError:
            raise OperationTimeout(timeout_s) from None
        operation = document.operation(request.operation_name)
        if operation is None or operation.node.operation is not OperationType.SUBSCRIPTION:
            return False
        context.document = document
        return True

    async def _single(self, context: Context, request: OperationRequest) -> Result:
        turns = self.services.limits.turns
        if context.switches.rate_limiting:
            await turns.take(self.key)
        else:
            turns.take_at_once(self.key)
        try:
            answer = await context.executor.execute(context, request)
        finally:
            turns.give_back(self.key)
        return Result(answer.body, is_refusal=not answer.is_executed)

    def _take_places(self) -> ExitStack:
        """Count a subscription: for this connection, and for its caller. Raises TooManySubscriptions."""
        with ExitStack() as places:
            is_limited = self.switches.rate_limiting
            own = self._own.take(self.key, is_limited=is_limited)
            if own is None:
                raise TooManySubscriptions(self._own.limit, "This connection has")
            places.enter_context(own)
            places.enter_context(self.services.connections.subscription(self.key, is_limited=is_limited))
            return places.pop_all()


async def _events(context: Context, request: OperationRequest) -> Any:
    return await build_schema().stream(
        request.text,
        variable_values=dict(request.variables or {}),
        context_value=context,
        operation_name=request.operation_name,
    )


def refusal(request_id: str, *errors: Exception) -> Result:
    """Make the result of an operation that did not run, or not to its end."""
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


class _WithoutStatus(CallerError):  # noqa: N818 - the name says what is the case
    """What HTTP has a status and headers for, on a stream, which has neither."""

    def __init__(self, refusal: HttpRefusal) -> None:
        super().__init__(refusal.message, refusal.field)
        self.code = refusal.code
        self._retry_after_s: int | None = getattr(refusal, "retry_after_s", None)

    @property
    def extensions(self) -> dict[str, Any]:
        if self._retry_after_s is None:
            return super().extensions
        return {**super().extensions, "retryAfterSeconds": self._retry_after_s}


def _written(result: ExecutionResult) -> Result:
    errors = result.errors or []
    body: dict[str, Any] = {"data": format_floats(result.data)}
    if errors:
        body["errors"] = [error.formatted for error in errors]
    if result.extensions:
        body["extensions"] = result.extensions
    is_refusal = result.data is None and any(error.path is None for error in errors)
    if is_refusal:
        del body["data"]
    return Result(orjson.dumps(body), is_refusal)


def _refuse_sign_in() -> str:
    raise InvalidArgument("Ask for connectStrava by a plain POST: over a stream the browser gets no cookie.")
