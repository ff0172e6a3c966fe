"""Makes activities of the messages of one FIT file."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import inf

from recordings.fit_collector import FitMessages
from recordings.fit_heart_rate import StrapMemory
from recordings.fit_message import Values, number_of, unix_of, word_of
from recordings.numbers import utc
from recordings.problems import ProblemList, words
from recordings.recorded_activity import RecordedActivity, RecordedLap, StatedTotals
from recordings.sport_words import is_indoor_word, sport_type_of

_LEAST_YEAR = 2000
"""The FIT format is younger."""


def activities_of(
    messages: FitMessages, strap: StrapMemory, problems: ProblemList
) -> list[RecordedActivity]:
    """The sessions of a file as activities; one of all samples where there is no session."""
    samples = messages.samples
    samples.clean(problems)
    if strap.fill(samples.times, samples.column("heart_rate_bpm")):
        problems.add("heart rates come from the strap's memory")
    sessions = sorted(
        (each for each in messages.sessions if _start(each) is not None), key=_known_start
    )
    if not sessions:
        if not len(samples) and not messages.laps:
            problems.add("its sessions have no time: left out")
            return []
        problems.add("the file has no session: sums come from samples and laps")
        return [_activity(messages, {}, 0, len(samples))]
    # A session takes the samples up to the next one's start, the first those before it, too.
    bounds = [0, *(samples.first_at(_known_start(each)) for each in sessions[1:]), len(samples)]
    return [
        _activity(messages, session, start, end, is_only=len(sessions) == 1)
        for session, (start, end) in zip(sessions, pairwise(bounds), strict=True)
    ]


def _activity(
    messages: FitMessages,
    session: Values,
    start: int,
    end: int,
    *,
    is_only: bool = True,
) -> RecordedActivity:
    built = messages.samples.built(start, end)
    begun = built.begin(_stated_start(session, messages.laps))
    sport = session or messages.sport
    sport_word, sub_word = word_of(sport, "sport"), word_of(sport, "sub_sport")
    span = (-inf, inf) if is_only else (begun - 1, begun + max(1.0, _elapsed(session)))
    laps = tuple(_laps(messages, begun, span))
    activity = RecordedActivity(
        started_at=utc(begun),
        sport_type=sport_type_of(sport_word, sub_word),
        sport_in_file=" ".join(filter(None, (sport_word, sub_word))) or None,
        is_indoor=is_indoor_word(sub_word),
        name=words(messages.workout),
        device=messages.device,
        utc_offset_s=messages.utc_offset_s,
        samples=built.columns_from(begun),
        distance_is_derived=built.distance_is_derived,
        laps=laps,
        totals=_totals(session).of_a_part() if messages.samples.is_cut else _totals(session),
    )
    return replace(activity, problems=tuple(_oddities(activity)))


def _stated_start(session: Values, laps: list[Values]) -> float | None:
    starts = (start for each in (session, *laps) if (start := _start(each)) is not None)
    return next(starts, None)


def _oddities(activity: RecordedActivity) -> Iterator[str]:
    if not len(activity.samples):
        yield "no samples: only laps and sums are kept"
    if activity.started_at.year < _LEAST_YEAR:
        yield f"its date is in {activity.started_at.year}: the clock of the device was not set"


def _laps(messages: FitMessages, begun: float, span: tuple[float, float]) -> Iterator[RecordedLap]:
    """The laps that begin within the span, with starts from `begun`."""
    for lap in messages.laps:
        start = _start(lap)
        if start is None or not span[0] <= start < span[1]:
            continue
        yield RecordedLap(
            start_s=max(0.0, start - begun),
            elapsed_s=_elapsed(lap),
            moving_s=number_of(lap, "total_timer_time"),
            distance_m=number_of(lap, "total_distance"),
            average_heart_rate_bpm=number_of(lap, "avg_heart_rate"),
            max_heart_rate_bpm=number_of(lap, "max_heart_rate"),
            calories=number_of(lap, "total_calories"),
            trigger=word_of(lap, "lap_trigger"),
        )


def _totals(session: Values) -> StatedTotals:
    return StatedTotals(
        distance_m=number_of(session, "total_distance"),
        elapsed_s=number_of(session, "total_elapsed_time"),
        timer_s=number_of(session, "total_timer_time"),
        calories=number_of(session, "total_calories"),
        elevation_gain_m=number_of(session, "total_ascent"),
    )


def _start(values: Values) -> float | None:
    """When a session or a lap began; from its end where it does not say."""
    start = unix_of(values, "start_time")
    if start is not None:
        return start
    end = unix_of(values)
    return None if end is None else end - _elapsed(values)


def _known_start(values: Values) -> float:
    return _start(values) or 0.0


def _elapsed(values: Values) -> float:
    seconds = number_of(values, "total_elapsed_time", "total_timer_time")
    if seconds is not None:
        return max(0.0, seconds)
    start, end = unix_of(values, "start_time"), unix_of(values)
    return max(0.0, end - start) if start is not None and end is not None else 0.0
