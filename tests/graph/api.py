"""The API under test, asked over HTTP inside this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from sqlalchemy import event

from settings import Settings
from web import create_app


class Api:
    def __init__(self, app: Any, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http

    async def post(self, query: str, token: str | None = None, **variables: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def answer(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The whole body, of whatever status."""
        return (await self.post(query, token, **variables)).json()

    async def ask(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The data; there must be no errors."""
        answer = await self.answer(query, token, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def error(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The extensions of the one error."""
        [error] = (await self.answer(query, token, **variables))["errors"]
        return error["extensions"]

    @property
    def engine(self) -> Any:
        return self.app.state.services.database.engine.sync_engine

    async def statements(self, query: str, token: str | None = None, **variables: Any) -> list[str]:
        """The SQL that the answer took, without what finds out who asks."""
        seen: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        await self.ask("{ __typename }", token)
        event.listen(self.engine, "before_cursor_execute", note)
        try:
            await self.ask(query, token, **variables)
        finally:
            event.remove(self.engine, "before_cursor_execute", note)
        return [statement for statement in seen if "secret_sha256" not in statement.split("FROM")[-1]]


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[Api]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pacegraph.test") as http,
    ):
        yield Api(app, http)
