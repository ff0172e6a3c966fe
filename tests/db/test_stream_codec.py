"""The codec of samples: exact, small, and whole or refused."""

import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.stream_codec import CorruptStreams, Samples, decode, encode

RUNS = Path(__file__).parents[2] / "local" / "demo_runs.ndjson"
WHOLE = st.integers(-(2**40), 2**40)
TENTHS = st.integers(0, 10**7).map(lambda number: number / 10)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
CHANNEL = st.sampled_from([WHOLE, TENTHS, FLOATS, st.integers(0, 3), st.sampled_from([0, 2**62, -(2**62)])])


@st.composite
def samples(draw):
    length = draw(st.integers(0, 40))
    channels = [draw(st.lists(draw(CHANNEL), min_size=length, max_size=length)) for _ in range(3)]
    return Samples(channels[0], channels[1], draw(st.none() | st.just(channels[2])))


def as_lists(each):
    return [
        None if channel is None else list(channel) for channel in (each.time_s, each.distance_m, each.heart_rate_bpm)
    ]


@given(samples())
def test_what_is_decoded_is_what_was_encoded(given_samples):
    assert as_lists(decode(encode(given_samples))) == as_lists(given_samples)


@given(st.binary(max_size=80))
def test_any_bytes_are_samples_or_corrupt(data):
    try:
        decode(data)
    except CorruptStreams:
        return


@given(st.binary(max_size=60), st.integers(0, 2**32 - 1))
def test_any_content_behind_a_sound_header_is_samples_or_corrupt(body, count):
    try:
        decode(b"\x01" + count.to_bytes(4, "little") + zlib.compress(body))
    except CorruptStreams:
        return


@given(samples(), st.data())
def test_a_flipped_or_missing_byte_is_noticed_or_harmless(given_samples, data):
    encoded = bytearray(encode(given_samples))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(encoded), bytes(encoded[:place])):
        try:
            decode(damaged)
        except CorruptStreams:
            continue


@pytest.mark.parametrize("time_s", [[], [1], [1, 2, 3]], ids=["none", "one", "three"])
def test_channels_are_of_one_length(time_s):
    with pytest.raises(ValueError, match="one length"):
        encode(Samples(time_s, [1, 2]))


def test_an_unknown_version_is_named():
    with pytest.raises(CorruptStreams, match="version 9"):
        decode(b"\x09" + encode(Samples([1], [2]))[1:])


def demo_streams():
    for line in RUNS.read_text().splitlines():
        streams = json.loads(line).get("streams") or {}
        if "time" in streams and "distance" in streams:
            yield [streams[name]["data"] if isinstance(streams.get(name), dict) else streams.get(name)
                   for name in ("time", "distance", "heartrate")]  # fmt: skip


def test_a_sample_of_the_demo_runs_takes_ten_bytes_or_less():
    sizes = [(len(encode(Samples(*channels))), len(channels[0])) for channels in demo_streams()]
    assert len(sizes) > 30
    assert sum(size for size, _ in sizes) / sum(count for _, count in sizes) <= 10
