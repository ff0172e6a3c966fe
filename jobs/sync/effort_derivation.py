"""The second part of a sync: derives missing best efforts from streams, newest activity first.

Where Strava has no streams, or sends something else, the efforts are Strava's own for now, and the
streams are asked for again: at the end of the attempt, by the job's next attempts, by the next two
syncs of any kind, then after pauses (`jobs/sync/effort_sources.py`). A sync of a single activity
always asks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection

from athletics.activity_effort import LEAST_SAMPLES
from athletics.track import StreamError
from db.errors import DatabaseError
from db.models import StreamsState, SyncStage
from db.original_files import StoredOriginals
from db.statements.activities import effort_derivation
from db.statements.strava import sync_problem
from db.stream_codec import CorruptStreams, Samples
from db.stream_encoding import rounded
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt
from jobs.lease import AttemptStopped
from jobs.runner_changes import lock_runner
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner
from jobs.sync.derived_writer import NO_STREAMS, DerivedWriter
from jobs.sync.effort_sources import DerivedActivity, Material, derive_activity
from jobs.sync.problems import (
    OF_THE_JOB,
    Unanswered,
    check_doubtful,
    check_strava,
    record_problem,
)
from jobs.sync.scope import SyncScope
from jobs.sync.stored_streams import EncodedStreams, samples_in, stored_rows
from jobs.sync.walk_position import DERIVING
from jobs.task_services import TaskServices
from strava.client import StravaClient
from strava.errors import (
    StravaBadData,
    StravaError,
    StravaNotFound,
    StravaUnavailable,
    StravaUnreadable,
)
from strava.payloads import StravaBestEffort
from strava.stream_payload import StravaStreams, read_answer

_AT_ONCE = 50
_PROBED_AFTER = 3  # activities in a row that Strava gave no answer for
_SPOILED_IN_A_ROW = 5  # activities whose streams came as something else; then a later attempt asks
SECOND_LOOK_AFTER_S = 1.0
"""Seconds until an attempt asks a second time for streams that it asked for in vain."""
_FREE_TRIES = 3  # jobs; then the athlete's budget of syncs pays
_CONFIRMED_AFTER = 5  # jobs, more than a day apart in all, that Strava told of no streams
_MOST_OLD = 300  # activities, left by older versions, that one job asks for

_WITHOUT = (StreamsState.UNREAD, StreamsState.ABSENT)


class EffortDerivation:
    """Fetches streams and derives efforts for one athlete.

    An activity that fails is left out. `unavailable` is Strava's last failure to answer for one;
    the job may try it again. With `is_charged`, the athlete's budget of syncs pays for what is
    asked for again.
    """

    def __init__(
        self,
        attempt: Attempt,
        services: TaskServices,
        strava: AthleteStrava,
        scope: SyncScope,
        *,
        is_charged: bool = True,
    ) -> None:
        self._is_charged = is_charged
        self._attempt = attempt
        self._services = services
        self._strava = strava
        self._files = StoredOriginals(services.settings)
        self._one = scope.activity_id is not None
        self._values: dict[str, Any] = {
            "athlete": attempt.athlete_id,
            "wanted_version": EFFORTS_VERSION,
            "row_limit": _AT_ONCE,
            "only_strava_id": scope.activity_id,
            "left_out": [],
            "job_id": attempt.job_id,
            "repeats": attempt.failures > 0,
            "with_old": attempt.number == 1,
        }
        self._failed_in_a_row = 0
        self._spoiled: list[StravaUnreadable] = []
        self._old_left = _MOST_OLD if attempt.number == 1 else 0
        self._is_last = attempt.failures + 1 >= services.settings.job_max_attempts
        self._writer = DerivedWriter(attempt, Runner(None, None), self._leave_out)
        self.unavailable: Unanswered | None = None
        self.may_come_later = False
        """Whether Strava had no streams of the last activity, and may have them in a moment."""

    @property
    def has_left_out(self) -> bool:
        """Whether a problem of an activity was recorded."""
        return self._writer.has_left_out

    def run(self) -> None:
        """Derive until nothing is left to do. Raises `problems.OF_THE_JOB`, StravaUnavailable."""
        self._strava.meanwhile = self._writer.write_due
        self._begin()
        asked_in_vain = self._derive_all()
        if asked_in_vain and not self._gives_up:
            self._attempt.pause(SECOND_LOOK_AFTER_S)
            self._spoiled.clear()
            self._values["repeats"] = True
            self._values["left_out"] = [
                each for each in self._values["left_out"] if each not in asked_in_vain
            ]
            self._derive_all()
        if self._spoiled:
            self.unavailable = StravaUnavailable(self._spoiled[-1].problem)

    @property
    def _gives_up(self) -> bool:
        """Whether streams come as something else, so that a later attempt may have more luck."""
        return len(self._spoiled) >= _SPOILED_IN_A_ROW and not self._is_last

    def _derive_all(self) -> set[int]:
        """Derive what there is; returns the activities that Strava was asked for in vain."""
        asked_in_vain: set[int] = set()
        while not self._gives_up and (batch := self._batch()):
            try:
                self._derive_batch(batch, asked_in_vain)
            except (AttemptStopped, DatabaseError):
                raise
            except Exception:
                self._writer.write_waiting()  # the next attempt may be hours away
                raise
            self._writer.write_waiting()
        return asked_in_vain

    def _derive_batch(self, batch: Sequence[Any], asked_in_vain: set[int]) -> None:
        for activity in batch:
            if self._derive_or_leave_out(activity):
                asked_in_vain.add(activity.id)
            if activity.asked_again or activity.id in asked_in_vain:
                self._values["left_out"].append(activity.id)
            if self._gives_up:
                return
            self._writer.write_due()

    def _begin(self) -> None:
        with self._attempt.step() as step:
            # first, as in every transaction that writes the athlete's data
            self._writer.runner = lock_runner(step.connection, self._values["athlete"])
            for statement in (*effort_derivation.clear_unwanted(), sync_problem.solve_unwanted()):
                step.connection.execute(statement, self._values)
            left = self._count_left(step.connection)
            step.checkpoint["phase"] = DERIVING
            step.message = "Best efforts are derived"
            step.total = step.done + left

    def _count_left(self, connection: Connection) -> int:
        count = effort_derivation.count_pending(one=self._one)
        values = self._values | {"repeats": False}
        without_old, with_old = (
            connection.execute(count, values | {"with_old": flag}).scalar_one()
            for flag in (False, self._values["with_old"])
        )
        return int(without_old + min(self._old_left, with_old - without_old))

    def _batch(self) -> Sequence[Any]:
        with self._attempt.read() as connection:
            statement = effort_derivation.pending(one=self._one)
            return connection.execute(statement, self._values).all()

    def _derive_or_leave_out(self, activity: Any) -> bool:
        """Derive one activity; returns whether Strava was asked for its streams in vain."""
        try:
            material = self._derive(activity)
        except OF_THE_JOB:
            raise
        except Exception as error:  # noqa: BLE001 - of this activity only
            self._leave_out(activity, error)
            return False
        self._failed_in_a_row = 0
        self.may_come_later = material.tries is not None and material.tries < _FREE_TRIES
        if isinstance(material.problem, StravaUnreadable):
            self._spoiled.append(material.problem)
        elif material.encoded is not None:
            self._spoiled.clear()
        return material.tries is not None

    def _leave_out(self, activity: Any, error: Exception) -> None:
        """Skip an activity. Raises if Strava would not answer for the next one either."""
        check_doubtful(self._strava, error)
        self._writer.has_left_out = True
        self._complain(activity, error)
        self._values["left_out"].append(activity.id)
        with self._attempt.step() as step:
            record_problem(step, self._attempt, activity.strava_id, error, stage=SyncStage.DERIVING)
        if isinstance(error, Unanswered):
            self.unavailable = error
            self._failed_in_a_row += 1
            if self._failed_in_a_row % _PROBED_AFTER == 0:
                check_strava(self._strava)

    def _derive(self, activity: Any) -> Material:
        """Derive one activity. Raises what went wrong, after what there is was written."""
        material = self._material(activity)
        try:
            derived = self._derived(activity, material)
        except StreamError as error:
            derived = self._derived(activity, self._without_streams(activity, error))
        material = derived.material
        is_lacking = derived.is_lacking and material.samples is not None and material.given is None
        if material.encoded is not None and (is_lacking or not self._one):
            # A kill from here on must cost no request.
            self._writer.keep_streams(activity, material)
            material = replace(material, encoded=None)
            derived = replace(derived, material=material)
        if is_lacking:
            material = self._with_stravas_own(activity, material)
            derived = self._derived(activity, material)
        is_usual = material.problem is None and material.tries is None
        if is_usual and material.encoded is None and not self._one:
            self._writer.add(derived)
        else:
            self._writer.write([derived])
        if material.problem is not None and not material.is_final:
            raise material.problem
        return material

    def _derived(self, activity: Any, material: Material) -> DerivedActivity:
        return derive_activity(activity, self._writer.runner, material)

    # --- where the samples come from

    def _material(self, activity: Any) -> Material:
        if activity.streams_state in _WITHOUT and not self._asks_again(activity):
            return Material(StreamsState(activity.streams_state), given=activity.given_efforts)
        if activity.streams_state == StreamsState.STORED and (stored := self._stored(activity)):
            return stored
        return self._fetched(activity)

    def _asks_again(self, activity: Any) -> bool:
        if activity.asked_again and not activity.streams_tries and not self._one:
            self._old_left -= 1
            self._values["with_old"] = self._old_left > 0
            return self._old_left >= 0
        if not activity.asked_again:
            return False
        is_free = activity.streams_tries < _FREE_TRIES and not self._one
        return is_free or not self._is_charged or self._strava.budget.may_spend()

    def _stored(self, activity: Any) -> Material | None:
        """Get the stored samples; None if they are damaged or gone, to be fetched again."""
        with self._attempt.read() as connection:
            row = stored_rows(connection, [activity]).get(activity.id)
        if row is None:
            return None
        try:
            samples, encoded = samples_in(row, self._files)
        except CorruptStreams as error:
            self._complain(activity, error)
            return None
        given = activity.given_efforts
        return Material(StreamsState.STORED, samples, encoded=encoded, given=given)

    def _fetched(self, activity: Any) -> Material:
        if activity.id in self._attempt.checkpoint.get(NO_STREAMS, ()):
            return self._without_streams(activity)
        try:
            recorded = self._strava.ask(
                lambda client, token: _streams_of(client, token, activity.strava_id), patient=False
            )
            if recorded is None or len(recorded.time_s) < LEAST_SAMPLES:
                return self._without_streams(activity)
            samples = samples_of(recorded)
            encoded = EncodedStreams.from_samples(samples)
            return Material(StreamsState.STORED, samples, encoded=encoded)
        except (StravaBadData, ValueError) as error:  # ValueError: a number too large to store
            return self._without_streams(activity, error)
        except OF_THE_JOB:
            raise
        except Exception as error:  # noqa: BLE001 - `_derive` raises it
            pending = StreamsState.PENDING
            return Material(pending, given=activity.given_efforts, problem=error, is_final=False)

    def _without_streams(self, activity: Any, error: Exception | None = None) -> Material:
        """Use Strava's own best efforts instead of streams; a manual entry has none."""
        problem = None
        if error:
            self._complain(activity, error)
            # A ValueError: samples beyond what can be computed with or stored.
            problem = error if isinstance(error, StravaBadData) else _unusable(activity)
        if activity.manual or not activity.distance_m:
            material = Material(StreamsState.ABSENT, problem=problem)
        else:
            # Several attempts of one job count once.
            again = activity.streams_asked_by_job_id == self._attempt.job_id
            tries = activity.streams_tries + (not again)
            is_confirmed = problem is None and tries >= _CONFIRMED_AFTER
            state = StreamsState.ABSENT if is_confirmed else StreamsState.UNREAD
            material = Material(state, problem=problem, tries=tries)
        if activity.streams_state in _WITHOUT and activity.given_efforts:
            return replace(material, given=activity.given_efforts)
        return material if activity.manual else self._with_stravas_own(activity, material)

    def _with_stravas_own(self, activity: Any, material: Material) -> Material:
        """Add Strava's own efforts. If they cannot be had now, the next sync asks again."""
        if activity.manual:
            return material
        if material.samples is None and material.problem is None:
            self._note_without_streams(activity)
        try:
            best_efforts = self._strava.ask(
                lambda client, token: client.best_efforts(
                    token, activity.strava_id, activity.started_at
                )
            )
        except StravaNotFound as error:
            self._complain(activity, error)
            return material
        except OF_THE_JOB as error:
            if material.samples is None:
                raise
            # What there is of the samples is written first.
            return replace(material, problem=error, is_final=False)
        except Exception as error:  # noqa: BLE001 - `_derive` raises it
            state = material.state if material.samples else StreamsState.PENDING
            return replace(material, state=state, problem=error, is_final=False)
        return replace(material, given=efforts_of(best_efforts))

    def _note_without_streams(self, activity: Any) -> None:
        """Note it, so that a kill before the next answer does not cost both requests.

        It is noted once: an attempt that notes something new is no failure, and each would be.
        """
        known = self._attempt.checkpoint.get(NO_STREAMS, ())
        if activity.id not in known:
            with self._attempt.step() as step:
                step.checkpoint[NO_STREAMS] = [*known, activity.id]

    def _complain(self, activity: Any, error: Exception) -> None:
        extra = {"activity_id": activity.id, "strava_id": activity.strava_id, "error": str(error)}
        unexpected = None if isinstance(error, StravaError | ValueError) else error
        self._services.log.warning(
            "an activity's streams cannot be used", extra=extra, exc_info=unexpected
        )


def _streams_of(client: StravaClient, token: SecretStr, strava_id: int) -> StravaStreams | None:
    answer = client.streams(token, strava_id)
    return None if answer is None else read_answer(answer)


def _unusable(activity: Any) -> StravaBadData:
    return StravaBadData("streams", "cannot be used", strava_id=activity.strava_id)


def samples_of(streams: StravaStreams) -> Samples:
    columns: dict[str, Any] = {
        "time_s": streams.time_s,
        "distance_m": streams.distance_m,
        "heart_rate_bpm": streams.heart_rate_bpm,
        **streams.other_columns,
    }
    return rounded(Samples(**columns))


def efforts_of(best_efforts: Iterable[StravaBestEffort]) -> list[dict[str, float]]:
    return [
        {
            "distance_m": effort.distance_m,
            "elapsed_s": effort.elapsed_time_s,
            "start_offset_s": effort.start_offset_s,
        }
        for effort in best_efforts
    ]
