"""Compressed originals."""

from io import BytesIO
from random import Random

import pytest

from db.original_codec import CorruptOriginal, pack, unpacked


def test_what_is_packed_is_unpacked():
    content = b"lap 1\n" * 100_000
    packed = pack(BytesIO(content), len(content), most=10_000)
    assert packed is not None
    assert len(packed) < 10_000
    assert b"".join(unpacked(packed)) == content


def test_what_takes_more_room_than_there_may_be_is_not_packed():
    noise = Random(1).randbytes(1_000_000)
    assert pack(BytesIO(noise), len(noise), most=500_000) is None


def test_what_was_cut_or_changed_is_corrupt():
    packed = pack(BytesIO(b"lap 1\n" * 1000), 6000, most=10_000)
    assert packed is not None
    with pytest.raises(CorruptOriginal):
        b"".join(unpacked(packed[:-1] + bytes([packed[-1] ^ 1])))
