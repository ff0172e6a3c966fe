"""The bare address of the server leads somewhere, also where the example app is off."""

import pytest

from tests.graph.api import serve

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_leads_to_graphiql(settings, method):
    async with serve(settings.model_copy(update={"example_app": "off"})) as api:
        response = await api.http.request(method, "/")
        assert (response.status_code, response.headers["location"]) == (303, "/graphiql")
        assert (await api.http.request("GET", response.headers["location"])).status_code == 200


async def test_without_graphiql_it_names_the_addresses(settings):
    async with serve(settings.model_copy(update={"graphiql": "off", "example_app": "off"})) as api:
        response = await api.http.get("/")
        assert response.status_code == 200
        told = response.json()
        assert told["graphql"] == "http://pacegraph.test/graphql"
        assert told["websocket"] == "ws://pacegraph.test/graphql"
        assert "docs/" in told["documentation"]
        for name in ("graphql", "signIn"):
            path = told[name].removeprefix("http://pacegraph.test")
            assert (await api.http.get(path)).status_code not in {404, 500}
        seen = await api.http.get("/", headers={"accept": "text/html,*/*;q=0.8"})
        assert seen.headers["content-type"] == "text/html; charset=utf-8"
        assert "http://pacegraph.test/graphql" in seen.text
        assert '<a href="/auth/strava">' in seen.text
