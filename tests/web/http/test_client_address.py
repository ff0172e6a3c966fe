"""Where a request comes from, whatever it says about itself."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.http.client_address import ClientAddresses

PROXIES = [ip_network(each) for each in ("10.0.0.0/8", "192.0.2.1/32", "2001:db8:f::/48")]


def scope(client: str | None, *forwarded_for: str, **headers: str) -> dict:
    fields = [(b"x-forwarded-for", each.encode("latin-1")) for each in forwarded_for]
    fields += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "scheme": "http",
        "client": (client, 4711) if client is not None else None,
        "headers": fields,
    }


def address(client: str | None, *forwarded_for: str, trusted=PROXIES) -> str:
    return ClientAddresses(trusted).of(scope(client, *forwarded_for))


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        (None, ""),
        ("a:b", ""),
    ],
)
@pytest.mark.parametrize("trusted", [(), PROXIES])
def test_a_connection_has_the_address_it_comes_from(client, counted, trusted):
    assert address(client, trusted=trusted) == counted
    assert address(client, "198.51.100.1", trusted=trusted) == counted


@pytest.mark.parametrize(
    ("forwarded_for", "counted"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.3.2.1,192.0.2.1"], "203.0.113.9"),
        (["203.0.113.9:55123"], "203.0.113.9"),
        (["[2001:db8:1:2:3::4]:55123"], "2001:db8:1:2::/64"),
        (["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 2001:db8:f::7, ::ffff:10.0.0.4"], "203.0.113.9"),
        (["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        (["203.0.113.9, nonsense"], "10.0.0.1"),
        (["203.0.113.9, nonsense, 10.0.0.7"], "10.0.0.7"),
        (["203.0.113.9, "], "10.0.0.1"),
        (["unknown"], "10.0.0.1"),
        (["010.0.0.1"], "10.0.0.1"),
        (["\xe9" * 5000], "10.0.0.1"),
        ([", ".join(["10.0.0.2"] * 5000)], "10.0.0.2"),
        ([], "10.0.0.1"),
    ],
)
def test_a_proxy_says_for_whom_it_speaks(forwarded_for, counted):
    assert address("10.0.0.1", *forwarded_for) == counted


ANYTHING = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=30),
    st.ip_addresses().map(str),
)


@given(st.lists(ANYTHING, max_size=5), st.booleans())
def test_what_a_client_writes_changes_nothing(forged, is_one_line):
    """A proxy adds the address it sees, to the client's line or in one of its own."""
    told = [", ".join([*forged, "203.0.113.9"])] if is_one_line else [*forged, "203.0.113.9"]
    assert address("10.0.0.1", *told) == "203.0.113.9"
    assert address("203.0.113.9", *forged) == "203.0.113.9"
    assert address("10.0.0.1", *told, trusted=()) == "10.0.0.1"


def test_forwarded_is_not_read():
    asked = scope("10.0.0.1", "203.0.113.9", forwarded="for=198.51.100.1", x_real_ip="198.51.100.1")
    assert ClientAddresses(PROXIES).of(asked) == "203.0.113.9"


@pytest.mark.parametrize(
    ("client", "told", "scheme", "expected"),
    [
        ("10.0.0.1", "https", "http", "https"),
        ("10.0.0.1", "https", "ws", "wss"),
        ("10.0.0.1", "wss", "ws", "wss"),
        ("10.0.0.1", "http, HTTPS ", "http", "https"),
        ("10.0.0.1", "https, http", "http", "http"),
        ("10.0.0.1", "gopher", "http", "http"),
        ("203.0.113.9", "https", "http", "http"),
        (None, "https", "http", "http"),
    ],
)
def test_a_proxy_says_how_it_was_asked(client, told, scheme, expected):
    asked = {**scope(client, x_forwarded_proto=told), "scheme": scheme}
    assert ClientAddresses(PROXIES).scheme_of(asked) == expected
    assert ClientAddresses().scheme_of(asked) == scheme
