"""Ranked lists: of equal ones the earlier achieved stands first, whatever the ids are."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

import pytest

from db.models.base import FIRST_RANDOM_ID
from graph.global_id import encode_id
from tests import factories as make
from tests.factories import NOON

pytestmark = pytest.mark.anyio

PAGE = "{ edges { cursor node { id } } pageInfo { hasNextPage startCursor endCursor } }"
LISTS = {
    "leaderboard": "query($first: Int, $after: String) { leaderboard("
    f"distance: KM5, first: $first, after: $after) {PAGE} }}",
    "by-age-grade": "query($first: Int, $after: String) { leaderboard("
    f"distance: KM5, by: AGE_GRADE, first: $first, after: $after) {PAGE} }}",
    "best-efforts": "query($first: Int, $after: String) { viewer { athlete { bestEfforts("
    f"distance: KM5, first: $first, after: $after) {PAGE} }} }} }}",
}
TIMES = [1100.0, 1200.0, 1200.0, 1200.0, 1200.0, 1300.0]
"""Seconds of the efforts in their right order: the equal ones are earlier, the lower their place."""


@pytest.fixture(params=LISTS)
def ranked(request, db):
    """A list, who asks for it, and the numbers of its entries in their right order."""
    is_of_one = request.param == "best-efforts"
    asks = make.create_person(db) if is_of_one else make.create_admin(db)
    numbers = []
    for place, elapsed_s in enumerate(TIMES):
        athlete = asks.athlete_id if is_of_one else make.create_athlete(db)
        started_at = NOON + timedelta(days=place)
        activity = make.create_activity(db, athlete, started_at=started_at)
        # the later, the lower the id
        number = FIRST_RANDOM_ID + len(TIMES) - place
        make.create_best_effort(db, activity, elapsed_s=elapsed_s, id=number)
        if not is_of_one:
            make.create_personal_best(db, number)
        numbers.append(number)
    return Ranked(request.param, asks.token, numbers)


class Ranked:
    """One list. Its pages are the same by plan and by graphql-core (`Api.ask`)."""

    def __init__(self, name, token, numbers):
        self.name, self.token, self.numbers = name, token, numbers
        type_name = "BestEffort" if name == "best-efforts" else "PersonalBest"
        self.ids = [encode_id(type_name, each) for each in numbers]

    async def page(self, api, **arguments):
        data = await api.ask(LISTS[self.name], self.token, **arguments)
        return data["viewer"]["athlete"]["bestEfforts"] if "viewer" in data else data["leaderboard"]


def listed(page):
    return [edge["node"]["id"] for edge in page["edges"]]


async def test_of_equal_ones_the_earlier_stands_first(api, ranked):
    assert listed(await ranked.page(api, first=10)) == ranked.ids


@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_pages_pass_every_row_once(api, ranked, size):
    seen, after, has_next = [], None, True
    while has_next:
        page = await ranked.page(api, first=size, after=after)
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        seen += listed(page)
        after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == ranked.ids


async def test_a_cursor_without_the_time_goes_on_behind_its_row(api, ranked):
    """Those of versions before 0.3 ordered equal rows by their ids: none of the rest is lost."""
    edges = (await ranked.page(api, first=10))["edges"]
    falls = ranked.name == "by-age-grade"  # there the ids fell too
    for edge, place in zip(edges, range(len(TIMES)), strict=True):
        name, value, _, number = unpacked(edge["cursor"])
        rest = {
            ranked.ids[other]
            for other, each in enumerate(ranked.numbers)
            if (TIMES[other], -each if falls else each)
            > (TIMES[place], -number if falls else number)
        }
        page = await ranked.page(api, first=10, after=packed(name, value, number))
        assert listed(page) == [each for each in ranked.ids if each in rest]
        if rest:
            follows = await ranked.page(api, first=10, after=page["edges"][0]["cursor"])
            assert listed(follows) == ranked.ids[ranked.ids.index(listed(page)[0]) + 1 :]


async def test_a_cursor_with_a_time_that_is_none_is_an_error(api, ranked):
    name, value, _, number = unpacked((await ranked.page(api, first=1))["pageInfo"]["endCursor"])
    for ties in (["yesterday"], [7], [None], ["2026-03-01T12:00:00Z"] * 2):
        cursor = packed(name, value, *ties, number)
        error = await api.error(LISTS[ranked.name], ranked.token, after=cursor)
        assert error == {"code": "INVALID_CURSOR", "field": "after"}


def unpacked(cursor):
    return json.loads(urlsafe_b64decode(cursor + "==="))


def packed(*parts):
    return urlsafe_b64encode(json.dumps(parts).encode()).decode()
