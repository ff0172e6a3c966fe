"""Fields that were sent several times."""

import pytest

from tests.graph.api import Api
from web.http.header_fields import by_name

QUERY = "query=%7B__typename%7D"


def test_values_of_one_name_are_joined_in_their_order():
    fields = [
        (b"accept", b"text/html"),
        (b"host", b"a"),
        (b"cookie", b"a=1"),
        (b"accept", b"*/*"),
        (b"cookie", b"b=2"),
    ]
    assert by_name(fields) == {b"accept": b"text/html, */*", b"host": b"a", b"cookie": b"a=1; b=2"}
    assert by_name(fields[:3]) == dict(fields[:3])


@pytest.mark.anyio
async def test_all_of_what_is_accepted_counts(api: Api):
    headers = [("accept", "application/graphql-response+json"), ("accept", "text/html;q=0.1")]
    answer = await api.http.get(f"/graphql?{QUERY}", headers=headers)
    assert answer.headers["content-type"].startswith("application/graphql-response+json")


@pytest.mark.anyio
async def test_of_two_credentials_none_counts(api: Api, person):
    headers = [("authorization", f"Bearer {person.token}"), ("authorization", "Bearer pace_other")]
    assert (await api.http.get(f"/graphql?{QUERY}", headers=headers[:1])).status_code == 200
    assert (await api.http.get(f"/graphql?{QUERY}", headers=headers)).status_code == 401
    assert (await api.http.get(f"/graphql?{QUERY}", headers=headers[::-1])).status_code == 401
