"""The codec of samples: exact, small, and whole or refused."""

import json
import zlib
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.stored_levels import encode_samples
from db.stream_arrays import decode_arrays
from db.stream_codec import CorruptStreams, Samples, decode
from db.stream_encoding import rounded
from tests.db.encoded import encode, encode_positions
from tests.recordings.run import run_of

RUNS = Path(__file__).parents[2] / "local" / "demo_runs.ndjson"
READERS = (decode, decode_arrays)
WHOLE = st.integers(-(2**40), 2**40)
TENTHS = st.integers(0, 10**7).map(lambda number: number / 10)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
CHANNEL = st.sampled_from(
    [WHOLE, TENTHS, FLOATS, st.integers(0, 3), st.sampled_from([0, 2**62, -(2**62)])]
)


@st.composite
def samples(draw):
    length = draw(st.integers(0, 40))
    channels = [draw(st.lists(draw(CHANNEL), min_size=length, max_size=length)) for _ in range(3)]
    return Samples(channels[0], channels[1], draw(st.none() | st.just(channels[2])))


def as_lists(each):
    return [
        None if channel is None else list(channel)
        for channel in (each.time_s, each.distance_m, each.heart_rate_bpm)
    ]


@pytest.mark.parametrize("read", READERS)
@given(given_samples=samples())
def test_what_is_decoded_is_what_was_encoded(read, given_samples):
    assert as_lists(read(encode(given_samples))) == as_lists(given_samples)


@pytest.mark.parametrize("read", READERS)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_samples_or_corrupt(read, data):
    try:
        read(data)
    except CorruptStreams:
        return


@pytest.mark.parametrize("read", READERS)
@given(body=st.binary(max_size=60), count=st.integers(0, 2**32 - 1))
def test_any_content_behind_a_sound_header_is_samples_or_corrupt(read, body, count):
    try:
        read(b"\x01" + count.to_bytes(4, "little") + zlib.compress(body))
    except CorruptStreams:
        return


@given(samples(), st.data())
def test_a_flipped_or_missing_byte_is_noticed_or_harmless(given_samples, data):
    encoded = bytearray(encode(given_samples))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(encoded), bytes(encoded[:place])):
        for read in READERS:
            with suppress(CorruptStreams):
                read(damaged)


@pytest.mark.parametrize("time_s", [[], [1], [1, 2, 3]], ids=["none", "one", "three"])
def test_channels_are_of_one_length(time_s):
    with pytest.raises(ValueError, match="one length"):
        encode_samples(Samples(time_s, [1, 2]))


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


def content(count, body):
    return b"\x01" + count.to_bytes(4, "little") + zlib.compress(body)


@pytest.mark.parametrize(
    ("count", "body", "complaint"),
    [
        (0, bytes([254, 254, 254]), "lack time or distance"),
        (2, b"\x00b\x01", "damaged"),
        (1, b"\x00z\x01", "damaged"),
    ],
    ids=["no channels", "fewer samples than told", "no such width"],
)
def test_content_that_is_no_samples_is_refused(count, body, complaint):
    for read in READERS:
        with pytest.raises(CorruptStreams, match=complaint):
            read(content(count, body))


OPTIONAL = [name for name in Samples.__dataclass_fields__ if name not in {"time_s", "distance_m"}]


@st.composite
def full_samples(draw):
    """Any of the columns, in which single values may be missing."""
    length = draw(st.integers(1, 2100))
    random = Random(draw(st.integers(0, 2**32)))
    columns = {
        name: [random.uniform(-90, 900) for _ in range(length)] for name in ("time_s", "distance_m")
    }
    for name in draw(st.sets(st.sampled_from(OPTIONAL))):
        rate = random.choice((0, 0.01, 0.9, 1))
        columns[name] = [
            None if random.random() < rate else random.uniform(-90, 90) for _ in range(length)
        ]
    return rounded(Samples(**columns))


@pytest.mark.parametrize("read", READERS)
@given(given_samples=full_samples())
@settings(max_examples=25, deadline=None)
def test_all_columns_come_back_as_they_were_rounded(read, given_samples):
    decoded = read(encode(given_samples), encode_positions(given_samples))
    expected = given_samples.columns()
    if not {"latitude", "longitude"} <= expected.keys():
        expected = {name: each for name, each in expected.items() if name[:2] not in {"la", "lo"}}
    assert {name: list(each) for name, each in decoded.columns().items()} == {
        name: list(each) for name, each in expected.items()
    }


def test_a_sample_with_all_columns_takes_twelve_bytes_at_most():
    """As noisy as a watch's: positions wander, the heart rate and the cadence jitter."""
    random = Random(1)
    run = run_of(10_800)
    noisy = rounded(
        Samples(
            time_s=run.time_s,
            distance_m=run.distance_m,
            heart_rate_bpm=[each + random.randint(-1, 1) for each in run.heart_rate_bpm],
            cadence_rpm=[85 + random.randint(-2, 2) for _ in run.time_s],
            altitude_m=[each + random.choice((0, 0, 0.2, -0.2)) for each in run.altitude_m],
            power_w=[280 + random.randint(-15, 15) for _ in run.time_s],
            temperature_c=[21 + second // 3000 for second in run.time_s],
            speed_m_per_s=[3.5 + random.randint(-20, 20) / 100 for _ in run.time_s],
            latitude=[each + random.gauss(0, 3e-6) for each in run.latitude],
            longitude=[each + random.gauss(0, 3e-6) for each in run.longitude],
        )
    )
    size = len(encode(noisy)) + len(encode_positions(noisy))
    print(f"{size / len(run):.1f} bytes a sample")  # noqa: T201
    assert size <= 12 * len(run)


def test_positions_need_both_of_their_columns():
    assert encode_positions(Samples([0, 1], [0, 3], latitude=[1.0, 2.0])) is None
