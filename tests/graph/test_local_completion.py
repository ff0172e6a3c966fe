"""When efforts and bests were achieved, by the clock at the athlete's place."""

from datetime import timedelta

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

LOCAL = """query($id: ID!) { athlete(id: $id) {
    personalBests { achievedAt achievedAtLocal bestEffort { achievedAtLocal } } } }"""


async def test_the_local_day_is_that_of_the_place(api, sharing_api, db):
    """A run at noon UTC that is one of the next day where it was run."""
    owner, stranger = make.create_person(db, shares=True), make.create_person(db)
    run = make.create_activity(
        db,
        owner.athlete_id,
        started_at=make.NOON,
        started_at_local=make.NOON.replace(tzinfo=None) + timedelta(hours=13),
    )
    effort = make.create_best_effort(db, run, start_offset_s=60.5)
    make.create_personal_best(db, effort, start_offset_s=60.5)
    for asked, token, at in (
        (api, owner.token, "2026-03-02T01:21:00.5"),
        (sharing_api, stranger.token, "2026-03-02T01:20:00"),  # as if it had begun with the run
    ):
        [best] = (await asked.ask(LOCAL, token, id=encode_id("Athlete", owner.athlete_id)))[
            "athlete"
        ]["personalBests"]
        assert best["achievedAtLocal"] == best["bestEffort"]["achievedAtLocal"] == at
        assert best["achievedAt"] != at
