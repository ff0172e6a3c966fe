"""The API under test, asked over HTTP inside this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
from sqlalchemy import event

from settings import Settings
from tests.error_links import unlinked
from tests.switched import switched
from web import create_app


class Api:
    def __init__(self, app: Any, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http
        self.queries: list[str] = []
        engine = app.state.services.database.engine.sync_engine
        event.listen(
            engine, "connect", lambda connection, _: self._listen(connection.driver_connection)
        )
        event.listen(engine, "before_cursor_execute", lambda *args: self.queries.append(args[2]))

    def _listen(self, connection: asyncpg.Connection) -> None:
        """Note what goes past SQLAlchemy. What comes from it is prepared, which asyncpg does not
        report here.
        """
        connection.add_query_logger(lambda record: self.queries.append(record.query))

    async def post(self, query: str, token: str | None = None, **variables: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def answer(
        self, query: str, token: str | None = None, **variables: Any
    ) -> dict[str, Any]:
        """The whole body, of whatever status."""
        return (await self.post(query, token, **variables)).json()

    async def answer_unplanned(
        self, query: str, token: str | None = None, **variables: Any
    ) -> dict[str, Any]:
        """The whole body, by graphql-core."""
        with switched(self.app.state.services.flags, planned_execution=False):
            return await self.answer(query, token, **variables)

    async def both(
        self, query: str, token: str | None, variables: dict[str, Any]
    ) -> dict[str, Any]:
        """The whole body; of a query, which goes by plan, graphql-core must say the same."""
        answer = await self.answer(query, token, **variables)
        if not query.lstrip().startswith("mutation"):
            unplanned = await self.answer_unplanned(query, token, **variables)
            assert _without_budget(unplanned) == _without_budget(answer)
        return answer

    async def ask(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The data; there must be no errors."""
        answer = await self.both(query, token, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def error(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The extensions of the one error, without its schema coordinate and its link."""
        [error] = (await self.both(query, token, variables))["errors"]
        error["extensions"] = unlinked(error["extensions"])
        error["extensions"].pop("coordinate", None)
        return error["extensions"]

    async def statements(
        self, query: str, token: str | None, *, planned: bool, **variables: Any
    ) -> list[str]:
        """The SQL that the answer took, by plan or by graphql-core."""
        await self.ask("{ __typename }", token)  # who asks is known from now on
        self.queries.clear()
        ask = self.answer if planned else self.answer_unplanned
        with switched(self.app.state.services.flags, resolver_cache=False):
            answer = await ask(query, token, **variables)
        assert "errors" not in answer, answer
        await asyncio.sleep(0)  # asyncpg reports in the loop's next round
        # asyncpg asks once a connection how to read arrays, a slow test outlives the time for which a
        # caller is known, and what is used of the schema is written now and then
        others = ("typeinfo_tree", "secret_sha256", "schema_uses")
        return [
            each
            for each in self.queries
            if "FROM" in each and not any(other in each for other in others)
        ]


def _without_budget(answer: dict[str, Any]) -> dict[str, Any]:
    """All but how the budget stands, which each request changes."""
    if "extensions" not in answer:
        return answer
    cost = answer["extensions"]["cost"]
    return {**answer, "extensions": {"requested": cost["requested"], "actual": cost["actual"]}}


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[Api]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pacegraph.test") as http,
    ):
        yield Api(app, http)
