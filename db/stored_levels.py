"""Makes the levels of detail of an activity's samples, of which charts are drawn.

Beside the samples, `activity_streams.marks` has each one's level (`athletics/sample_levels.py`) and
the count of gaps before it. Recordings with twice as many samples as a level of `LEVEL_POINTS` also
have that level's samples with their marks as a row of their own, so that a chart of few points
reads few bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from athletics.columns import Integers, floats
from athletics.downsampling import QUARTERS
from athletics.sample_levels import gaps_before, sample_levels
from db.chart_samples import GAP_COUNT, LEVEL
from db.stream_codec import POSITION, Column, Samples
from db.stream_encoding import encode_columns

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


def encode_levels(samples: Samples) -> tuple[bytes, list[StreamLevel]]:
    """Make the marks of all samples, and the stored levels below them, coarsest first."""
    columns = samples.columns()
    curves = [columns[name] for name in _SHAPING if name in columns]
    gaps = gaps_before(floats(samples.time_s))
    levels = sample_levels(samples.time_s, samples.distance_m, curves, gaps)
    marks: dict[str, Column | Integers] = {LEVEL: levels, GAP_COUNT: gaps}
    every = {**columns, **marks}
    return encode_columns(marks), [
        _encode_level(every, _up_to(levels, points), points)
        for points in LEVEL_POINTS
        if points * LEAST_SAVING <= len(levels)
    ]


def _up_to(levels: Integers, points: int) -> Integers:
    """Get the places of the samples of a stored level."""
    return np.flatnonzero(levels < QUARTERS * (points.bit_length() - 1))


def _encode_level(
    columns: Mapping[str, Column | Integers], places: Integers, points: int
) -> StreamLevel:
    position = {name: columns[name] for name in POSITION if name in columns}
    others = {name: column for name, column in columns.items() if name not in position}
    return StreamLevel(
        points,
        encode_columns(others, places),
        encode_columns(position, places) if len(position) == len(POSITION) else None,
    )
