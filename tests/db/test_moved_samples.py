"""The files of samples that are outside of the database."""

import pytest

from db.moved_samples import PackedSamples
from db.stream_codec import CorruptStreams

WHOLE = PackedSamples(b"samples", b"", b"\xff" * 4)


@pytest.mark.parametrize("packed", [WHOLE, PackedSamples(b"\x02", None, None)])
def test_a_file_has_what_was_put_in(packed):
    assert PackedSamples.unpack(packed.pack()) == packed


def test_a_damaged_file_is_refused():
    packed = WHOLE.pack()
    damaged = [packed[:end] for end in range(len(packed))]
    damaged += [
        b"\x02" + packed[1:],
        packed + b"\x00" * 4,
        PackedSamples(b"", None, None).pack()[:1] + b"\xff" * 12,
    ]
    for each in damaged:
        with pytest.raises(CorruptStreams):
            PackedSamples.unpack(each)
