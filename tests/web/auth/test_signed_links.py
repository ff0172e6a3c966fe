"""Signed links: only the text that was made is read, until its moment."""

from datetime import UTC, datetime, timedelta
from string import ascii_letters, digits

from web.auth.signed_links import SignedLinks

SOON = datetime.now(UTC) + timedelta(hours=1)
LINKS = SignedLinks("upload", b"a key of thirty-two bytes, made up")


def test_a_link_is_read_until_its_end():
    assert LINKS.read(LINKS.token(2**62 + 7, SOON)) == 2**62 + 7
    assert LINKS.read(LINKS.token(7, datetime.now(UTC) - timedelta(seconds=1))) is None


def test_a_link_of_another_purpose_or_key_is_refused():
    token = LINKS.token(7, SOON)
    assert SignedLinks("original", LINKS.key).read(token) is None
    assert SignedLinks("upload", b"another key").read(token) is None


def test_any_other_character_is_refused():
    """Also one whose bits beyond the last byte differ only."""
    token = LINKS.token(7, SOON)
    for place in range(len(token)):
        for other in set(f"{ascii_letters}{digits}-_=") - {token[place]}:
            assert LINKS.read(token[:place] + other + token[place + 1 :]) is None
