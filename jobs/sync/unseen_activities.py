"""The end of a walk over everything: activities that are here and that Strava did not list.

One is deleted if Strava says that it does not exist. It has to say so twice. Where Strava has many that
it did not list, its list is wrong: the rest is left to the next such walk, for each is a request. That
walk begins with them, so each has its turn.
"""

from collections.abc import Callable
from typing import Any

from db.models import Visibility
from db.statements.activities import activity as activities
from db.statements.strava import strava_connection
from jobs.attempt import Attempt
from jobs.sync.problems import OF_THE_JOB, clear_problem
from jobs.sync.scope import SyncScope
from jobs.sync.walk_position import DERIVING, WALKED
from jobs.task_services import TaskServices

GONE_AFTER_S = 1.0
"""Seconds until an activity that Strava does not find is asked for again, before it is deleted."""
MOST_UNLISTED = 20
"""Activities that may come, or change their start, while the list is read."""
_UNCONFIRMED = "unconfirmed"  # key of the checkpoint: Strava ids that may be gone
_MISSED = "missed"  # and of those, the ones that Strava did not find once
_UNLISTED = "unlisted"  # and how many it found
_LASTING = "lasting"  # and whether an earlier walk did not find them all either
_READ_ALL = "activity:read_all"


class UnseenActivities:
    """Looks at them one by one.

    `look_at` updates one, or deletes it if it may; it returns whether Strava has it. `leave_out`
    records why one could not be read.
    """

    def __init__(
        self,
        attempt: Attempt,
        services: TaskServices,
        scope: SyncScope,
        look_at: Callable[..., bool],
        leave_out: Callable[[int, Exception], None],
    ) -> None:
        self._attempt, self._services, self._scope = attempt, services, scope
        self._look_at, self._leave_out = look_at, leave_out

    def begin(self) -> None:
        """Note which they are."""
        unseen = self._unseen()
        # Those that the last walk listed were all seen by it.
        found_by = {row.seen_by_job_id for row in unseen} - {None}
        noted = {_UNCONFIRMED: [row.strava_id for row in unseen], _LASTING: len(found_by) > 1}
        with self._attempt.step() as step:
            step.checkpoint |= {"phase": DERIVING, **noted}

    def confirm(self) -> None:
        """Look at each. If Strava does not answer for one, the next attempt asks again."""
        self._look_at_all(_UNCONFIRMED, may_delete=False)
        if self._attempt.checkpoint.get(_MISSED):
            self._attempt.pause(GONE_AFTER_S)
            self._look_at_all(_MISSED, may_delete=True)

    def _look_at_all(self, among: str, *, may_delete: bool) -> None:
        for strava_id in self._attempt.checkpoint.get(among, ()):
            if self._attempt.checkpoint.get(_UNLISTED, 0) > MOST_UNLISTED:
                self._give_up()
                return
            try:
                is_there = self._look_at(strava_id, may_delete=may_delete)
            except OF_THE_JOB:
                raise
            except Exception as error:  # noqa: BLE001 - of this activity only
                self._services.log.warning(
                    "an activity cannot be read",
                    extra={"strava_id": strava_id, "error": str(error)},
                )
                self._leave_out(strava_id, error)
            else:
                self._looked_at(strava_id, is_there=is_there, is_known=is_there or may_delete)

    def _looked_at(self, strava_id: int, *, is_there: bool, is_known: bool) -> None:
        """Note that Strava answered, so that another attempt need not ask again."""
        with self._attempt.step() as step:
            for among in (_UNCONFIRMED, _MISSED):
                others = [each for each in step.checkpoint.get(among, ()) if each != strava_id]
                step.checkpoint[among] = others
            if is_there:
                step.checkpoint[_UNLISTED] = step.checkpoint.get(_UNLISTED, 0) + 1
            if is_known:
                clear_problem(step, self._attempt, strava_id)
            else:
                step.checkpoint[_MISSED].append(strava_id)

    def _give_up(self) -> None:
        """Leave the rest to the next walk, which is due soon unless the last one found no more."""
        with self._attempt.step() as step:
            left = len(step.checkpoint[_UNCONFIRMED]) + len(step.checkpoint[_MISSED])
            step.checkpoint |= {_UNCONFIRMED: [], _MISSED: []}
            step.checkpoint[WALKED] = step.checkpoint.get(_LASTING, False)
        self._services.log.warning(
            "Strava's list lacks activities that it has", extra={"unconfirmed": left}
        )

    def _unseen(self) -> list[Any]:
        """Activities that the walk should have seen and did not."""
        athlete = {"athlete": self._attempt.athlete_id}
        with self._attempt.read() as connection:
            grant = connection.execute(strava_connection.of_athlete(), athlete).one_or_none()
            values = athlete | {"job_id": self._attempt.job_id}
            unseen = connection.execute(activities.unseen(), values).all()
        sees_private = grant is not None and _READ_ALL in grant.scopes
        return [
            row
            for row in unseen
            if self._scope.covers(row.started_at_local)
            and (sees_private or row.visibility != Visibility.ONLY_ME)
        ]
