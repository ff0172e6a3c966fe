"""Running the operations of a request over HTTP: who asks, in which context, and in whose turn."""

from functools import partial

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from graph.context import Caller, Context
from graph.execution import Answer, OperationRequest
from logs import bind
from web.reply import Exchange
from web.services import Services
from web.sign_in import begin_sign_in
from web.switches import switches_of

_GRAPHIQL = "/graphiql"


class Operations:
    """What all ways over HTTP have in common: the same callers, limits and contexts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def caller(self, exchange: Exchange) -> Caller:
        """Tell who asks, the log too. Raises InvalidCredentials."""
        authorization = exchange.headers.get(b"authorization")
        caller = await self._services.sessions.caller(
            self._services.database,
            HTTPConnection(exchange.scope),
            authorization.decode("latin-1") if authorization is not None else None,
        )
        if caller.viewer.athlete_id is not None:
            bind(athlete_id=caller.viewer.athlete_id)
        return caller

    def context(self, exchange: Exchange, caller: Caller) -> Context:
        """Make the surroundings of one operation."""
        services = self._services
        switches = switches_of(services.flags, caller.viewer, exchange.address)
        return Context(
            database=services.database,
            jobs=services.jobs,
            caller=caller,
            request_id=exchange.request_id,
            begin_sign_in=partial(self._begin_sign_in, exchange),
            budget=partial(
                services.limits.budgets.of,
                caller.viewer.account_id,
                exchange.address,
                is_enforced=switches.cost_limiting,
            ),
            note_operation=partial(exchange.fields.__setitem__, "operation"),
            callers_changed=services.sessions.forget_callers,
            executor=services.executor,
            switches=switches,
        )

    async def execute(self, who: str, context: Context, request: OperationRequest) -> Answer:
        """Run an operation in its caller's turn. Raises TooManyOperations."""
        turns = self._services.limits.turns
        if not turns.try_take(who):
            if context.switches.rate_limiting:
                await turns.take(who)
            else:
                turns.take_at_once(who)
        try:
            return await self._services.executor.execute(context, request)
        finally:
            turns.give_back(who)

    def _begin_sign_in(self, exchange: Exchange) -> str:
        cookies = HTTPConnection(exchange.scope).cookies
        return begin_sign_in(self._services, MutableHeaders(raw=exchange.cookies), _GRAPHIQL, cookies)


def who_asks(exchange: Exchange, caller: Caller) -> str:
    """Name whom an operation counts for: the account, or without one the address."""
    account_id = caller.viewer.account_id
    return f"address:{exchange.address}" if account_id is None else f"account:{account_id}"
