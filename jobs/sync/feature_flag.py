"""The flag `background-sync`: while it is off for an athlete, syncs wait without a worker.

At the start and at each checkpoint of a job its worker reads the flag. If it is off, the job waits
for SYNC_PAUSE_S and keeps its checkpoint. The reconciler prolongs the wait while the flag is off,
so the job does not pass through the queue.
"""

from collections.abc import Callable, Iterable

from db.models import JobKind
from flags import targeting
from flags.flags import Flags
from flags.watch import FlagReader
from jobs.lease import AttemptStopped

SYNC_PAUSE_S = 3.0
"""Seconds until a waiting sync is checked again, and so until it continues once the flag is on."""
SWITCHED = (JobKind.STRAVA_SYNC, JobKind.STRAVA_WEBHOOK)
"""The kinds of jobs that the flag stops."""


class SyncSwitchedOff(AttemptStopped):
    """Background sync is off for the job's athlete."""


def sync_switch(reader: FlagReader, kind: JobKind, athlete_id: int | None) -> Callable[[], bool]:
    """Make a function that says whether the job may continue now."""
    if kind not in SWITCHED:
        return lambda: True
    return lambda: _is_on(reader.refresh(), athlete_id)


def is_on_for_all(flags: Flags) -> bool:
    """Tell whether the flag is on for every athlete, so that no sync has to wait."""
    return flags.everybody is not None and flags.everybody.background_sync


def switched_off(flags: Flags, jobs: Iterable[tuple[int, int | None]]) -> list[int]:
    """Pick the ids of the syncs that must wait, from pairs of job id and athlete id."""
    return [job_id for job_id, athlete_id in jobs if not _is_on(flags, athlete_id)]


def _is_on(flags: Flags, athlete_id: int | None) -> bool:
    key = targeting.of_athlete(athlete_id) if athlete_id is not None else ""
    return flags.of(key).background_sync
