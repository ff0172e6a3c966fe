"""PERSONAL_BESTS: derives efforts and personal bests again from stored data, without Strava.

For one athlete everything is derived again, and the next sync asks for streams that could not be
used. For all athletes, only efforts of an outdated version of the rules
(`jobs/sync/derived_rows.py`) are, and then all duplicates and bests. Its progress counts the
activities and then, for all athletes, the athletes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from athletics.track import StreamError
from db.models import StreamsState, SyncStage
from db.original_files import OriginalUnreachable, StoredOriginals
from db.statements import data_version
from db.statements.activities import effort_derivation, moved_samples
from db.statements.athletes import athlete as athletes
from db.stream_codec import CorruptStreams, Samples
from jobs.attempt import Attempt, Step
from jobs.runner_changes import lock_runner, note_runner
from jobs.sync.changes import note_changes
from jobs.sync.derived_parts import OF_THE_CONNECTION
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner
from jobs.sync.effort_sources import DerivedActivity, Material, derive_activity, write_derived
from jobs.sync.fetched_samples import FetchedSamples
from jobs.sync.personal_bests import remember_bests, update_bests, update_bests_of
from jobs.sync.problems import record_problem
from jobs.sync.stored_streams import EncodedStreams, samples_in, stored_rows
from jobs.task_services import TaskServices

ACTIVITIES_AT_ONCE = 20
ATHLETES_AT_ONCE = 20
_CONNECTIONS = 3
"""For a step, for what is written beside it, and for the lease."""
_ABOVE_ALL_IDS = 2**63 - 1


def run(attempt: Attempt, services: TaskServices) -> None:
    """Recalculate. Raises DatabaseError, OriginalUnreachable and what ends the attempt."""
    _Recalculation(attempt, services).run()


class _Recalculation:
    def __init__(self, attempt: Attempt, services: TaskServices) -> None:
        self._attempt = attempt
        self._services = services
        self._files = FetchedSamples(services.settings)
        self._has_files: bool | None = None
        self._of_athlete = attempt.athlete_id is not None
        self._may_write_beside = services.settings.most_connections >= _CONNECTIONS

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
            if not self._of_athlete:
                step.total += step.connection.execute(athletes.count()).scalar_one()

    def _derive_some(self) -> bool:
        at_once = self._fetch_some()
        with self._attempt.step() as step:
            statement = effort_derivation.rederivable(of_athlete=self._of_athlete)
            values = {**self._values(step.checkpoint), "row_limit": at_once}
            batch = step.connection.execute(statement, values).all()
            self._derive(step, batch)
            if batch:
                step.checkpoint["below_id"] = batch[-1].id
            step.done += len(batch)
        return bool(batch)

    def _fetch_some(self) -> int:
        """Fetch samples that are in files; returns how many activities are to be derived at once."""
        with self._attempt.read() as connection:
            if self._has_files is None:
                self._has_files = connection.execute(moved_samples.are_any()).scalar_one()
            if not self._has_files:
                return ACTIVITIES_AT_ONCE
            statement = effort_derivation.files_of_rederivable(of_athlete=self._of_athlete)
            rows = connection.execute(statement, self._values(self._attempt.checkpoint)).all()
        return self._files.fetch(rows) or ACTIVITIES_AT_ONCE

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
        found, problems = self._derived(connection, batch, runners)
        written, refused = self._write(connection, found)
        for activity in batch:
            if (problem := problems.get(activity.id) or refused.get(activity.id)) is not None:
                record_problem(
                    step,
                    self._attempt,
                    activity.strava_id,
                    problem,
                    stage=SyncStage.DERIVING,
                    athlete_id=activity.athlete_id,
                )
        for athlete_id in athlete_ids:
            mine = [each.id for each in batch if each.athlete_id == athlete_id]
            changed = written.intersection(mine)
            note_changes(connection, athlete_id, self._attempt.job_id, activities=changed)

    def _derived(
        self, connection: Connection, batch: Sequence[Any], runners: dict[int, Runner]
    ) -> tuple[list[DerivedActivity], dict[int, Exception]]:
        """Derive activities; returns also why some could not be."""
        found, problems = [], {}
        recorded = [each for each in batch if each.streams_state == StreamsState.STORED]
        rows = stored_rows(connection, recorded) if recorded else {}
        for activity in batch:
            row, runner = rows.get(activity.id), runners[activity.athlete_id]
            try:
                derived = self._derive_one(activity, row, runner)
                found.append(derived.with_parts())
            except OriginalUnreachable:  # nor can others of them be read
                raise
            except Exception as error:  # noqa: BLE001 - of this activity only
                self._complain(activity, error)
                problems[activity.id] = error
        return found, problems

    def _derive_one(self, activity: Any, row: Any, runner: Runner) -> DerivedActivity:
        """Derive an activity; `row` has its samples, None if none are there."""
        material = Material(StreamsState(activity.streams_state), given=activity.given_efforts)
        try:
            samples, encoded = _stored_samples(activity, row, self._files)
            stored = replace(material, samples=samples, encoded=encoded)
            return derive_activity(activity, runner, stored)
        except (CorruptStreams, StreamError) as error:
            extra = {"activity_id": activity.id, "error": str(error)}
            self._services.log.warning(
                "stored streams are damaged; the next sync fetches them", extra=extra
            )
            pending = replace(material, state=StreamsState.PENDING)
            return derive_activity(activity, runner, pending)

    def _write(
        self, connection: Connection, found: Sequence[DerivedActivity]
    ) -> tuple[frozenset[int], dict[int, Exception]]:
        """Write activities; returns those that were, and why some could not be as a whole."""
        try:
            with connection.begin_nested():
                written = write_derived(connection, found, self._attempt.job_id)
        except OF_THE_CONNECTION:
            raise
        except Exception as error:  # noqa: BLE001 - of one of them only
            if len(found) == 1:
                self._complain(found[0].activity, error)
                return frozenset(), {found[0].activity.id: error}
            each = [self._write(connection, [one]) for one in found]
            ids = frozenset().union(*(ids for ids, _ in each))
            return ids, {key: error for _, problems in each for key, error in problems.items()}
        return written.ids, written.problems

    def _complain(self, activity: Any, error: Exception) -> None:
        extra = {"activity_id": activity.id}
        self._services.log.error("an activity could not be derived", extra=extra, exc_info=error)

    def _update_some_bests(self) -> bool:
        with self._attempt.step() as step:
            values = {
                "after_id": step.checkpoint.get("after_id", 0),
                "row_limit": 2 * ATHLETES_AT_ONCE,
            }
            athlete_ids = step.connection.execute(athletes.ids_after(), values).scalars().all()
            if athlete_ids:
                step.bests_changed += self._update_bests(step, athlete_ids)
                step.checkpoint["after_id"] = athlete_ids[-1]
            step.done += len(athlete_ids)
            step.total = max(step.done, step.total or 0)  # athletes may have joined meanwhile
        return bool(athlete_ids)

    def _update_bests(self, step: Step, athlete_ids: Sequence[int]) -> int:
        """Update bests, those of the upper half beside the step; returns how many changed.

        Who locks several athletes does so in the order of ids: so who waits for the lower half, which
        the step has, holds nothing that the upper half waits for.
        """
        half, job_id = (len(athlete_ids) + 1) // 2, self._attempt.job_id
        lower, upper = athlete_ids[:half], athlete_ids[half:]
        if not upper or not self._may_write_beside:
            return update_bests_of(step.connection, job_id, athlete_ids)
        slot = _slot(step.connection)

        def update_upper(connection: Connection) -> int | None:
            """None where it would wait for the step, which would wait for it."""
            if _slot(connection) == slot:
                return None
            return update_bests_of(connection, job_id, upper)

        with self._attempt.beside(update_upper) as beside:
            changed = update_bests_of(step.connection, job_id, lower)
        of_upper = beside.result()
        if of_upper is None:
            of_upper = update_bests_of(step.connection, job_id, upper)
        return changed + of_upper


def _slot(connection: Connection) -> int:
    return int(connection.execute(data_version.slot()).scalar_one())


def _stored_samples(
    activity: Any, row: Any, files: StoredOriginals
) -> tuple[Samples | None, EncodedStreams | None]:
    """The stored samples, None if none are expected. Raises as `samples_in`.

    They come encoded again where they lack levels.
    """
    if activity.streams_state != StreamsState.STORED:
        return None, None
    if row is None:
        raise CorruptStreams("stored samples are missing")
    return samples_in(row, files)
