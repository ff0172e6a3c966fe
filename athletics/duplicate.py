"""Which activities of one athlete are one run recorded more than once, say by watch and phone.

Two recordings are of one run when their distances differ by at most 10 % of the longer, and they
overlap: for at least half of the longer moving time, or, where one of the devices counts pauses as
moving, for four fifths of the longer elapsed time. Devices start and stop apart and measure apart,
while runs that follow each other (a warm-up, then a race) hardly overlap. Moving time is taken to
begin at the start: a clock that ran on after the run says nothing. A recording of no duration is
never a duplicate. Being of one run carries over: A with B and B with C makes one group of three.

Of a hidden start only the day is known. Such a recording is of one run with the first of the same
day that agrees with it to the second and to the meter, as a file that was uploaded twice does.

The recording that the athlete chose represents the group, else the one that lacks the fewest
efforts, then one with streams, then the one with the most columns, then one that shows its start,
then the one started first, then the lowest id. One that the athlete separated is of no group.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

MIN_SHARED_MOVING = 0.5
MIN_SHARED_ELAPSED = 0.8
MIN_COUNTED = 0.9
"""Share of the elapsed time that is moving time on a device that counts pauses as moving."""
MAX_DIFFERENCE_OF_LONGER = 0.1
EQUAL_WITHIN_M = 1.0
MOST_AT_ONCE = 50
"""Recordings that run at once and are compared: more than anybody has devices."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One activity, with an aware `started_at`.

    `elapsed_s` includes pauses, `moving_s` does not; 0 means unknown. `lacking_efforts` counts the
    standard distances up to `distance_m` without a measured effort, `columns` what was recorded
    beyond time and distance. `is_chosen` and `is_separate` are the athlete's word.
    `started_on` is the day at the athlete's place; with `start_is_hidden` it is all that is known
    of the start.
    """

    activity_id: int
    started_at: datetime
    moving_s: float
    elapsed_s: float
    distance_m: float
    has_streams: bool
    lacking_efforts: int = 0
    columns: int = 0
    is_chosen: bool = False
    is_separate: bool = False
    started_on: date | None = None
    start_is_hidden: bool = False

    @property
    def active_s(self) -> float:
        """Moving time; elapsed time where that is unknown or the shorter."""
        known = [seconds for seconds in (self.moving_s, self.elapsed_s) if seconds > 0]
        return min(known, default=0)

    @property
    def counts_pauses(self) -> bool:
        """Whether the device took hardly any time for a pause."""
        return self.active_s >= MIN_COUNTED * self.elapsed_s

    @property
    def ended_at(self) -> datetime:
        """When the clock stopped."""
        return self.started_at + timedelta(seconds=max(self.moving_s, self.elapsed_s))


def is_same_run(one: Recording, other: Recording) -> bool:
    """Of recordings with a known start. Symmetric, not transitive: `duplicate_groups` closes it."""
    if one.is_separate or other.is_separate:
        return False
    longer_m = max(one.distance_m, other.distance_m)
    if abs(one.distance_m - other.distance_m) > MAX_DIFFERENCE_OF_LONGER * longer_m:
        return False
    if _share(one, other, one.active_s, other.active_s) >= MIN_SHARED_MOVING:
        return True
    return (one.counts_pauses or other.counts_pauses) and (
        _share(one, other, one.elapsed_s, other.elapsed_s) >= MIN_SHARED_ELAPSED
    )


def _share(one: Recording, other: Recording, one_s: float, other_s: float) -> float:
    """What share of the longer both durations, from each start, have in common; below 0: none."""
    if one_s <= 0 or other_s <= 0:
        return 0.0
    later_s = (other.started_at - one.started_at).total_seconds()
    shared_s = min(one_s, later_s + other_s) - max(0.0, later_s)
    return shared_s / max(one_s, other_s)


def duplicate_groups(recordings: Iterable[Recording]) -> list[list[Recording]]:
    """Group one athlete's recordings by run, in order of first start, representatives first.

    The order given does not matter. A sweep over starts compares only recordings that run at
    once, of very many the last MOST_AT_ONCE to start: O(n log n) for n recordings. Those that are
    in one group already are not compared again.
    """
    ordered = _in_order(recordings)
    group_of = _joined(ordered)
    groups: list[list[Recording]] = []
    met: set[int] = set()
    for each in ordered:
        group = group_of.get(each.activity_id)
        if group is None:
            groups.append([each])
        elif id(group) not in met:
            met.add(id(group))
            groups.append(sorted(group, key=_rank))
    return groups


def duplicate_of(recordings: Iterable[Recording]) -> dict[int, int]:
    """Map the id of each duplicate to the activity id of its group's representative."""
    found: dict[int, int] = {}
    groups = {id(group): group for group in _joined(_in_order(recordings)).values()}
    for group in groups.values():
        first, *others = sorted(group, key=_rank)
        found |= {each.activity_id: first.activity_id for each in others}
    return found


def _in_order(recordings: Iterable[Recording]) -> list[Recording]:
    return sorted(recordings, key=lambda each: (each.started_at, each.activity_id))


_GroupOf = dict[int, list[Recording]]
"""The group of each recording that is in one with others, by its activity id."""


def _joined(ordered: Sequence[Recording]) -> _GroupOf:
    """Join recordings to groups. Most are alone, and take no memory here."""
    group_of: _GroupOf = {}
    running: list[tuple[datetime, Recording]] = []
    for recording in ordered:
        if recording.start_is_hidden or recording.is_separate:
            continue
        running = [each for each in running if each[0] > recording.started_at][-MOST_AT_ONCE:]
        for _, each in running:
            own = group_of.get(recording.activity_id)
            is_joined = own is not None and own is group_of.get(each.activity_id)
            if not is_joined and is_same_run(each, recording):
                _join(group_of, each, recording)
        running.append((recording.ended_at, recording))
    _join_hidden(group_of, ordered)
    return group_of


def _join(group_of: _GroupOf, one: Recording, other: Recording) -> None:
    """Move the smaller group into the larger, so that no recording moves more than log n times."""
    groups = (group_of.setdefault(each.activity_id, [each]) for each in (one, other))
    small, large = sorted(groups, key=len)
    if small is large:
        return
    large.extend(small)
    for each in small:
        group_of[each.activity_id] = large


def _join_hidden(group_of: _GroupOf, ordered: Iterable[Recording]) -> None:
    """Join each recording with a hidden start to the first equal one of its day, if any."""
    days = {each.started_on for each in ordered if each.start_is_hidden}
    of_days = [each for each in ordered if each.started_on in days]
    alike: dict[tuple[object, ...], list[Recording]] = {}
    # Those with a known start come first, and represent.
    for each in sorted(of_days, key=lambda recording: recording.start_is_hidden):
        equals = alike.setdefault((each.started_on, each.moving_s, each.elapsed_s), [])
        if found := each.start_is_hidden and _first_equal(each, equals):
            _join(group_of, each, found)
        else:
            equals.append(each)


def _first_equal(recording: Recording, others: Iterable[Recording]) -> Recording | None:
    if recording.started_on is None or recording.active_s <= 0 or recording.is_separate:
        return None
    near = (
        other
        for other in others
        if abs(recording.distance_m - other.distance_m) <= EQUAL_WITHIN_M and not other.is_separate
    )
    return next(near, None)


def _rank(recording: Recording) -> tuple[bool, int, bool, int, bool, datetime, int]:
    return (
        not recording.is_chosen,
        recording.lacking_efforts,
        not recording.has_streams,
        -recording.columns,
        recording.start_is_hidden,
        recording.started_at,
        recording.activity_id,
    )
