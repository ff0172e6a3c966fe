"""Administrators, and nobody else, see the statement of a query and PostgreSQL's plan of it."""

import pytest

from graph.plan import explanation
from tests import factories as make
from tests.error_links import unlinked

pytestmark = pytest.mark.anyio

QUERY = "query($n: Int) { athletes(first: $n) { nodes { displayName } } }"


@pytest.fixture
def admin(db):
    return make.create_admin(db)


async def ask(api, query, token=None, explain="analyze", **more):
    headers = {"graphql-explain": explain} | more
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    body = {"query": query, "variables": {"n": 3}}
    return await api.http.post("/graphql", json=body, headers=headers)


async def test_administrators_see_statement_and_plan(api, db, admin):
    make.create_person(db)
    for _ in range(2):  # the second time the plan is kept
        answer = (await ask(api, QUERY, admin.token)).json()
        assert answer["data"] is None
        assert "errors" not in answer
        told = answer["extensions"]["explain"]
        assert told["statement"].startswith("SELECT ")
        assert "athletes" in told["statement"]
        [plan] = told["plan"]
        assert plan["Plan"]["Actual Rows"] == 1
        assert plan["Execution Time"] > 0
        assert told["reason"] is None
    assert (await api.ask("{ athletes { totalCount } }", admin.token))["athletes"]["totalCount"]


@pytest.mark.parametrize("is_signed_in", [True, False])
async def test_others_do_not(api, db, is_signed_in):
    token = make.create_person(db).token if is_signed_in else None
    for query in (QUERY, "{ viewer { id } }", "not GraphQL"):
        refused = await ask(api, query, token)
        assert refused.status_code == 403
        [error] = refused.json()["errors"]
        assert unlinked(error["extensions"]) == {"code": "FORBIDDEN", "field": "GraphQL-Explain"}
        assert "data" not in refused.json()
        assert "SELECT" not in refused.text


async def test_another_value_is_refused(api, admin):
    refused = await ask(api, QUERY, admin.token, explain="verbose")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["extensions"]["field"] == "GraphQL-Explain"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("{ __typename }", "It reads nothing from the database."),
        ("{ __schema { queryType { name } } }", "introspection"),
    ],
)
async def test_what_has_no_statement_says_so(api, admin, query, reason):
    told = (await ask(api, query, admin.token)).json()["extensions"]["explain"]
    assert (told["statement"], told["plan"]) == (None, None)
    assert reason in told["reason"]


async def test_mutations_do_not_run(api, db, admin):
    query = 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'
    [error] = (await ask(api, query, admin.token)).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


async def test_what_is_long_is_left_out(api, admin, monkeypatch):
    monkeypatch.setattr(explanation, "_MOST_CHARACTERS", 100)
    told = (await ask(api, QUERY, admin.token)).json()["extensions"]["explain"]
    assert (told["statement"], told["plan"]) == (None, None)
    assert told["reason"].startswith("The statement has ")
    assert " The plan has " in told["reason"]


async def test_it_costs_its_time_in_the_database(api, db, admin):
    answer = (await ask(api, QUERY, admin.token)).json()
    [plan] = answer["extensions"]["explain"]["plan"]
    at_most = 25 * (plan["Execution Time"] + plan["Planning Time"]) + 100
    assert answer["extensions"]["cost"]["actual"] == 0
    assert 0 <= answer["extensions"]["cost"]["work"] <= at_most
