"""What an activity's efforts are derived from, and how it is written with them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db.models import StreamsState
from db.statements import effort_derivation
from db.statements import stream as streams
from db.stream_codec import Samples
from jobs.sync.derived_parts import write_parts
from jobs.sync.derived_rows import EFFORTS_VERSION
from jobs.sync.personal_bests import write_efforts
from jobs.sync.stored_streams import EncodedStreams, store_streams

_PAUSES_S = (0, 0, 0, 3_600, 86_400, 3 * 86_400)
"""Seconds from a job that asked for streams in vain until Strava is asked again, by such jobs."""
_LONGEST_PAUSE_S = 30 * 86_400


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
class WrittenMaterial:
    """What became of material: not `is_written` where the activity changed or went meanwhile.

    `problem`: why a part of it could not be written, None if all was.
    """

    is_written: bool
    problem: Exception | None = None


def write_material(
    connection: Connection,
    activity: Any,
    material: Material,
    rows: list[dict[str, Any]],
    job_id: int,
) -> WrittenMaterial:
    """Write what was found out about an activity, unless it changed or went in the meantime."""
    noted = connection.execute(
        effort_derivation.record(),
        {
            "activity_id": activity.id,
            "seen_at": activity.updated_at,
            "wanted_version": EFFORTS_VERSION if material.is_final else None,
            "new_state": material.state.value,
            "new_given_efforts": material.given,
        },
    ).one_or_none()
    if noted is None:
        return WrittenMaterial(is_written=False)
    if material.encoded is not None:
        store_streams(connection, activity.id, material.encoded)
    elif material.samples is None:
        connection.execute(streams.discard(), {"activity_id": activity.id})
    if material.tries is not None:
        pauses = dict(enumerate(_PAUSES_S, start=1))
        values = {"tries": material.tries, "pause_s": pauses.get(material.tries, _LONGEST_PAUSE_S)}
        connection.execute(
            effort_derivation.ask_again(),
            {"activity_id": activity.id, "job_id": job_id, **values},
        )
    problem = write_parts(connection, activity, material.samples)
    write_efforts(connection, activity.id, rows)
    return WrittenMaterial(is_written=True, problem=problem)
