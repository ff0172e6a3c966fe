"""The API with the older service's routes, inside this process, and who asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from graph.global_id import encode_id
from legacy.app import add_routes
from settings import Settings
from tests import factories as make
from tests.factories import NOON
from tests.graph.api import Api
from web import create_app


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class Rest(Api):
    """Asks as callers of REST do, too."""

    async def get(self, path: str, token: str | None = None, **arguments: Any) -> httpx.Response:
        return await self.send("GET", path, token, **arguments)

    async def send(
        self, method: str, path: str, token: str | None = None, **arguments: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.http.request(
            method, path, headers=headers | arguments.pop("headers", {}), **arguments
        )


@asynccontextmanager
async def serve_rest(settings: Settings, **changes: Any) -> AsyncIterator[Rest]:
    changed = settings.model_copy(update=changes)
    app = create_app(changed)
    add_routes(app, changed)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pacegraph.test") as http,
    ):
        yield Rest(app, http)


@pytest.fixture
async def rest(settings: Settings) -> AsyncIterator[Rest]:
    async with serve_rest(settings, sharing="on") as rest:
        yield rest


@dataclass(frozen=True)
class People:
    """An owner who shares, with a public run and a private one, a best in each; and who else may
    ask.
    """

    owner: make.Person
    stranger: make.Person
    admin: make.Person
    public_run: int
    private_run: int
    job: int

    @property
    def tokens(self) -> dict[str, str | None]:
        return {
            "owner": self.owner.token, "stranger": self.stranger.token, "admin": self.admin.token, "nobody": None,
        }  # fmt: skip

    @property
    def ids(self) -> dict[str, str]:
        """Global ids of the owner's, by the parameters that take them."""
        return {
            "athlete_id": self.owner.id,
            "activity_id": encode_id("Activity", self.private_run),
            "task_id": encode_id("Job", self.job),
        }


@pytest.fixture
def people(db) -> People:
    owner = make.create_person(db, first_name="Ana", sex="FEMALE", shares=True)
    make.create_connection(db, owner.athlete_id)
    stranger = make.create_person(db, shares=False)
    make.create_activity(db, stranger.athlete_id)
    public = make.create_activity(db, owner.athlete_id, average_heart_rate_bpm=151.5)
    private = make.create_activity(
        db,
        owner.athlete_id,
        visibility="ONLY_ME",
        started_at=NOON + timedelta(days=1),
        sport_type="TrailRun",
    )
    make.create_best_effort(db, public, elapsed_s=1300.0)
    make.create_best_effort(db, private, elapsed_s=1200.5, age_on_day=None)
    make.recalculate_bests(db, owner.athlete_id)
    job = make.create_job(db, owner.athlete_id, status="FAILED")
    return People(owner, stranger, make.create_admin(db), public, private, job)
