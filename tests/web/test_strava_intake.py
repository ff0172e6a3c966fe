"""In which order events are stored that wait in memory, and for how many there is room."""

import asyncio
from contextlib import suppress

import pytest

from strava.webhook_event import WebhookEvent
from tests import factories as make
from tests.jobs.simulated import RUNNER
from web.strava_intake import EventsNotStored

pytestmark = pytest.mark.anyio


@pytest.fixture
def intake(api, db, monkeypatch):
    """Of one connected athlete. Four events are written at once, half of them others than ends."""
    monkeypatch.setattr("web.strava_intake._AT_ONCE", 4)
    monkeypatch.setattr("web.strava_intake._OTHERS_AT_ONCE", 2)
    make.create_connection(db, make.create_athlete(db), strava_athlete_id=RUNNER)
    return api.app.state.services.strava_intake


async def stored(intake, told: str) -> list[str]:
    """Tell of activities and ends at once, such as "a1 e1"; returns the batches as stored."""
    order: list[str] = []

    async def take(name: str) -> None:
        kind = "athlete" if name[0] == "e" else "activity"
        with suppress(EventsNotStored):
            await intake.take(WebhookEvent(kind, int(name[1:]), RUNNER), "request")
            order.append(name)

    await asyncio.gather(*(take(name) for name in told.split()))
    return [" ".join(order[first : first + 4]) for first in range(0, len(order), 4)]


@pytest.mark.parametrize(
    ("told", "batches"),
    [
        ("a1 a2 a3 a4 a5 a6 e1 e2", ["e1 e2 a1 a2", "a3 a4 a5 a6"]),
        ("a1 a2 a3 a4 a5 e1", ["e1 a1 a2 a3", "a4 a5"]),
        ("e1 e2 e3 e4 e5 e6 a1 a2", ["e1 e2 a1 a2", "e3 e4 e5 e6"]),
        ("e1 e2 e3 e4 e5 a1", ["e1 e2 e3 a1", "e4 e5"]),
    ],
)
async def test_ends_are_stored_first_and_leave_a_part_to_others(intake, told, batches):
    """Those that came first are, of either kind."""
    assert await stored(intake, told) == batches


async def test_ends_and_others_take_none_of_each_others_room(intake, monkeypatch):
    monkeypatch.setattr("web.strava_intake._MOST_WAITING", 2)
    monkeypatch.setattr("web.strava_intake._MOST_ENDS_WAITING", 1)
    assert await stored(intake, "e1 e2 e3 e4 a1 a2 a3") == ["e1 a1 a2"]
    assert intake.outcomes["not_stored"] == 4
    assert await stored(intake, "a3 a4 a5 e2") == ["e2 a3 a4"]
