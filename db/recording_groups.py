"""Which activities of an athlete are recordings of one run, from rows of the database. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from athletics.distance import StandardDistance
from athletics.duplicate import Recording, duplicate_of
from athletics.sport import is_run
from db.models import RecordingChoice


def changed_groups(rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Find what is to change: parameters of `recording.set_duplicate_of`, none if nothing is.

    `rows` are those of `recording.recordings`, which are not held: an athlete may have very many. A
    flagged recording must not stand for an honest one: it counts for nothing.
    """
    known: dict[int, int] = {}
    originals = duplicate_of(_recordings(_noted(rows, known)))
    changed = [each for each in known | originals if known.get(each) != originals.get(each)]
    if not changed:
        return {}
    return {"activity_ids": changed, "original_ids": [originals.get(each) for each in changed]}


def _noted(rows: Iterable[Any], known: dict[int, int]) -> Iterator[Any]:
    """Note in `known` what the rows say now."""
    for each in rows:
        if each.duplicate_of_id is not None:
            known[each.id] = each.duplicate_of_id
        yield each


def _recordings(rows: Iterable[Any]) -> Iterable[Recording]:
    return (
        Recording(
            activity_id=each.id,
            started_at=each.started_at,
            moving_s=each.moving_time_s,
            elapsed_s=each.elapsed_time_s,
            distance_m=each.distance_m,
            has_streams=each.has_streams,
            lacking_efforts=_lacking_efforts(each),
            columns=each.columns,
            started_on=each.started_at_local.date(),
            start_is_hidden=each.started_at_is_hidden,
            is_chosen=each.recording_choice == RecordingChoice.CHOSEN,
            is_separate=each.recording_choice == RecordingChoice.SEPARATE,
        )
        for each in rows
        if is_run(each.sport_type) and not each.flagged
    )


def _lacking_efforts(recording: Any) -> int:
    measured = frozenset(recording.measured or ())
    return sum(
        distance.meters <= recording.distance_m and distance.value not in measured
        for distance in StandardDistance
    )
