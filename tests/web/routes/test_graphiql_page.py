"""GraphiQL's page and files: from here only, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from tests.graph.api import serve

pytestmark = pytest.mark.anyio

BUNDLE = Path(__file__).parents[2] / "web" / "graphiql" / "dist"
ASSETS = sorted(path.relative_to(BUNDLE).as_posix() for path in (BUNDLE / "assets").rglob("*") if path.is_file())


async def test_the_page_may_load_from_here_only(api):
    response = await api.http.get("/graphiql")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert re.findall(r'(?:src|href)="(?!/graphiql/|data:)[^"]*"', response.text) == []


async def test_everything_the_page_names_is_there(api):
    page = (await api.http.get("/graphiql")).text
    named = re.findall(r'(?:src|href)="(/graphiql/[^"]*)"', page)
    assert named
    for path in named:
        assert (await api.http.get(path)).status_code == 200, path


async def test_files_are_kept_by_browsers(api):
    for path in ASSETS[:3]:
        response = await api.http.get(f"/graphiql/{path}")
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["absent.js", "../index.html", "%2e%2e/%2e%2e/app.py", "..%2f..%2fapp.py"])
async def test_no_other_file_is_served(api, path):
    response = await api.http.get(f"/graphiql/assets/{path}")
    assert response.status_code == 404
    assert "import" not in response.text


async def test_it_can_be_switched_off(settings):
    async with serve(settings.model_copy(update={"graphiql": "off"})) as api:
        assert (await api.http.get("/graphiql")).status_code == 404
        assert (await api.http.get(f"/graphiql/{ASSETS[0]}")).status_code == 404
