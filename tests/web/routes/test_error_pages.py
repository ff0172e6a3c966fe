"""Each error links the page of its code: this server's, or that of the documentation's site."""

import pytest

from runtime.error_links import ERROR_LINKS
from tests import factories as make
from tests.graph.api import serve
from tests.test_errors_page import SECTIONS

pytestmark = pytest.mark.anyio


async def test_an_error_links_its_page(settings):
    async with serve(settings) as api:
        for answer in (
            await api.answer("{ nothing }"),
            await api.answer("{ activities(first: 0) { totalCount } }"),
            (await api.http.get("/nothing")).json(),
        ):
            [error] = answer["errors"]
            code = error["extensions"]["code"]
            address = error["extensions"]["documentation"]
            assert address == f"{settings.url}/errors/{code.lower()}"
            page = await api.http.get(address.removeprefix(settings.url))
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert f"<h1>{code}</h1><p>" in page.text
            assert "<p>What to do: " in page.text


async def test_all_codes_have_pages(settings):
    async with serve(settings) as api:
        listed = (await api.http.get("/errors")).text
        for code in SECTIONS:
            assert f'<a href="/errors/{code.lower()}">{code}</a>' in listed
            page = await api.http.get(f"/errors/{code}")
            assert page.status_code == 200
            assert not [mark for mark in ("](", "`", "**") if mark in page.text], code
        unknown = await api.http.get("/errors/<b>")
        assert (unknown.status_code, unknown.json()["errors"][0]["extensions"]["code"]) == (
            404,
            "NOT_FOUND",
        )
        assert "<b>" not in unknown.text


async def test_a_site_is_linked_where_there_is_one(settings):
    site = settings.model_copy(update={"docs_url": "https://docs.example/pacegraph"})
    async with serve(site) as api:
        [error] = (await api.answer("{"))["errors"]
    assert error["extensions"] == {
        "code": "GRAPHQL_PARSE_FAILED",
        "documentation": "https://docs.example/pacegraph/errors/#graphql_parse_failed",
    }


REFUSED = (
    'mutation { disconnectStrava(input: {athleteId: "x"}) { userErrors { code documentation } } }'
)
OF_JOBS = """{ jobs(first: 2) { nodes {
    error { code documentation } problems { code documentation } } } }"""


async def test_errors_that_are_data_link_their_pages(settings, db):
    person = make.create_person(db)
    make.create_job(db, person.athlete_id)
    failed = make.create_job(
        db, person.athlete_id, status="FAILED", error_code="TIMED_OUT", error_message="Too long."
    )
    make.create_job_problem(db, failed, person.athlete_id)

    def linked(code: str) -> dict[str, str]:
        return {"code": code, "documentation": f"{settings.url}/errors/{code.lower()}"}

    async with serve(settings) as api:
        refused = await api.ask(REFUSED, person.token)
        jobs = await api.ask(OF_JOBS, person.token)  # by plan and by graphql-core
    assert refused["disconnectStrava"]["userErrors"] == [linked("INVALID")]
    assert jobs["jobs"]["nodes"] == [
        {"error": linked("TIMED_OUT"), "problems": [linked("STRAVA_UNAVAILABLE")]},
        {"error": None, "problems": []},
    ]


async def test_without_pages_nothing_is_linked(settings, db, monkeypatch):
    person = make.create_person(db)
    make.create_job(db, person.athlete_id, status="FAILED", error_code="TIMED_OUT")
    async with serve(settings) as api:
        monkeypatch.setattr(ERROR_LINKS, "_begun", "")
        [error] = (await api.answer("{"))["errors"]
        refused = await api.ask(REFUSED, person.token)
        jobs = await api.ask(OF_JOBS, person.token)
    assert "documentation" not in error["extensions"]
    assert refused["disconnectStrava"]["userErrors"] == [{"code": "INVALID", "documentation": None}]
    assert jobs["jobs"]["nodes"][0]["error"] == {"code": "TIMED_OUT", "documentation": None}
