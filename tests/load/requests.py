"""What the clients of a load ask: each maker takes who asks and a number that no other request has."""

from collections.abc import Callable

from tests.security.http_connection import post, request
from tests.security.runners import Runner

Makes = Callable[[Runner, int], bytes]

PAGE = """query Page($id: ID!, $first: Int!) { athlete(id: $id) { id firstName
    activities(first: $first) { nodes { id name distanceMeters } }
    personalBests { distance elapsedTimeSeconds activity { id name } } } }"""
ACTIVITIES = """query Activities($id: ID!, $first: Int!) {
    athlete(id: $id) { id activities(first: $first) { nodes { id name distanceMeters } } } }"""
CHANGE = """mutation Change($input: UpdateAthleteInput!) {
    updateAthlete(input: $input) { athlete { id city } userErrors { code message } } }"""


def page(runner: Runner, number: int) -> bytes:
    """A query; by plan or on graphql-core, as the server is set."""
    return _query(PAGE, runner, number)


def activities(runner: Runner, number: int) -> bytes:
    """A smaller one."""
    return _query(ACTIVITIES, runner, number)


def change(runner: Runner, number: int) -> bytes:
    """A mutation."""
    return post(
        CHANGE,
        _signed_in(runner),
        variables={"input": {"athleteId": runner.athlete_id, "city": f"{number}"}},
    )


def rest_me(runner: Runner, _: int) -> bytes:
    return request("GET", "/v1/athletes/me", _signed_in(runner))


def rest_activities(runner: Runner, number: int) -> bytes:
    return request(
        "GET",
        f"/v1/athletes/{runner.athlete_id}/activities?limit={5 + number % 5}",
        _signed_in(runner),
    )


def rest_bests(runner: Runner, _: int) -> bytes:
    return request("GET", f"/v1/athletes/{runner.athlete_id}/personal-bests", _signed_in(runner))


def rest_feedback(runner: Runner, number: int) -> bytes:
    return request("POST", "/feedback", _signed_in(runner), b'{"message": "number %d"}' % number)


def _query(text: str, runner: Runner, number: int) -> bytes:
    return post(
        text, _signed_in(runner), variables={"id": runner.athlete_id, "first": 5 + number % 5}
    )


def _signed_in(runner: Runner) -> dict[str, str]:
    return {"authorization": f"Bearer {runner.token}"}
