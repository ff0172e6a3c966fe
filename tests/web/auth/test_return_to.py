"""Addresses to return to after signing in: harmless ones pass, all others are refused."""

import pytest

from graph.errors import InvalidArgument
from web.auth.return_to import checked_return_to
from web.http.origins import Origins


@pytest.fixture
def origins(settings):
    others = ("https://app.example", "http://localhost:5173", "http://[::1]:3000")
    return Origins(settings.model_copy(update={"cors_origins": others}))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("/", "/"),
        ("/graphiql", "/graphiql"),
        ("/runs?page=2&x=%2F%2Fevil.example#top", "/runs?page=2&x=%2F%2Fevil.example#top"),
        ("/a//b", "/a//b"),
        ("/@evil.example", "/@evil.example"),
        ("/https://evil.example", "/https://evil.example"),
        ("http://pacegraph.test", "http://pacegraph.test/"),
        ("http://pacegraph.test:80/x", "http://pacegraph.test/x"),
        ("https://app.example", "https://app.example/"),
        ("https://app.example/runs/7?tab=splits#km3", "https://app.example/runs/7?tab=splits#km3"),
        ("https://app.example?x=1", "https://app.example/?x=1"),
        ("https://app.example#x", "https://app.example/#x"),
        ("HTTPS://APP.EXAMPLE:443/Runs", "https://app.example/Runs"),
        ("http://localhost:5173/callback", "http://localhost:5173/callback"),
        ("http://[::1]:3000/", "http://[::1]:3000/"),
        ("/" + "x" * 499, "/" + "x" * 499),
    ],
)
def test_a_path_of_ours_and_a_page_of_an_allowed_origin(origins, wanted, expected):
    assert checked_return_to(origins, wanted, "returnTo") == expected


@pytest.mark.parametrize(
    "wanted",
    [
        "", " ", "graphiql", "runs/7", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "/\t/evil.example", "/\n/evil.example", "/x\r\nset-cookie: a=b", "/ x", "/caf\u00e9", "\u2215\u2215evil.example",
        "https://evil.example", "https://app.example.evil.example", "https://evil.example/https://app.example",
        "https://app.example@evil.example", "https://app.example:443@evil.example/", "https://user@app.example/",
        "https://app.example\\@evil.example", "https://app.example:444/", "http://app.example/", "https://app.example./",
        "https://xapp.example", "https:app.example", "https:/app.example", "https:///app.example", "//app.example/",
        "http://localhost:5174/", "http://localhost/", "http://[::1]/", "http://[::1/", "http://app.example:x/",
        "javascript:alert(1)", "data:text/html,x", "ftp://app.example/", "file:///etc/passwd", "null", "/" + "x" * 500,
    ],
)  # fmt: skip
def test_anything_else_is_refused(origins, wanted):
    with pytest.raises(InvalidArgument, match="no address to return to") as refused:
        checked_return_to(origins, wanted, "input.returnTo")
    assert refused.value.field == "input.returnTo"


def test_where_every_page_may_call_only_ours_may_be_returned_to(settings):
    origins = Origins(settings.model_copy(update={"cors_origins": ("*",)}))
    assert checked_return_to(origins, "/x", "returnTo") == "/x"
    assert checked_return_to(origins, "http://pacegraph.test/x", "returnTo")
    with pytest.raises(InvalidArgument):
        checked_return_to(origins, "https://app.example/", "returnTo")
