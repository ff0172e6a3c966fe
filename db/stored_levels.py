"""Makes the levels of detail of an activity's samples, of which charts are drawn.

Beside the samples, `activity_streams.marks` has each one's level (`athletics/sample_levels.py`) and
the count of gaps before it. Recordings with twice as many samples as a level of `LEVEL_POINTS` also
have that level's samples with their marks as a row of their own, so that a chart of few points
reads few bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from athletics.columns import Integers, floats
from athletics.downsampling import QUARTERS
from athletics.sample_levels import gaps_before, sample_levels
from db.chart_samples import GAP_COUNT, LEVEL
from db.stream_codec import Samples
from db.stream_encoding import PackableColumns, check_lengths, groups_of

LEVEL_POINTS = (64, 128, 512, 2048)
"""The numbers of samples in stored levels. They are powers of two, as levels are."""
LEAST_SAVING = 2
"""How many times as many samples a recording has at least as a level that is stored."""

_SHAPING = ("heart_rate_bpm", "altitude_m", "cadence_rpm", "power_w")
"""The columns that decide, with the speed, which samples are chosen."""


@dataclass(frozen=True, slots=True)
class StreamLevel:
    """A row of `activity_stream_levels`."""

    points: int
    samples: bytes
    positions: bytes | None


@dataclass(frozen=True, slots=True)
class EncodedSamples:
    """Values of a row of `activity_streams`, with the stored levels below, coarsest first.

    `positions` are None where they were not recorded.
    """

    samples: bytes
    positions: bytes | None
    marks: bytes
    levels: list[StreamLevel]


def encode_samples(samples: Samples) -> EncodedSamples:
    """Encode samples, their marks and their levels.

    Raises ValueError where the columns differ in length.
    """
    columns = samples.columns()
    check_lengths(columns)
    curves = [columns[name] for name in _SHAPING if name in columns]
    gaps = gaps_before(floats(samples.time_s))
    levels = sample_levels(samples.time_s, samples.distance_m, curves, gaps)
    marks = {LEVEL: levels.astype(np.int32), GAP_COUNT: gaps.astype(np.int32)}
    every = PackableColumns({**columns, **marks})
    others, position = groups_of(columns)
    packed, packed_marks, *places = every.packed([others, marks, *([position] if position else [])])
    return EncodedSamples(
        packed,
        next(iter(places), None),
        packed_marks,
        [
            _encode_level(every, [*others, *marks], position, levels, points)
            for points in LEVEL_POINTS
            if points * LEAST_SAVING <= len(levels)
        ],
    )


def _encode_level(
    every: PackableColumns,
    others: Sequence[str],
    position: Sequence[str],
    levels: Integers,
    points: int,
) -> StreamLevel:
    places = np.flatnonzero(levels < QUARTERS * (points.bit_length() - 1))
    packed, *positions = every.packed([others, *([position] if position else [])], places)
    return StreamLevel(points, packed, next(iter(positions), None))
