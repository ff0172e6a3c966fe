"""Derives what a recording holds beside its efforts: splits, heart rates and route. Pure."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from athletics.activity_effort import RecordedRun
from athletics.heart_rate import HeartRates
from athletics.heart_rate_times import heart_rates
from athletics.route import NO_ROUTE, RouteColumns
from db.stream_codec import Samples
from jobs.sync.derived_route import route_points
from jobs.sync.derived_splits import derive_splits

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedParts:
    """Rows of `activity_splits` without the activity, and the values of the other two tables.

    `problem`: why one of them could not be derived, None if all were.
    """

    splits: Sequence[dict[str, Any]] = ()
    rates: HeartRates | None = None
    route: RouteColumns = NO_ROUTE
    problem: Exception | None = None


NO_PARTS = PreparedParts()


def prepare_parts(run: RecordedRun, samples: Samples | None) -> PreparedParts:
    """Derive the parts of a run with the streams `samples`. One that fails costs no other."""
    if samples is None:
        return NO_PARTS
    problems: list[Exception] = []
    return PreparedParts(
        _part(lambda: derive_splits(run, samples), (), problems),
        _part(lambda: heart_rates(samples.time_s, samples.heart_rate_bpm), None, problems),
        _part(lambda: route_points(samples), NO_ROUTE, problems),
        next(iter(problems), None),
    )


def _part(derive: Callable[[], T], otherwise: T, problems: list[Exception]) -> T:
    try:
        return derive()
    except Exception as error:
        logger.exception("a part of a recording could not be derived")
        problems.append(error)
        return otherwise
