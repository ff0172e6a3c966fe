"""
Which activities of one athlete are one run recorded more than once, say by watch and phone.

Two recordings are of one run when the time both were running is at least half of the shorter, and
their distances differ by at most 10 % of the longer: devices start and stop apart and measure apart,
while runs that follow each other (a warm-up, then a race) hardly overlap. A recording of no duration
is never a duplicate. Being of one run carries over: A with B and B with C makes one group of three.

The recording with streams represents the group, then the one started first, then the lowest id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

MIN_SHARED_OF_SHORTER = 0.5
MAX_DIFFERENCE_OF_LONGER = 0.1


@dataclass(frozen=True, slots=True)
class Recording:
    """`started_at` is aware; `elapsed_s` includes pauses."""

    activity_id: int
    started_at: datetime
    elapsed_s: float
    distance_m: float
    has_streams: bool

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.elapsed_s)


def is_same_run(one: Recording, other: Recording) -> bool:
    """Symmetric, but not transitive: `duplicate_groups` closes it."""
    shared = min(one.ended_at, other.ended_at) - max(one.started_at, other.started_at)
    shorter_s = min(one.elapsed_s, other.elapsed_s)
    longer_m = max(one.distance_m, other.distance_m)
    overlaps = shorter_s > 0 and shared.total_seconds() >= MIN_SHARED_OF_SHORTER * shorter_s
    return overlaps and abs(one.distance_m - other.distance_m) <= MAX_DIFFERENCE_OF_LONGER * longer_m


def duplicate_groups(recordings: Iterable[Recording]) -> list[list[Recording]]:
    """
    One athlete's recordings by run, in order of first start; the representative leads each group.

    The same whatever the order given. A sweep over starts compares only recordings that run at once:
    O(n log n) for n recordings of which no more overlap than the athlete has devices.
    """
    ordered = sorted(recordings, key=lambda each: (each.started_at, each.activity_id))
    group_of = {each.activity_id: [each] for each in ordered}
    running: list[Recording] = []
    for recording in ordered:
        running = [each for each in running if each.ended_at > recording.started_at]
        for each in running:
            _join_if_same_run(group_of, each, recording)
        running.append(recording)
    groups = {id(group): group for group in map(group_of.__getitem__, (each.activity_id for each in ordered))}
    return [sorted(group, key=_rank) for group in groups.values()]


def duplicate_of(recordings: Iterable[Recording]) -> dict[int, int]:
    """The representative's activity id by the id of each other member; what is no duplicate is absent."""
    return {member.activity_id: group[0].activity_id for group in duplicate_groups(recordings) for member in group[1:]}


def _join_if_same_run(group_of: dict[int, list[Recording]], one: Recording, other: Recording) -> None:
    """Moves the smaller group into the larger, so that no recording moves more than log n times."""
    small, large = sorted((group_of[one.activity_id], group_of[other.activity_id]), key=len)
    if small is large or not is_same_run(one, other):
        return
    large.extend(small)
    for each in small:
        group_of[each.activity_id] = large


def _rank(recording: Recording) -> tuple[bool, datetime, int]:
    return not recording.has_streams, recording.started_at, recording.activity_id
