"""What an answer costs others does not tell how many runs an athlete hides."""

from collections.abc import Iterator

import pytest
from graphql import get_named_type

from bench.list_shapes import LISTS
from tests import factories as make
from tests.graph.api import serve
from tests.graph.exposed_athlete import ExposedAthlete, create_exposed_athlete
from tests.graph.hidden_runs import create_hidden_runs
from tests.graph.looked_at import Asked, Meter, Took
from tests.graph.observation import costs_of, queries_of_everything
from tests.graph.walk import SCHEMA, call, is_connection, relations, selection

pytestmark = pytest.mark.anyio

HIDDEN_RUNS = 4000
"""Each looked at costs a hundredth of a point."""
TRIES = 8
MORE, MORE_ROWS = 1.3, 60
"""What a plan for a larger table may look at more."""
TIMES, MORE_POINTS = 2, 20
"""What a busy machine's cores may take more for the same work."""


def fields_of_athlete(exposed: ExposedAthlete) -> Iterator[Asked]:
    """Each list and each sum of an athlete alone, with the values of its rows, and its total."""
    for name, field in relations(SCHEMA.type_map["Athlete"]):
        kind = get_named_type(field.type)
        asked = [selection(kind, 0)] + ["totalCount"] * is_connection(kind)
        for each in asked:
            yield (
                f"query($id: ID!) {{ athlete(id: $id) {{ {call(name, field)} {{ {each} }} }} }}",
                {"id": exposed.person.id},
            )


def pages(exposed: ExposedAthlete) -> Iterator[Asked]:
    """Pages and totals of all lists, with each order and filter, and pairs of filters."""
    facts = {"athlete": exposed.person.id, "activity": exposed.shown["Activity"][0],
             "gear": exposed.shown["Gear"][0]}  # fmt: skip
    for each in LISTS:
        for page in (page for group in each.groups() for page in group):
            if "stranger" in each.viewers and page.name.count(": ") <= MOST_CONDITIONS[each.name]:
                text = page.text
                for name, value in facts.items():
                    text = text.replace(f"${name}", value)
                yield text, {}
                yield text.replace("pageInfo { hasNextPage }", "totalCount"), {}


MOST_CONDITIONS = {each.name: 3 if len(each.conditions) < 9 else 2 for each in LISTS}
"""Colons in the names of pages; an order has two."""


def everything(exposed: ExposedAthlete) -> Iterator[Asked]:
    yield from queries_of_everything(exposed)
    yield from pages(exposed)


@pytest.mark.parametrize(
    "asked_of", [fields_of_athlete, pytest.param(everything, marks=pytest.mark.whole)]
)
async def test_hidden_runs_cost_others_nothing(settings, db, monkeypatch, asked_of):
    exposed = create_exposed_athlete(db, shares=True)
    # what somebody else has, so that the tables are large with the athlete's and without
    other_id = make.create_athlete(db, shares=True)
    make.create_best_effort(db, make.create_activity(db, other_id))
    create_hidden_runs(db, other_id, HIDDEN_RUNS)
    token, asked = make.create_person(db).token, list(asked_of(exposed))
    charging = settings.model_copy(update={"sharing": "on", "cost_per_database_ms": 25})
    async with serve(charging) as api:
        before = await costs_of(Meter(api, token, monkeypatch), asked)
    create_hidden_runs(db, exposed.person.athlete_id, HIDDEN_RUNS)
    async with serve(charging) as api:  # a new one: its plans are as new as those before
        dearer = await dearer_than(before, Meter(api, token, monkeypatch), asked)
    assert len(before) > 20
    assert not dearer


async def dearer_than(before: list[Took], meter: Meter, asked: list[Asked]) -> list[object]:
    """What takes more now, asked until it does not: other work on the machine may add to a time."""
    found = []
    for each, former in zip(asked, before, strict=True):
        now, tries = await meter.took(each), TRIES
        while now.points > TIMES * former.points + MORE_POINTS and tries:
            now, tries = await meter.took(each), tries - 1
        if not tries or now.rows > MORE * former.rows + MORE_ROWS:
            found.append((each, former, now))
    return found
