"""What activities' efforts are derived from, and how they are written with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from athletics.activity_effort import RecordedRun
from db.models import StreamsState
from db.statements.activities import activity_deletion, effort_derivation
from db.statements.activities import stream as streams
from db.statements.new_rows import values_of
from db.stream_codec import Samples
from jobs import retry_pauses
from jobs.sync.derived_parts import write_parts
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner, derive_rows, strava_efforts
from jobs.sync.personal_bests import write_efforts
from jobs.sync.prepared_parts import NO_PARTS, PreparedParts, prepare_parts
from jobs.sync.stored_streams import EncodedStreams, held_row, store_streams


@dataclass(frozen=True, slots=True)
class Material:
    """What an activity's efforts are derived from; `encoded` are samples that are to be stored.

    `problem`: why something is missing. `is_final` is False if it may be there later, so that the
    efforts are derived again. `tries`: jobs that asked for streams in vain, this one included; None
    if it did not ask.
    """

    state: StreamsState
    samples: Samples | None = None
    encoded: EncodedStreams | None = None
    given: list[dict[str, float]] | None = None
    problem: Exception | None = None
    is_final: bool = True
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class DerivedActivity:
    """An activity, a row of `effort_derivation.pending`, with what is to be written of it.

    `efforts` are rows. `is_lacking`: Strava's own efforts are worth asking for. `has_samples`: those
    that are stored stay. `run` is None once the parts are prepared.
    """

    activity: Any
    material: Material
    efforts: list[dict[str, Any]]
    is_lacking: bool
    has_samples: bool
    run: RecordedRun | None
    parts: PreparedParts = NO_PARTS

    def with_parts(self) -> "DerivedActivity":
        """Derive the parts too; samples that need not be stored are let go."""
        if self.run is None:
            return self
        parts = prepare_parts(self.run, self.material.samples)
        return replace(self, run=None, parts=parts, material=replace(self.material, samples=None))


@dataclass(frozen=True, slots=True)
class WrittenActivities:
    """The ids of what was written: not what changed or went since it was read.

    `problems`: why a part of some could not be, by the activity.
    """

    ids: frozenset[int]
    problems: dict[int, Exception]


def derive_activity(activity: Any, runner: Runner, material: Material) -> DerivedActivity:
    """Derive the efforts of an activity. Raises athletics.track.StreamError."""
    derived = derive_rows(activity, runner, material.samples, strava_efforts(material.given))
    has_samples = material.samples is not None
    return DerivedActivity(
        activity, material, derived.rows, derived.is_lacking, has_samples, derived.run
    )


def held_values(activity: Any, material: Material) -> dict[str, Any]:
    """Make the parameters of `streams.store_held`, but the job; the rest is derived from them."""
    assert material.encoded is not None
    state = _state_row(activity, replace(material, is_final=False))
    return {"athlete": activity.athlete_id, **held_row(activity, material.encoded, state)}


def keep_streams(connection: Connection, activity: Any, material: Material) -> None:
    """Store the samples alone, unless the activity changed or went; the rest is derived from them."""
    assert material.encoded is not None
    if _record(connection, [(activity, replace(material, is_final=False))]):
        store_streams(connection, activity, material.encoded)


def write_derived(
    connection: Connection, found: Sequence[DerivedActivity], job_id: int
) -> WrittenActivities:
    """Write what was found out about activities, but of those that changed or went since."""
    noted = _record(connection, [(each.activity, each.material) for each in found])
    found = [each.with_parts() for each in found if each.activity.id in noted]
    if not found:
        return WrittenActivities(noted, {})
    without = [each.activity for each in found if not each.has_samples]
    if without:
        connection.execute(streams.discard(), streams.values_of_owners(without))
    for each in found:
        if each.material.encoded is not None:
            store_streams(connection, each.activity, each.material.encoded)
        if each.material.tries is not None:
            _ask_again(connection, each.activity, each.material.tries, job_id)
    problems = write_parts(connection, [(each.activity, each.parts) for each in found])
    write_efforts(connection, list(noted), [effort for each in found for effort in each.efforts])
    exclude, *forget = activity_deletion.apply_excluded_efforts()
    values = {"activities": list(noted)}
    if connection.execute(exclude, values).rowcount:
        for statement in forget:
            connection.execute(statement, values)
    return WrittenActivities(noted, problems)


def _record(connection: Connection, found: Sequence[tuple[Any, Material]]) -> frozenset[int]:
    """Note the states of activities; returns the ids of those that neither changed nor went."""
    rows = [_state_row(activity, material) for activity, material in found]
    noted = connection.execute(effort_derivation.record(), {"rows": values_of(rows)})
    return frozenset(noted.scalars())


def _state_row(activity: Any, material: Material) -> dict[str, Any]:
    return {
        "id": activity.id,
        "updated_at": activity.updated_at,
        "efforts_version": EFFORTS_VERSION if material.is_final else None,
        "streams_state": material.state.value,
        "given_efforts": material.given,
    }


def _ask_again(connection: Connection, activity: Any, tries: int, job_id: int) -> None:
    pause_s = retry_pauses.after_tries(retry_pauses.STREAMS_S, tries)
    values = {"tries": tries, "pause_s": pause_s}
    connection.execute(
        effort_derivation.ask_again(), {"activity_id": activity.id, "job_id": job_id, **values}
    )
