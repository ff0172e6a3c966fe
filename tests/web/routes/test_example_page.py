"""The example app's pages and files: from here only, and every document of it still runs."""

import json
import re
from datetime import UTC, datetime, timedelta
from gzip import compress
from pathlib import Path

import pytest

from tests.graph.api import serve
from web.routes.example_page import PAGES

pytestmark = pytest.mark.anyio

BUNDLE = Path(__file__).parents[3] / "web" / "example" / "dist"
ASSETS = sorted(path.name for path in (BUNDLE / "assets").iterdir())
MANIFEST = json.loads((BUNDLE / "trusted-documents.json").read_text())
MAX_JAVASCRIPT_BYTES = 150_000


@pytest.mark.parametrize("page", PAGES)
async def test_each_page_may_load_from_here_only(api, page):
    path = page.replace("{id:path}", "QWN0aXZpdHk6L2EvYg==%2Fb").replace("{distance}", "KM5")
    response = await api.http.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "<style" not in response.text
    assert re.findall(r'(?:src|href)="(?!/example/assets/)[^"]*"', response.text) == []
    assert re.findall(r"<script(?![^>]* src=)", response.text) == []


async def test_everything_the_page_names_is_there(api):
    page = (await api.http.get("/")).text
    named = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(named) >= 4
    for path in named:
        response = await api.http.get(path)
        assert response.status_code == 200, path
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_scripts_are_few_and_name_no_other_host():
    scripts = [path.read_bytes() for path in (BUNDLE / "assets").glob("*.js")]
    assert sum(len(compress(each, 9)) for each in scripts) <= MAX_JAVASCRIPT_BYTES
    styles = [path.read_text() for path in (BUNDLE / "assets").glob("*.css")]
    assert re.findall(r"url\((?!/example/assets/)[^)]*\)|@import", "".join(styles)) == []


@pytest.mark.parametrize("path", ["absent.js", "..%2findex.html", "..%2f..%2fapp.py"])
async def test_no_other_file_is_served(api, path):
    assert (await api.http.get(f"/example/assets/{path}")).status_code == 404


async def test_it_can_be_switched_off(settings):
    async with serve(settings.model_copy(update={"example_app": "off"})) as api:
        assert (await api.http.get("/bests")).status_code == 404
        assert (await api.http.get(f"/example/assets/{ASSETS[0]}")).status_code == 404


async def test_its_documents_may_be_the_only_ones(settings):
    changes = {
        "trusted_documents": "enforce",
        "trusted_documents_manifest": BUNDLE / "trusted-documents.json",
    }
    [viewer] = [text for text in MANIFEST.values() if text.startswith("query Viewer ")]
    async with serve(settings.model_copy(update=changes)) as api:
        answer = await api.answer(viewer)
        now = answer["data"].pop("now")
        assert abs(datetime.fromisoformat(now) - datetime.now(UTC)) < timedelta(minutes=1)
        assert answer["data"] == {
            "viewer": None,
            "athletes": {"nodes": [], "__typename": "AthleteConnection"},
        }
        refused = await api.answer("{ viewer { id } }")
        assert refused["errors"][0]["extensions"]["code"] == "UNTRUSTED_DOCUMENT"


@pytest.mark.parametrize("identifier", sorted(MANIFEST))
async def test_each_document_of_the_app_fits_the_schema(api, identifier):
    """By a dry run, so that a change of the schema that breaks the app is seen without a browser."""
    response = await api.http.post(
        "/graphql", json={"query": MANIFEST[identifier]}, headers={"graphql-cost": "validate"}
    )
    codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
    assert not codes & {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}, response.text
