"""Links that PostgreSQL writes: only the text that was made is read, until its moment."""

from hashlib import sha256
from string import hexdigits

from web.auth.windowed_links import WindowedLinks

NOW = 1_800_000_000.5
SECRET = b"a key of thirty-two bytes, made up"
LINKS = WindowedLinks("original", SECRET, 3600.0, clock=lambda: NOW)


def link(links: WindowedLinks, number: int) -> str:
    begin, key = links.window()
    packed = number.to_bytes(8, "big")
    return begin + packed.hex() + sha256(key + packed).hexdigest()[:32]


def at(seconds: float) -> WindowedLinks:
    return WindowedLinks("original", SECRET, 3600.0, clock=lambda: NOW + seconds)


def test_a_link_is_read_for_its_life_and_at_most_a_quarter_longer():
    token = link(LINKS, 2**62 + 7)
    assert at(3600).read(token) == 2**62 + 7
    assert at(4501).read(token) is None
    assert link(at(100), 2**62 + 7) == token


def test_a_link_of_another_purpose_or_key_is_refused():
    token = link(LINKS, 7)
    assert WindowedLinks("upload", SECRET, 3600.0, LINKS.clock).read(token) is None
    assert WindowedLinks("original", b"another", 3600.0, LINKS.clock).read(token) is None


def test_any_other_character_is_refused():
    token = link(LINKS, 2**62 + 0xABCDEF)
    for place in range(len(token)):
        for other in set(f"{hexdigits} _+\u0663") - {token[place]}:
            assert LINKS.read(token[:place] + other + token[place + 1 :]) is None
