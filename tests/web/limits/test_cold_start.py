"""Nobody pays for a server that is cold: what comes first costs about what comes tenth."""

import httpx
import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.web.api_process import api_process

OF_RUN = """query($id: ID!) { activity(id: $id) { id name startedAt distanceMeters athlete { id firstName }
    bestEfforts { distance elapsedTimeSeconds rank } } }"""
CHANGE = """mutation($id: ID!) { updateActivity(input: { activityId: $id, notes: "wet" }) {
    activity { id } } }"""
PLAN_POINTS = 250
"""Points of a plan that is new to the process, some 5 ms: who brings a query pays for it."""
TRIGGER_POINTS = 100


def points(api, query: str, person: make.Person, activity_id: str) -> int:
    body = {"query": query, "variables": {"id": activity_id}}
    headers = {"authorization": f"Bearer {person.token}"}
    url = f"http://{api.address}/graphql"
    answer = httpx.post(url, json=body, headers=headers, timeout=30, trust_env=False).json()
    assert "errors" not in answer, answer
    cost = answer["extensions"]["cost"]
    return cost["actual"] + cost["work"]


@pytest.mark.parametrize(
    ("query", "changes", "more"),
    [
        (OF_RUN, {}, PLAN_POINTS),
        (OF_RUN, {"planned_execution": "off"}, 0),
        (CHANGE, {}, TRIGGER_POINTS),
    ],
    ids=["planned", "without a plan", "mutation"],
)
def test_the_first_operation_of_a_process_costs_what_others_do(
    settings, db, tmp_path, query, changes, more
):
    person = make.create_person(db)
    activity = make.create_activity(db, person.athlete_id)
    make.create_best_effort(db, activity)
    with api_process(settings, tmp_path, cache="off", **changes) as api:
        first, *others = [
            points(api, query, person, encode_id("Activity", activity)) for _ in range(6)
        ]
    assert first <= 2 * max(others) + more
