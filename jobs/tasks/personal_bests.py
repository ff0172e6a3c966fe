"""PERSONAL_BESTS: derives efforts anew from what is stored, and from them the personal bests. Asks nothing of Strava.

For one athlete everything is derived anew. For all athletes only what follows rules of another version
(`jobs/derive.py`), and then duplicates and bests of everybody.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from athletics.best_effort import StreamError
from db.models import StreamsState
from db.statements import sync
from db.stream_codec import CorruptStreams, Samples, decode
from jobs.attempt import Attempt
from jobs.derive import EFFORTS_VERSION, Runner, effort_rows, strava_efforts
from jobs.deriving import Material, write_material
from jobs.services import Services
from jobs.settle import remember_bests, settle

__all__ = ["run"]

ACTIVITIES_AT_ONCE = 20
ATHLETES_AT_ONCE = 20
_ABOVE_ALL_IDS = 2**63 - 1


def run(attempt: Attempt, services: Services) -> None:
    """Recalculate. Raises db.errors.DatabaseError and what ends the attempt."""
    _Recalculation(attempt, services).run()


class _Recalculation:
    def __init__(self, attempt: Attempt, services: Services) -> None:
        self._attempt = attempt
        self._services = services
        self._of_athlete = attempt.athlete_id is not None

    def run(self) -> None:
        if "below_id" not in self._attempt.checkpoint:
            self._begin()
        while self._derive_some():
            pass
        if self._attempt.athlete_id is None:
            while self._settle_some():
                pass
        else:
            with self._attempt.step() as step:
                settle(step, self._attempt.athlete_id)

    def _begin(self) -> None:
        with self._attempt.step() as step:
            step.checkpoint["below_id"] = _ABOVE_ALL_IDS
            if self._attempt.athlete_id is not None:
                remember_bests(step, self._attempt.athlete_id)
            counted = step.connection.execute(
                sync.count_rederivable(of_athlete=self._of_athlete), self._values(step.checkpoint)
            )
            step.total = counted.scalar_one()

    def _derive_some(self) -> bool:
        with self._attempt.step() as step:
            statement = sync.rederivable(of_athlete=self._of_athlete)
            batch = step.connection.execute(statement, self._values(step.checkpoint)).all()
            self._derive(step.connection, batch)
            if batch:
                step.checkpoint["below_id"] = batch[-1].id
            step.done += len(batch)
        return bool(batch)

    def _values(self, checkpoint: dict[str, Any]) -> dict[str, Any]:
        return {
            "athlete": self._attempt.athlete_id,
            "below_id": checkpoint["below_id"],
            "wanted_version": EFFORTS_VERSION,
            "row_limit": ACTIVITIES_AT_ONCE,
        }

    def _derive(self, connection: Connection, batch: Sequence[Any]) -> None:
        # In the order of ids, as everybody who locks several athletes.
        athlete_ids = sorted({activity.athlete_id for activity in batch})
        runners = {
            athlete_id: Runner.of(connection.execute(sync.lock_athlete(), {"athlete": athlete_id}).one())
            for athlete_id in athlete_ids
        }
        for activity in batch:
            self._derive_one(connection, activity, runners[activity.athlete_id])

    def _derive_one(self, connection: Connection, activity: Any, runner: Runner) -> None:
        given = strava_efforts(activity.given_efforts)
        material = Material(StreamsState(activity.streams_state), given=activity.given_efforts)
        try:
            material = replace(material, samples=_stored_samples(connection, activity))
            rows = effort_rows(activity, runner, material.samples, given)
        except (CorruptStreams, StreamError) as error:
            extra = {"activity_id": activity.id, "error": str(error)}
            self._services.log.warning("stored streams are damaged; the next sync fetches them", extra=extra)
            material = replace(material, state=StreamsState.PENDING, samples=None)
            rows = effort_rows(activity, runner, None, given)
        write_material(connection, activity, material, rows)

    def _settle_some(self) -> bool:
        with self._attempt.step() as step:
            values = {"after_id": step.checkpoint.get("after_id", 0), "row_limit": ATHLETES_AT_ONCE}
            athlete_ids = step.connection.execute(sync.athletes_after(), values).scalars().all()
            for athlete_id in athlete_ids:
                settle(step, athlete_id)
                step.checkpoint["after_id"] = athlete_id
        return bool(athlete_ids)


def _stored_samples(connection: Connection, activity: Any) -> Samples | None:
    """Samples of the database, None where none are to be. Raises CorruptStreams."""
    if activity.streams_state != StreamsState.STORED:
        return None
    data = connection.execute(sync.stored_samples(), {"activity_id": activity.id}).scalar_one_or_none()
    return decode(data or b"")
