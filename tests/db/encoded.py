"""Samples in the form of a row, without the work that levels are."""

from db.stream_codec import Samples
from db.stream_encoding import PackableColumns, groups_of


def encode(samples: Samples) -> bytes:
    columns = samples.columns()
    [packed] = PackableColumns(columns).packed(groups_of(columns)[:1])
    return packed


def encode_positions(samples: Samples) -> bytes | None:
    columns = samples.columns()
    _, position = groups_of(columns)
    return PackableColumns(columns).packed([position])[0] if position else None
