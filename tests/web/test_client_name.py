"""What a client calls itself, by headers and by the payload of `connection_init`."""

import pytest

from graph.context import NOBODY, Client
from web.client_name import client_of, client_of_payload


@pytest.mark.parametrize("prefix", [b"graphql-client-", b"apollographql-client-", b"x-graphql-client-"])  # fmt: skip
def test_each_spelling_is_read(prefix):
    assert client_of({prefix + b"name": b"phone", prefix + b"version": b"1.2"}) == Client("phone", "1.2")  # fmt: skip
    assert client_of({prefix + b"name": b"phone"}) == Client("phone", "")


@pytest.mark.parametrize(
    "name", [b"", b"a" * 65, b"line\nbreak", b"\xff", b"tab\t", "größe".encode()]
)
def test_what_is_no_name_is_nobody(name):
    assert client_of({b"graphql-client-name": name, b"graphql-client-version": b"1"}) == NOBODY


def test_an_invalid_version_is_left_out():
    headers = {b"graphql-client-name": b"phone", b"graphql-client-version": b"1" * 65}
    assert client_of(headers) == Client("phone", "")


def test_without_a_name_there_is_nobody():
    assert client_of({}) == NOBODY
    assert client_of({b"graphql-client-version": b"1"}) == NOBODY


@pytest.mark.parametrize(
    "payload",
    [
        {"graphql-client-name": "phone", "graphql-client-version": "1.2"},
        {"headers": {"Apollographql-Client-Name": "phone", "apollographql-client-VERSION": "1.2"}},
    ],
)
def test_a_payload_has_the_same_names(payload):
    assert client_of_payload(payload) == Client("phone", "1.2")


@pytest.mark.parametrize(
    "payload",
    [None, {}, [], {"graphql-client-name": 5}, {"headers": 1}, {"graphql-client-name": "日本"}],
)
def test_other_payloads_have_none(payload):
    assert client_of_payload(payload) is None
