"""The flag `background-sync`: syncs of athletes whom it is off for wait, hold no worker, and lose nothing.

A worker that meets it, at the start or at a checkpoint, lets the job wait for SYNC_PAUSE_S; as long as the flag is off
the reconciler prolongs that, so nothing goes through the queue meanwhile.
"""

from collections.abc import Callable, Iterable

from db.models import JobKind
from flags import targeting
from flags.flags import Flags
from flags.watch import FlagReader
from jobs.lease import AttemptStopped

__all__ = ["SWITCHED", "SYNC_PAUSE_S", "SyncSwitchedOff", "is_on_for_all", "switched_off", "sync_switch"]

SYNC_PAUSE_S = 3.0
"""How long a sync waits before it is looked at again: about as long as it takes to go on once the flag is on."""
SWITCHED = (JobKind.STRAVA_SYNC, JobKind.STRAVA_WEBHOOK)
"""The kinds of jobs that the flag is about."""


class SyncSwitchedOff(AttemptStopped):
    """Background sync is off for the job's athlete."""


def sync_switch(reader: FlagReader, kind: JobKind, athlete_id: int | None) -> Callable[[], bool]:
    """Make what tells whether a job may go on now."""
    if kind not in SWITCHED:
        return lambda: True
    return lambda: _is_on(reader.refresh(), athlete_id)


def is_on_for_all(flags: Flags) -> bool:
    """Tell whether no sync has to wait, without a look at any."""
    return flags.everybody is not None and flags.everybody.background_sync


def switched_off(flags: Flags, jobs: Iterable[tuple[int, int | None]]) -> list[int]:
    """Pick the ids of the syncs that have to wait, from pairs of job and athlete."""
    return [job_id for job_id, athlete_id in jobs if not _is_on(flags, athlete_id)]


def _is_on(flags: Flags, athlete_id: int | None) -> bool:
    key = targeting.of_athlete(athlete_id) if athlete_id is not None else ""
    return flags.of(key).background_sync
