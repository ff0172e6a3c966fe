"""Digests are found among those that are known."""

import hashlib

import pytest

from jobs.imports.known_digests import KnownDigests


def digests(count: int) -> list[bytes]:
    return sorted(hashlib.sha256(bytes([number])).digest() for number in range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_those_that_are_there_are_found_and_no_others(count):
    there = digests(count)
    known = KnownDigests(b"".join(there))
    assert (len(known), list(known), bool(known)) == (count, there, count > 0)
    assert all(each in known for each in there)
    others = [bytes(32), b"\xff" * 32, *set(digests(20)) - set(there)]
    assert not any(each in known for each in others)
