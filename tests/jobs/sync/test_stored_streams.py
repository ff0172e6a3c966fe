"""Samples that are stored are read with what is derived from them, or are told to be damaged."""

from types import SimpleNamespace

import numpy as np
import pytest

from db.original_files import StoredOriginals
from db.stream_codec import CorruptStreams, Samples
from jobs.sync.stored_streams import EncodedStreams, samples_in
from settings import load_settings
from tests.db.encoded import encode_positions

TIMES, METERS = np.arange(60.0), np.arange(60.0) * 3


def row_of(encoded: EncodedStreams, **values) -> SimpleNamespace:
    stored = {
        name: getattr(encoded, name) for name in ("samples", "positions", "marks", "is_complete")
    }
    in_the_row = dict.fromkeys(("file_id", "file_place", "file_digest"))
    return SimpleNamespace(**(stored | in_the_row | values))


@pytest.fixture
def files(tmp_path) -> StoredOriginals:
    return StoredOriginals(load_settings(None, originals_folder=tmp_path))


@pytest.fixture
def encoded() -> EncodedStreams:
    return EncodedStreams.from_samples(Samples(TIMES, METERS, power_w=METERS + 100))


def test_of_samples_with_levels_only_what_is_derived_from_is_read(encoded, files):
    samples, again = samples_in(row_of(encoded), files)
    assert again is None
    assert list(samples.time_s) == TIMES.tolist()
    assert samples.power_w is None


def test_samples_of_older_versions_come_encoded_with_their_levels(encoded, files):
    samples, again = samples_in(row_of(encoded, marks=None), files)
    assert list(samples.power_w) == (METERS + 100).tolist()
    assert again == encoded


def test_columns_of_different_lengths_are_damaged(encoded, files):
    few = encode_positions(Samples(TIMES[:9], METERS[:9], latitude=METERS[:9], longitude=TIMES[:9]))
    with pytest.raises(CorruptStreams):
        samples_in(row_of(encoded, positions=few, marks=None), files)
