"""Fields that were sent several times, and cookies."""

from time import thread_time

import pytest

from tests.graph.api import Api
from web.http.header_fields import by_name, cookies_of

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


def test_cookies_are_read_as_they_were_sent():
    fields = [
        (b"cookie", b'a=1; b = "two=2";c; a=3;'),
        (b"x", b"d=4"),
        (b"cookie", b"e=\xe9"),
    ]
    assert cookies_of(fields) == {"a": "3", "b": '"two=2"', "e": "\xe9"}


def test_backslashes_in_a_cookie_take_no_time():
    """Python's own reader takes a third of a second for these, and minutes for a whole head."""
    fields = [(b"cookie", b'a="%b"' % (b"\\a" * 4000))]
    began_s = thread_time()
    assert len(cookies_of(fields)["a"]) == 8002
    assert thread_time() - began_s < 0.05


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
