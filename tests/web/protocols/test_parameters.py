"""Parameters of requests: what is wrong is named."""

import pytest

from web.errors import BadRequest, BatchingDisabled, MalformedRequest
from web.protocols.parameters import from_body, from_query_string

MALFORMED = [
    b"", b"{", b"hello", b'{"query": "\xff"}', b"NaN", b'{"variables": {"a": NaN}}', b'{"variables": {"a": Infinity}}',
    b'{"query": "\\ud800"}', b"\xef\xbb\xbf{}", b"{'query': 1}", b'{"query": "a"} {}', b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED)
def test_what_is_not_json_is_refused(body):
    with pytest.raises(BadRequest, match="not JSON"):
        from_body(body)


@pytest.mark.parametrize("body", [b"null", b"1", b'"query"', b"true"])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(MalformedRequest, match="must be a JSON object"):
        from_body(body)


@pytest.mark.parametrize("body", [b"[]", b'[{"query": "{ __typename }"}]'])
def test_batches_are_refused(body):
    with pytest.raises(BatchingDisabled):
        from_body(body)


WRONG = [
    ("query", b'{"query": 1}'), ("query", b'{"query": ["{ a }"]}'), ("query", b'{"query": {"a": 1}}'),
    ("query", b'{"query": false}'), ("operationName", b'{"query": "", "operationName": 0}'),
    ("operationName", b'{"operationName": ["a"]}'), ("variables", b'{"variables": "{}"}'),
    ("variables", b'{"variables": [1]}'), ("variables", b'{"variables": 0}'), ("variables", b'{"variables": false}'),
    ("extensions", b'{"extensions": "x"}'), ("extensions", b'{"extensions": []}'), ("extensions", b'{"extensions": 0}'),
]  # fmt: skip


@pytest.mark.parametrize(("field", "body"), WRONG)
def test_a_parameter_of_another_type_is_named(field, body):
    with pytest.raises(MalformedRequest, match=f"`{field}` must be") as refusal:
        from_body(body)
    assert refusal.value.field == field


def test_null_is_absent_and_others_are_ignored():
    asked = from_body(
        b'{"query": "a", "variables": null, "operationName": null, "extensions": null, "more": [1]}'
    )
    assert asked["query"] == "a"
    assert asked["variables"] is asked["operationName"] is asked["extensions"] is None


def test_of_a_name_that_comes_twice_the_last_counts():
    assert from_body(b'{"query": "a", "query": "b"}')["query"] == "b"


def test_an_address_is_read():
    asked = from_query_string(
        b"query=query+a(%24n:ID)%7Bb%7D&variables=%7B%22n%22:%22%C3%BC%22%7D&operationName=a"
    )
    assert asked == {"query": "query a($n:ID){b}", "variables": {"n": "ü"}, "operationName": "a"}


def test_what_is_empty_in_an_address_is_absent():
    assert from_query_string(b"query=a&variables=&operationName=&extensions=") == {"query": "a"}
    assert from_query_string(b"query=a&variables=null")["variables"] is None
    assert from_query_string(b"operationName=null") == {"operationName": "null"}


@pytest.mark.parametrize(
    ("address", "query"),
    [
        (b"query=%7Ba%7D&query=b", "{a}"),
        (b"query=a=b&&x", "a=b"),
        (b"query=%C3%BC+%2B", "ü +"),
        (b"query=\xc3\xbc", "ü"),
        (b"query=%ff%zz", "\N{REPLACEMENT CHARACTER}%zz"),
        (b"query=", ""),
        (b"query", ""),
        (b"a;query=b", None),
    ],
)
def test_an_address_is_read_as_urlsearchparams_reads_it(address, query):
    assert from_query_string(address).get("query") == query


@pytest.mark.parametrize(
    ("address", "field"),
    [
        (b"variables={", "variables"),
        (b"variables=[1]", "variables"),
        (b"variables=1", "variables"),
        (b"extensions=x", "extensions"),
        (b"extensions=%22x%22", "extensions"),
        (b"&".join([b"a=1"] * 21), None),
    ],
)
def test_what_is_wrong_in_an_address_is_named(address, field):
    with pytest.raises((BadRequest, MalformedRequest)) as refusal:
        from_query_string(address)
    assert refusal.value.field == field


LISTS = b"[" + b",".join([b"[]"] * 20_000) + b"]"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (from_body, b'{"query": "{ a }", "variables": {"a": %b}}' % LISTS),
        (from_query_string, b"query={a}&variables={%%22a%%22:%b}" % LISTS),
    ],
    ids=["body", "address"],
)
def test_too_many_values_are_refused_before_they_are_read(read, text):
    with pytest.raises(BadRequest, match="at most 10000 values"):
        read(text)


def test_long_texts_and_as_many_values_as_may_be_are_read():
    ids = b",".join([b'"QWN0aXZpdHk6MQ=="'] * 5000)
    body = b'{"query": "%b", "variables": {"ids": [%b]}}' % (b"a" * 100_000, ids)
    assert len(from_body(body)["variables"]["ids"]) == 5000
