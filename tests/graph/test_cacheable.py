"""What caches of clients rely on: ids of their own, and pages that fail alone."""

from datetime import timedelta

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio


async def test_two_accounts_have_two_viewers_and_two_tokens_of_one_have_one(api, db):
    first, second = make.create_person(db), make.create_person(db)
    query = "{ viewer { __typename id } }"
    found = {each.token: await api.ask(query, each.token) for each in (first, second)}
    assert found[first.token] == {
        "viewer": {"__typename": "Viewer", "id": encode_id("Viewer", first.account_id)}
    }
    assert found[first.token] != found[second.token]
    assert await api.ask(query) == {"viewer": None}
    other = make.create_token(db, first.account_id, scopes=("read",))
    assert await api.ask(query, other) == found[first.token]


async def test_a_bad_argument_leaves_the_rest_of_the_page_alone(api, db):
    caller = make.create_person(db)
    make.create_activity(db, caller.athlete_id)
    query = """{ bad: activities(after: "x") { totalCount } activities { totalCount }
        athletes(before: "x") { totalCount } jobs(after: "x") { totalCount }
        leaderboard(distance: KM5, last: 0) { totalCount } nodes(ids: $ids) { id }
        ageGrade(input: {distanceMeters: 5000, elapsedTimeSeconds: 9, sex: MALE, age: 1}) { percent } }"""
    answer = await api.both(f"query($ids: [ID!]!) {query}", caller.token, {"ids": ["x"] * 101})
    assert answer["data"] == {
        "bad": None,
        "activities": {"totalCount": 1},
        "athletes": None,
        "jobs": None,
        "leaderboard": None,
        "nodes": None,
        "ageGrade": None,
    }
    found = {each["path"][0]: each["extensions"]["field"] for each in answer["errors"]}
    assert len(answer["errors"]) == len(found)
    assert found == {
        "bad": "after",
        "athletes": "before",
        "jobs": "after",
        "leaderboard": "last",
        "nodes": "ids",
        "ageGrade": "input.age",
    }


@pytest.mark.parametrize(
    ("lists", "of"),
    [
        (
            """activities(after: "x") { totalCount } deletedActivities(before: "x") { totalCount }
            personalBestHistory(distance: KM5, first: 0) { totalCount }
            bestEfforts(distance: KM5, last: 2000) { totalCount }
            jobs(first: 1, last: 1) { totalCount }""",
            "Athlete",
        ),
        ('laps(after: "x") { totalCount } splits(first: -1) { totalCount }', "Activity"),
    ],
)
async def test_a_bad_argument_leaves_the_rest_of_the_object_alone(api, db, lists, of):
    caller = make.create_person(db)
    ids = {
        "Athlete": encode_id("Athlete", caller.athlete_id),
        "Activity": encode_id("Activity", make.create_activity(db, caller.athlete_id)),
    }
    query = f"query($id: ID!) {{ {of.lower()}(id: $id) {{ id {lists} }} }}"
    answer = await api.both(query, caller.token, {"id": ids[of]})
    [found] = answer["data"].values()
    assert found.pop("id") == ids[of]
    assert {*found.values()} == {None}
    assert [each["path"][-1] for each in answer["errors"]] == [*found]


PAGE = """{ nodes { elapsedTimeSeconds }
    pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }"""
ARGUMENTS = "distance: KM1, first: $first, after: $after, last: $last, before: $before"
DECLARED = "$first: Int, $after: String, $last: Int, $before: String"


@pytest.mark.parametrize("name", ["personalBestHistory", "bestEfforts", "leaderboard"])
async def test_lists_by_speed_page_backwards_too(api, db, name):
    caller = make.create_admin(db)
    people = [make.create_person(db) for _ in range(5 if name == "leaderboard" else 1)]
    for number in range(5):
        athlete_id = people[number % len(people)].athlete_id
        activity = make.create_activity(
            db, athlete_id, started_at=make.NOON + timedelta(days=number)
        )
        make.create_best_effort(db, activity, distance="KM1", elapsed_s=280.0 - 10 * number)
        make.recalculate_bests(db, athlete_id)
    query = f"query({DECLARED}) {{ page: {name}({ARGUMENTS}) {PAGE} }}"
    if name != "leaderboard":
        query = (
            f"query($id: ID!, {DECLARED}) {{ athlete(id: $id) "
            f"{{ page: {name}({ARGUMENTS}) {PAGE} }} }}"
        )

    async def ask(**variables):
        found = await api.ask(query, caller.token, id=people[0].id, **variables)
        return found.get("athlete", found)["page"]

    ahead, after, behind, before = [], None, [], None
    for _ in range(3):
        page = await ask(first=2, after=after)
        ahead += [each["elapsedTimeSeconds"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        back = await ask(last=2, before=before)
        behind = [each["elapsedTimeSeconds"] for each in back["nodes"]] + behind
        before = back["pageInfo"]["startCursor"]
    assert ahead == behind == [240, 250, 260, 270, 280]
    assert (page["pageInfo"]["hasNextPage"], back["pageInfo"]["hasPreviousPage"]) == (False, False)
