"""Bounds of what one file may hold, so that hostile input costs little memory and time."""

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """The bounds of one file; `read_s` is CPU time in seconds.

    250,000 samples are nearly three days at one a second, and add 80 MB while all columns are derived.
    """

    file_bytes: int = 128 * _MIB
    samples: int = 250_000
    laps: int = 20_000
    activities: int = 1_000
    read_s: float = 180.0


DEFAULT_LIMITS = ReadingLimits()
