"""Derives what a recording holds beside its efforts: splits, heart rates and route. Pure."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from athletics.activity_effort import RecordedRun
from athletics.heart_rate import HeartRates
from athletics.rate_times import heart_rates
from athletics.route import RoutePoint
from db.stream_codec import Samples
from jobs.sync.derived_route import route_points
from jobs.sync.derived_splits import derive_splits

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedParts:
    """Rows of `activity_splits` without the activity, and the values of the other two tables."""

    splits: Sequence[dict[str, Any]] = ()
    rates: HeartRates | None = None
    route: Sequence[RoutePoint] = ()


NO_PARTS = PreparedParts()


def prepare_parts(run: RecordedRun, samples: Samples | None) -> PreparedParts:
    """Derive the parts of a run with the streams `samples`. One that fails costs no other."""
    if samples is None:
        return NO_PARTS
    return PreparedParts(
        _part(lambda: derive_splits(run, samples), ()),
        _part(lambda: heart_rates(samples.time_s, samples.heart_rate_bpm), None),
        _part(lambda: route_points(samples), ()),
    )


def _part(derive: Callable[[], T], otherwise: T) -> T:
    try:
        return derive()
    except Exception:
        logger.exception("a part of a recording could not be derived")
        return otherwise
