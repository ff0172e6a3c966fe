"""Which media type an answer has, and which bodies are JSON."""

import pytest

from web.errors import BadRequest, NotAcceptable, UnsupportedMediaType
from web.http.compression import coding_of
from web.http.media_type import acceptable, require_json, wants_page, weighed

GRAPHQL_JSON, JSON = "application/graphql-response+json", "application/json"


def chosen(accept):
    found = acceptable(accept.encode() if accept is not None else None)
    return (found.json.decode().partition(";")[0] if found.json else None), found.streams


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        ("APPLICATION/GraphQL-Response+JSON", GRAPHQL_JSON),
        (f"{JSON}, {GRAPHQL_JSON}", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, {JSON};q=0.9", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.5, {JSON}", JSON),
        (f"{GRAPHQL_JSON};q=0.5, {JSON};q=0.5", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0, */*", JSON),
        (f"{JSON};q=0, */*", GRAPHQL_JSON),
        (f"{JSON}, */*", JSON),
        (f"{GRAPHQL_JSON}, */*;q=0.1", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};charset=utf-8, {JSON};charset=utf-8", GRAPHQL_JSON),
        (f'{GRAPHQL_JSON};charset="UTF-8"', GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};charset=latin-1, {JSON}", JSON),
        (f"  {JSON} ; q=1 ,, text/plain", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        (f"multipart/mixed;subscriptionSpec=1.0,{GRAPHQL_JSON},{JSON}", GRAPHQL_JSON),
        (f"{JSON}, {'text/x, ' * 200}", JSON),  # longer than what is kept
    ],
)
def test_an_answer_is_as_its_caller_prefers(accept, media_type):
    assert chosen(accept) == (media_type, False)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/event-stream", (None, True)),
        (f"text/event-stream, {JSON};q=0.5", (JSON, True)),
        (f"{GRAPHQL_JSON}, {JSON}, text/event-stream, multipart/mixed", (GRAPHQL_JSON, True)),
        (f"{JSON}, text/event-stream;q=0", (JSON, False)),
        (f"text/*, {JSON}", (JSON, False)),
    ],
)
def test_streams_are_for_who_names_them(accept, expected):
    assert chosen(accept) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (f"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,{GRAPHQL_JSON}", True),
        (f'multipart/mixed; subscriptionSpec="1.0", {JSON}', True),
        (f"multipart/mixed;subscriptionSpec=2.0,{JSON}", False),
        (f"multipart/mixed;subscriptionSpec=1.0;q=0,{JSON}", False),
        (f"multipart/mixed;deferSpec=20220824,{JSON}", False),
        (f"multipart/mixed,{JSON}", False),
    ],
)
def test_events_in_parts_are_for_who_names_their_form(accept, expected):
    found = acceptable(accept.encode())
    assert found.event_parts == expected
    assert not (found.event_parts and found.parts)


@pytest.mark.parametrize(
    "accept",
    ["text/html", "image/*", f"{JSON};q=0", "*/*;q=0", ",", f"{JSON};charset=utf-16", f"{JSON};q=high", f"{JSON};q=1.5",
     "application/jsonp", "text/*", "multipart/mixed", "application"],
)  # fmt: skip
def test_nothing_acceptable_is_said(accept):
    with pytest.raises(NotAcceptable, match=GRAPHQL_JSON.replace("+", r"\+")):
        acceptable(accept.encode())


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"',
     "application/json;charset=utf8", "application/json; profile=x; charset=utf-8", "application/json;"],
)  # fmt: skip
def test_json_is_taken(content_type):
    require_json(content_type.encode(), None)
    require_json(content_type.encode(), b"identity")


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", "multipart/form-data",
     "application/jsonp", "application/json-patch+json", "application/json5", "application/graphql",
     "application/json,text/plain", "application / json", "application/json; charset=utf-16",
     "application/json; charset=latin-1", "application/json; charset=",
     "application/json; charset=utf-8; charset=utf-16", f"text/{'x' * 500}"],
)  # fmt: skip
def test_nothing_else_is_taken(content_type):
    with pytest.raises(UnsupportedMediaType) as refusal:
        require_json(content_type.encode() if content_type is not None else None, None)
    assert refusal.value.field == "Content-Type"


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"gzip, identity", b"x"])
def test_bodies_are_not_unpacked(coding):
    with pytest.raises(UnsupportedMediaType, match="Content-Encoding"):
        require_json(b"application/json", coding)


def test_browsers_want_pages():
    assert wants_page(b"text/html,application/xhtml+xml,*/*;q=0.8")
    assert not wants_page(b"*/*")
    assert not wants_page(b"text/html;q=0")
    assert not wants_page(None)


@pytest.mark.parametrize(
    ("written", "quality"),
    [("0", 0), ("0.", 0), ("0.001", 0.001), ("1", 1), ("1.000", 1), ("0.25", 0.25)],
)
def test_a_weight_is_read(written, quality):
    [element] = weighed(f"a;q={written}".encode())
    assert element.quality == quality


@pytest.mark.parametrize("written", ["2", "-1", "1.001", "0.1234", ".5", "nan", "inf", "1e-1", ""])
def test_what_is_no_weight_counts_for_nothing(written):
    assert list(weighed(f"a;q={written}".encode())) == []


@pytest.mark.parametrize("header", [b"," * 120_000, b"a/b;q=1," * 130, b"*/*" + b";a=b" * 251])
def test_no_header_is_read_part_by_part_without_end(header):
    """Each part takes a microsecond of the event loop, and a head has room for 120,000."""
    for read in (acceptable, wants_page, coding_of):
        with pytest.raises(BadRequest):
            read(header)
    with pytest.raises(UnsupportedMediaType):
        require_json(b"application/json" + header, None)
    assert acceptable(b"text/html;q=0.5," * 120 + b"application/json").json
