"""Who is led to an address that is none, or no more, reads a page; programs get JSON."""

import pytest

from tests.graph.api import serve

pytestmark = pytest.mark.anyio
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("address", "title", "text"),
    [
        ("/nowhere", "There is no such page", "Check the address."),
        ("/exports/over", "Not Found", "its time is over"),
        ("/errors/no_such", "There is no such code", "lists all codes"),
    ],
)
async def test_a_browser_gets_a_page(settings, address, title, text):
    async with serve(settings) as api:
        page = await api.http.get(address, headers=BROWSER)
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert f"<h1>{title}</h1>" in page.text
        assert text in page.text
        assert "content-security-policy" in page.headers
        assert "Accept" in page.headers["vary"]
        told = await api.http.get(address)
        assert told.status_code == 404
        assert told.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_what_scripts_send_is_answered_in_json(settings):
    async with serve(settings) as api:
        told = await api.http.post("/nowhere", headers=BROWSER)
        assert told.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
