"""PERSONAL_BESTS: derives efforts and personal bests again from stored data, without Strava.

For one athlete everything is derived again, and the next sync asks for streams that could not be
used. For all athletes, only efforts of an outdated version
of the rules (`jobs/sync/derived_rows.py`) are, and then all duplicates and bests.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from athletics.track import StreamError
from db.models import StreamsState, SyncStage
from db.statements import athlete as athletes
from db.statements import effort_derivation
from db.stream_codec import CorruptStreams, Samples
from jobs.attempt import Attempt, Step
from jobs.runner_of_job import lock_runner, note_runner
from jobs.sync.changes import note_changes
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner, derive_rows, strava_efforts
from jobs.sync.effort_sources import Material, WrittenMaterial, write_material
from jobs.sync.personal_bests import remember_bests, update_bests
from jobs.sync.problems import record_problem
from jobs.sync.stored_streams import EncodedStreams, read_streams
from jobs.task_services import TaskServices

ACTIVITIES_AT_ONCE = 20
ATHLETES_AT_ONCE = 20
_ABOVE_ALL_IDS = 2**63 - 1


def run(attempt: Attempt, services: TaskServices) -> None:
    """Recalculate. Raises db.errors.DatabaseError and what ends the attempt."""
    _Recalculation(attempt, services).run()


class _Recalculation:
    def __init__(self, attempt: Attempt, services: TaskServices) -> None:
        self._attempt = attempt
        self._services = services
        self._of_athlete = attempt.athlete_id is not None

    def run(self) -> None:
        if "below_id" not in self._attempt.checkpoint:
            self._begin()
        while self._derive_some():
            pass
        if self._attempt.athlete_id is None:
            while self._update_some_bests():
                pass
        else:
            with self._attempt.step() as step:
                update_bests(step, self._attempt.athlete_id)

    def _begin(self) -> None:
        with self._attempt.step() as step:
            step.checkpoint["below_id"] = _ABOVE_ALL_IDS
            if self._attempt.athlete_id is not None:
                note_runner(step, lock_runner(step.connection, self._attempt.athlete_id))
                remember_bests(step, self._attempt.athlete_id)
                step.connection.execute(
                    effort_derivation.ask_at_next_sync(), {"athlete": self._attempt.athlete_id}
                )
            counted = step.connection.execute(
                effort_derivation.count_rederivable(of_athlete=self._of_athlete),
                self._values(step.checkpoint),
            )
            step.total = counted.scalar_one()

    def _derive_some(self) -> bool:
        with self._attempt.step() as step:
            statement = effort_derivation.rederivable(of_athlete=self._of_athlete)
            batch = step.connection.execute(statement, self._values(step.checkpoint)).all()
            self._derive(step, batch)
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

    def _derive(self, step: Step, batch: Sequence[Any]) -> None:
        connection = step.connection
        # In the order of ids, like everything that locks several athletes.
        athlete_ids = sorted({activity.athlete_id for activity in batch})
        runners = {each: lock_runner(connection, each) for each in athlete_ids}
        changed: dict[int, list[int]] = {each: [] for each in athlete_ids}
        for activity in batch:
            try:
                with connection.begin_nested():
                    written = self._derive_one(connection, activity, runners[activity.athlete_id])
            except OperationalError:
                raise  # of the connection, not of the activity
            except Exception as error:
                self._services.log.exception(
                    "an activity could not be derived", extra={"activity_id": activity.id}
                )
                written = WrittenMaterial(is_written=False, problem=error)
            if written.is_written:
                changed[activity.athlete_id].append(activity.id)
            if written.problem is not None:
                record_problem(
                    step,
                    self._attempt,
                    activity.strava_id,
                    written.problem,
                    stage=SyncStage.DERIVING,
                    athlete_id=activity.athlete_id,
                )
        for athlete_id, mine in changed.items():
            note_changes(connection, athlete_id, self._attempt.job_id, activities=mine)

    def _derive_one(self, connection: Connection, activity: Any, runner: Runner) -> WrittenMaterial:
        """Derive one."""
        given = strava_efforts(activity.given_efforts)
        material = Material(StreamsState(activity.streams_state), given=activity.given_efforts)
        try:
            samples, encoded = _stored_samples(connection, activity)
            material = replace(material, samples=samples, encoded=encoded)
            rows = derive_rows(activity, runner, material.samples, given).rows
        except (CorruptStreams, StreamError) as error:
            extra = {"activity_id": activity.id, "error": str(error)}
            self._services.log.warning(
                "stored streams are damaged; the next sync fetches them", extra=extra
            )
            pending = StreamsState.PENDING
            material = replace(material, state=pending, samples=None, encoded=None)
            rows = derive_rows(activity, runner, None, given).rows
        return write_material(connection, activity, material, rows, self._attempt.job_id)

    def _update_some_bests(self) -> bool:
        with self._attempt.step() as step:
            values = {"after_id": step.checkpoint.get("after_id", 0), "row_limit": ATHLETES_AT_ONCE}
            athlete_ids = step.connection.execute(athletes.ids_after(), values).scalars().all()
            for athlete_id in athlete_ids:
                update_bests(step, athlete_id)
                step.checkpoint["after_id"] = athlete_id
        return bool(athlete_ids)


def _stored_samples(
    connection: Connection, activity: Any
) -> tuple[Samples | None, EncodedStreams | None]:
    """The stored samples, None if none are expected. Raises CorruptStreams.

    They come encoded anew where they lack levels.
    """
    if activity.streams_state != StreamsState.STORED:
        return None, None
    samples, encoded = read_streams(connection, activity.id)
    if samples is None:
        raise CorruptStreams("stored samples are missing")
    return samples, encoded
