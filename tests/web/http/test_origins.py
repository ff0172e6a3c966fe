"""Which requests count as another site's, and what CORS answers."""

import pytest

from settings import InvalidSettings, load_settings
from web.http.origins import Origins


def origins(*allowed, url="http://pacegraph.test"):
    return Origins(load_settings(None, public_url=url, cors_origins=allowed))


def headers(**given):
    return {name.replace("_", "-").encode(): value.encode() for name, value in given.items()}


APP = "https://app.example"


@pytest.mark.parametrize(
    ("given", "is_foreign"),
    [
        ({}, False),  # a program
        ({"origin": "http://pacegraph.test"}, False),
        ({"origin": "http://pacegraph.test", "host": "10.0.0.7:8000"}, False),  # behind a proxy
        ({"origin": "http://localhost:8000", "host": "localhost:8000"}, False),
        ({"origin": "http://localhost:3000", "host": "localhost:8000"}, True),
        ({"origin": APP}, False),
        ({"origin": "http://app.example"}, True),
        ({"origin": "https://app.example.evil.test"}, True),
        ({"origin": "https://evil.test"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "", "host": ""}, True),
        ({"sec_fetch_site": "same-origin"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": "cross-site"}, True),
        ({"sec_fetch_site": "same-site"}, True),
        ({"sec_fetch_site": "cross-site", "origin": APP}, False),
    ],
)
def test_a_request_is_foreign(given, is_foreign):
    assert origins(APP).is_foreign(headers(**given)) is is_foreign


def test_a_site_reached_by_https_does_not_trust_itself_without():
    """Whoever sits between could write such a page."""
    ours = origins(url="https://runs.example")
    assert not ours.is_foreign(headers(origin="https://runs.example", host="runs.example"))
    assert ours.is_foreign(headers(origin="http://runs.example", host="runs.example"))


def test_who_lets_everybody_call_lends_nobody_the_session():
    ours = origins("*")
    asked = headers(origin="https://evil.test")
    assert ours.is_foreign(asked)
    assert dict(ours.cors(asked))[b"access-control-allow-origin"] == b"*"
    assert b"access-control-allow-credentials" not in dict(ours.cors(asked) + ours.preflight(asked))
    assert not ours.varies


def test_an_allowed_page_may_read_the_answer():
    ours = origins(APP)
    answered = dict(ours.cors(headers(origin=APP)))
    assert answered[b"access-control-allow-origin"] == APP.encode()
    assert answered[b"access-control-allow-credentials"] == b"true"
    assert b"x-request-id" in answered[b"access-control-expose-headers"]
    assert ours.varies
    assert ours.cors(headers(origin="https://evil.test")) == ours.cors({}) == []


def test_a_preflight_says_what_may_be_sent():
    ours = origins(APP)
    asked = {
        "access_control_request_method": "POST",
        "access_control_request_headers": "content-type",
    }
    answered = dict(ours.preflight(headers(origin=APP, **asked)))
    assert answered[b"access-control-allow-methods"] == b"GET, POST"
    assert {b"authorization", b"content-type", b"graphql-cost", b"x-request-id"} <= {
        *answered[b"access-control-allow-headers"].split(b", ")
    }
    assert ours.preflight(headers(origin="https://evil.test", **asked)) == []
    assert ours.preflight(headers(origin=APP)) == []


@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        ("apollo-require-preflight,content-type,traceparent", True),
        ("content-type, x-app-version", True),
        ("*", False),
        ("content-type\tx", False),
        (",".join(["x-a"] * 1000), False),
    ],
)
def test_a_page_that_may_call_may_send_headers_of_its_own(asked, is_allowed):
    ours = origins(APP)
    preflight = {"access_control_request_method": "POST", "access_control_request_headers": asked}
    answered = dict(ours.preflight(headers(origin=APP, **preflight)))
    assert answered[b"access-control-allow-headers"].endswith(b", " + asked.encode()) is is_allowed
    assert ours.preflight(headers(origin="https://evil.test", **preflight)) == []


@pytest.mark.parametrize(
    "written", ["HTTPS://App.Example:443", "https://app.example/", "https://app.example"]
)
def test_an_origin_is_read_as_browsers_write_it(written):
    assert not origins(written).is_foreign(headers(origin=APP))


WRONG = [
    "null", "app.example", "https://app.example/path", "https://u@app.example", "https://app.example?x", "ftp://a.test",
    "https://*.app.example", "https://app.example:x", "https://app example", "https://",
]  # fmt: skip


@pytest.mark.parametrize("written", [*((each,) for each in WRONG), ("*", APP)])
def test_what_is_no_origin_ends_the_start(written):
    with pytest.raises(InvalidSettings, match=r"^CORS_ORIGINS: "):
        origins(*written)
