"""What an answer took: the rows that PostgreSQL looked at for it, and the points that were charged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from graph.plan import explanation
from tests.graph.api import Api
from tests.switched import switched
from web.protocols import graphql_over_http

Asked = tuple[str, dict[str, Any]]
_REMOVED = (
    "Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter",
)  # fmt: skip


@dataclass(frozen=True)
class Took:
    """Rows that scans found or left out, and the points of the database's time (`work`)."""

    rows: int
    points: int


class Meter:
    """Asks as a caller who sees no plan otherwise."""

    def __init__(self, api: Api, token: str | None, patch: pytest.MonkeyPatch) -> None:
        self._api, self._token = api, token
        patch.setattr(graphql_over_http, "_is_explained", _wants_plan)
        patch.setattr(explanation, "_MOST_CHARACTERS", 10**8)

    async def took(self, asked: Asked, times: int = 3) -> Took:
        """Ask `times` times. The least points count: the first answer pays for its plan, too."""
        with switched(self._api.app.state.services.flags, resolver_cache=False):
            points = min([await self._points(asked) for _ in range(times)])
            return Took(await self._rows(asked), points)

    async def _points(self, asked: Asked) -> int:
        query, variables = asked
        answer = await self._api.answer(query, self._token, **variables)
        assert "errors" not in answer, answer
        points: int = answer["extensions"]["cost"]["work"]
        return points

    async def _rows(self, asked: Asked) -> int:
        query, variables = asked
        answer = await self._api.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {self._token}", "graphql-explain": "analyze"},
        )
        told = answer.json()["extensions"]["explain"]
        if told["plan"] is None:  # the server's own quota, and what is in no table
            assert "graphql-core" in told["reason"] or "nothing" in told["reason"], told
            return 0
        return sum(_looked_at(told["plan"][0]["Plan"]))


def _wants_plan(exchange: Any, _: Any) -> bool:
    return b"graphql-explain" in exchange.headers


def _looked_at(plan: dict[str, Any]) -> Iterator[int]:
    found = plan["Actual Rows"] if "Scan" in plan["Node Type"] else 0
    found += sum(plan.get(each, 0) for each in _REMOVED)
    yield round(found * plan["Actual Loops"])
    for below in plan.get("Plans", ()):
        yield from _looked_at(below)
