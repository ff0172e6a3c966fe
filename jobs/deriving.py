"""The second part of a sync: streams and best efforts of each activity that lacks them, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from athletics.activity_effort import LEAST_SAMPLES
from athletics.best_effort import StreamError
from db.models import StreamsState
from db.statements import athlete, sync
from db.stream_codec import CorruptStreams, Samples, decode, encode
from jobs.attempt import Attempt
from jobs.derive import EFFORTS_VERSION, Runner, effort_rows, strava_efforts
from jobs.listing import DERIVING, keep_connected
from jobs.services import Services
from jobs.settle import write_efforts
from jobs.strava_tokens import AthleteStrava
from jobs.sync_scope import SyncScope
from strava.errors import StravaBadData, StravaNotFound
from strava.payloads import StravaActivityDetail, StravaStreams

__all__ = ["Deriving", "Material", "write_material"]

_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Material:
    """What an activity's efforts are made of. `encoded`: samples that are to be stored."""

    state: StreamsState
    samples: Samples | None = None
    encoded: bytes | None = None
    given: list[dict[str, float]] | None = None


class Deriving:
    """Fetches and derives for one athlete, an activity a transaction."""

    def __init__(self, attempt: Attempt, services: Services, strava: AthleteStrava, scope: SyncScope) -> None:
        self._attempt = attempt
        self._services = services
        self._strava = strava
        self._one = scope.activity_id is not None
        self._values = {
            "athlete": attempt.athlete_id,
            "wanted_version": EFFORTS_VERSION,
            "row_limit": _AT_ONCE,
            "only_strava_id": scope.activity_id,
        }

    def run(self) -> None:
        """Derive until nothing is left to do."""
        self._begin()
        while batch := self._batch():
            for activity in batch:
                self._derive(activity)

    def _begin(self) -> None:
        with self._attempt.step() as step:
            step.connection.execute(sync.lock_athlete(), self._values)  # first, as everybody who writes their data
            for statement in sync.settle_unwanted():
                step.connection.execute(statement, self._values)
            left = step.connection.execute(sync.count_underived(one=self._one), self._values).scalar_one()
            step.checkpoint["phase"] = DERIVING
            step.message = "Best efforts are derived"
            step.total = step.done + left

    def _batch(self) -> Sequence[Any]:
        with self._attempt.read() as connection:
            return connection.execute(sync.underived(one=self._one), self._values).all()

    def _derive(self, activity: Any) -> None:
        material = self._material(activity)
        with self._attempt.read() as connection:
            runner = Runner.of(connection.execute(athlete.personal_data(), {"athlete_id": activity.athlete_id}).one())
        try:
            rows = _rows(activity, runner, material)
        except StreamError as error:
            material = self._without_streams(activity, error)
            rows = _rows(activity, runner, material)
        with self._attempt.step() as step:
            keep_connected(step.connection, activity.athlete_id)
            locked = Runner.of(step.connection.execute(sync.lock_athlete(), self._values).one())
            if locked != runner:  # sex or birth date were changed just now
                rows = _rows(activity, locked, material)
            write_material(step.connection, activity, material, rows)
            step.done += 1
            step.total = max(step.done, step.total or 0)

    # --- where the samples come from

    def _material(self, activity: Any) -> Material:
        if activity.streams_state == StreamsState.ABSENT:
            return Material(StreamsState.ABSENT, given=activity.given_efforts)
        if activity.streams_state == StreamsState.STORED and (samples := self._stored(activity)):
            return Material(StreamsState.STORED, samples)
        return self._fetched(activity)

    def _stored(self, activity: Any) -> Samples | None:
        """Samples of the database; None where they are damaged or gone: they are fetched again then."""
        with self._attempt.read() as connection:
            data = connection.execute(sync.stored_samples(), {"activity_id": activity.id}).scalar_one_or_none()
        try:
            return decode(data) if data else None
        except CorruptStreams as error:
            self._complain(activity, error)
            return None

    def _fetched(self, activity: Any) -> Material:
        try:
            streams = self._strava.ask(lambda client, token: client.streams(token, activity.strava_id))
            if streams is None or len(streams.time_s) < LEAST_SAMPLES:
                return self._without_streams(activity)
            samples = _samples(streams)
            return Material(StreamsState.STORED, samples, encode(samples))
        except (StravaBadData, ValueError) as error:  # ValueError: a number too large to store
            return self._without_streams(activity, error)

    def _without_streams(self, activity: Any, error: Exception | None = None) -> Material:
        """What can be had instead: Strava's own best efforts; a manual entry has none."""
        if error:
            self._complain(activity, error)
        if activity.manual:
            return Material(StreamsState.ABSENT)
        try:
            detail = self._strava.ask(lambda client, token: client.activity(token, activity.strava_id))
        except (StravaNotFound, StravaBadData) as refusal:
            self._complain(activity, refusal)
            return Material(StreamsState.ABSENT)
        return Material(StreamsState.ABSENT, given=_given(detail))

    def _complain(self, activity: Any, error: Exception) -> None:
        extra = {"activity_id": activity.id, "strava_id": activity.strava_id, "error": str(error)}
        self._services.log.warning("an activity's streams cannot be used", extra=extra)


def write_material(connection: Connection, activity: Any, material: Material, rows: list[dict[str, Any]]) -> None:
    """Write what was found out about an activity, unless it changed or went in the meantime."""
    noted = connection.execute(
        sync.note_derived(),
        {
            "activity_id": activity.id,
            "seen_at": activity.updated_at,
            "wanted_version": EFFORTS_VERSION,
            "new_state": material.state.value,
            "new_given_efforts": material.given,
        },
    ).one_or_none()
    if noted is None:
        return
    if material.encoded is not None and material.samples is not None:
        values = {"sample_count": len(material.samples.time_s), "samples": material.encoded}
        connection.execute(sync.store_streams(), {"activity_id": activity.id, **values})
    elif material.samples is None:
        connection.execute(sync.discard_streams(), {"activity_id": activity.id})
    write_efforts(connection, activity.id, rows)


def _rows(activity: Any, runner: Runner, material: Material) -> list[dict[str, Any]]:
    return effort_rows(activity, runner, material.samples, strava_efforts(material.given))


def _samples(streams: StravaStreams) -> Samples:
    return Samples(streams.time_s, streams.distance_m, streams.heart_rate_bpm)


def _given(detail: StravaActivityDetail) -> list[dict[str, float]]:
    return [
        {"distance_m": effort.distance_m, "elapsed_s": effort.elapsed_time_s, "start_offset_s": effort.start_offset_s}
        for effort in detail.best_efforts
    ]
