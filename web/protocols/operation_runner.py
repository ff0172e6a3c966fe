"""Runs operations over HTTP: finds the caller, makes the context, waits for a slot."""

from functools import partial

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from graph.context import Caller, Context
from graph.delivery.writer import PartsForm
from graph.operation_request import OperationRequest, OperationResult
from logs import bind
from web.auth.unread_credential import unread_credential
from web.client_name import client_of
from web.http.header_fields import cookies_of
from web.protocols.operation_context import (
    PartsUnderWay,
    begin_in_slot,
    execute_in_slot,
    make_context,
)
from web.protocols.response import Exchange
from web.routes.sign_in import address_after, begin_sign_in
from web.services import Services


class OperationRunner:
    """Gives GraphQL over HTTP and the legacy routes the same callers, limits and contexts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def caller(self, exchange: Exchange) -> Caller:
        """Find the request's caller, and name the athlete in its log lines.

        Raises InvalidCredentials.
        """
        authorization = exchange.headers.get(b"authorization")
        look_up = self._services.identity.caller(
            HTTPConnection(exchange.scope),
            authorization.decode("latin-1") if authorization is not None else None,
        )
        caller = await exchange.handed.wait.during(look_up)
        if caller.viewer.athlete_id is not None:
            bind(athlete_id=caller.viewer.athlete_id)
        return caller

    def context(self, exchange: Exchange, caller: Caller) -> Context:
        """Make the context of one operation."""
        context = make_context(
            self._services,
            caller,
            exchange.address,
            request_id=exchange.request_id,
            log_fields=exchange.fields,
            begin_sign_in=partial(self._begin_sign_in, exchange),
        )
        context.client = client_of(exchange.headers)
        if caller.viewer.account_id is None:
            context.unread_credential = partial(unread_credential, exchange.headers)
        return context

    async def execute(
        self, exchange: Exchange, context: Context, request: OperationRequest
    ) -> OperationResult:
        """Run an operation in one of its caller's slots. Raises TooManyOperations."""
        return await execute_in_slot(self._services, context, request, exchange.handed.wait)

    async def begin(
        self, exchange: Exchange, context: Context, request: OperationRequest, form: PartsForm
    ) -> PartsUnderWay:
        """Run an operation in one of its caller's slots; its answer may come in parts.

        The caller has to close what it returns. Raises TooManyOperations.
        """
        return await begin_in_slot(self._services, context, request, form, exchange.handed.wait)

    def _begin_sign_in(self, exchange: Exchange, return_to: str | None) -> str:
        services, cookies = self._services, cookies_of(exchange.scope["headers"])
        back_to = address_after(services, return_to, "input.returnTo")
        return begin_sign_in(services, MutableHeaders(raw=exchange.cookies), back_to, cookies)
