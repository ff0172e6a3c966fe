"""A variable with a default may be null where an argument may not be: the caller's error, by plan
and on graphql-core alike.
"""

import pytest

from tests.switched import switched

pytestmark = pytest.mark.anyio

ID = "$v: ID = 5"
NULLS = {
    "query($v: LeaderboardBasis = AGE_GRADE) { leaderboard(distance: KM5, by: $v) { totalCount } }":
        ("by", "Query.leaderboard(by:)"),
    f"query({ID}) {{ node(id: $v) {{ id }} now }}": ("id", "Query.node(id:)"),
    f"query({ID}) {{ nodes(ids: [$v]) {{ id }} }}": ("ids[0]", "Query.nodes(ids:)"),
    "query($v: Boolean = true) { activities(filter: {includeDuplicates: $v}) { totalCount } }":
        ("filter.includeDuplicates", "ActivityFilter.includeDuplicates"),
    f"mutation({ID}) {{ syncStrava(input: {{athleteId: $v}}) {{ job {{ id }} }} }}":
        ("input.athleteId", "SyncStravaInput.athleteId"),
    "query($v: Boolean = true) { now @include(if: $v) rateLimit { limit } }":
        ("if", "@include(if:)"),
    "query($v: Boolean = true) { ...A @skip(if: $v) } fragment A on Query { now }":
        ("if", "@skip(if:)"),
}  # fmt: skip


@pytest.mark.parametrize("is_planned", [True, False], ids=["by plan", "on graphql-core"])
@pytest.mark.parametrize(
    ("query", "place"), NULLS.items(), ids=[each[0] for each in NULLS.values()]
)
async def test_its_place_is_named(shared_api, query, place, is_planned):
    with switched(shared_api.app.state.services.flags, planned_execution=is_planned):
        answer = await shared_api.answer(query, v=None)
    [error] = answer["errors"]
    told = error["extensions"]
    assert (told["code"], told["field"], told["coordinate"]) == ("BAD_USER_INPUT", *place)
    assert "null" in error["message"]
    assert "None" not in error["message"]
