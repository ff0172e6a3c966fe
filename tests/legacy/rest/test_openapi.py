"""The OpenAPI document: sound, of all routes, each with its successor; and the page that is made of
it.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema_rs
import pytest
from graphql import parse, validate

from graph.schema.build import build_schema
from legacy.rest import docs_page
from legacy.rest.errors import STATUS_OF_CODE
from legacy.rest.response_headers import is_legacy
from legacy.rest.routes import ROUTES
from tests.legacy.rest.conftest import serve_rest
from web.routes import openapi_document

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
INTERNAL = {"INTERNAL", "INTROSPECTION_DISABLED", "UNTRUSTED_DOCUMENT", "INVALID_CURSOR"}
"""Codes that mean an error of the routes themselves: their operations are ours."""
PATHS = {path for route in ROUTES for path in (route.path, *route.aliases)} | {"/health"}


async def document(rest) -> dict:
    return (await rest.get("/openapi.json")).json()


async def test_it_is_of_all_routes_and_says_that_they_end(rest):
    paths = (await document(rest))["paths"]
    assert {path for path in paths if is_legacy(path)} == PATHS
    assert {
        path for path, each in paths.items() for one in each.values() if one.get("deprecated")
    } == PATHS
    assert {"/healthz", "/readyz"} <= paths.keys()
    for path in PATHS:
        for operation in paths[path].values():
            assert {"Deprecation", "Sunset", "Link"} <= operation["responses"]["200"][
                "headers"
            ].keys()


async def test_document_and_page_are_rendered_once(rest, monkeypatch):
    """Anybody may ask, and rendering holds up all others for milliseconds."""
    paths = ("/openapi.json", "/docs")
    before = [(await rest.get(path)).content for path in paths]
    monkeypatch.setattr(docs_page, "page", None)
    monkeypatch.setattr(openapi_document, "JSONResponse", None)
    assert [(await rest.get(path)).content for path in paths] == before


async def test_it_is_sound(rest):
    made = await document(rest)
    assert made["openapi"].startswith("3.1")
    ids = [one["operationId"] for each in made["paths"].values() for one in each.values()]
    assert len(ids) == len({*ids})
    assert all(re.fullmatch(r"\w+", each) for each in ids)
    for name, schema in made["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert schema.get("description") or schema.get("enum") or "Validation" in name, name
    for references in re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(made)):
        assert references in made["components"]["schemas"]


async def test_answers_are_as_it_says(rest, people):
    made = await document(rest)
    for route in ROUTES:
        if route.method != "GET":
            continue
        query = "?distance=5k&time=1200&age=45&sex=M" if route.path == "/v1/age-grade" else ""
        response = await rest.get(route.path.format(**people.ids) + query, people.owner.token)
        check(made, made["paths"][route.path]["get"], response)
    check(made, made["paths"]["/health"]["get"], await rest.get("/health"))
    check(made, made["paths"]["/v1/athletes/me"]["get"], await rest.get("/v1/athletes/me"))
    check(made, made["paths"]["/v1/activities"]["get"], await rest.get("/v1/activities?limit=x"))


def check(made: dict, operation: dict, response) -> None:
    described = operation["responses"][str(response.status_code)]
    schema = described["content"]["application/json"]["schema"] | {"components": made["components"]}
    jsonschema_rs.validator_for(schema).validate(response.json())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_successor_is_a_sound_query_that_the_document_shows(route):
    schema = build_schema().core
    assert validate(schema, parse(route.operation)) == []
    if route.listed:
        assert validate(schema, parse(route.listed.end)) == []


async def test_the_document_names_the_successor(rest):
    paths = (await document(rest))["paths"]
    for route in ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert operation["x-graphql-query"] == route.operation
        assert route.operation in operation["description"]


def test_the_documentation_has_every_route_and_code():
    told = (ROOT / "docs" / "rest.md").read_text()
    for route in ROUTES:
        assert f"`{route.name}`" in told
        for alias in route.aliases:
            assert f"`{alias}`" in told or f"`…/{alias.rsplit('/', 1)[1]}`" in told
    for code in {*STATUS_OF_CODE, "LEGACY_REST_OFF"} - INTERNAL:
        assert f"`{code}`" in told, code


class Page(HTMLParser):
    """Collects what a page would load, and its headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.loads += [
            f"{tag} {name}" for name in ("src", "srcset", "data", "action") if name in given
        ]
        self.loads += [tag] if tag in {"script", "link", "img", "iframe", "object", "base"} else []
        self.ids += [given["id"]] if "id" in given else []


async def test_the_page_shows_all_routes_and_loads_nothing(settings):
    async with serve_rest(settings) as rest:
        response = await rest.get("/docs")
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    page = Page(response.text)
    assert page.loads == []
    assert {each.split()[1] for each in page.ids} == PATHS
    assert "2027-05-31" in response.text
    assert "mutation Sync($input: SyncStravaInput!)" in response.text
    assert "url(" not in response.text
    assert "`" not in response.text
    assert 'href="/docs/rest.md"' in response.text


async def test_what_there_is_to_read_is_served(rest):
    response = await rest.get("/docs/rest.md")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == (ROOT / "docs" / "rest.md").read_text()
