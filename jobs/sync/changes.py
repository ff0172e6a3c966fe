"""Notes what changed of an athlete, its activities and bests, for clients that show them."""

from collections.abc import Iterable

from sqlalchemy import Connection

from db.statements.athletes import athlete_change


def note_changes(
    connection: Connection,
    athlete_id: int,
    job_id: int | None,
    *,
    activities: Iterable[int] = (),
    deleted: Iterable[int] = (),
    distances: Iterable[str] = (),
    of_athlete: bool = False,
) -> None:
    """Note changes in the transaction that makes them and has locked the athlete.

    `distances` have another current best than before, or another age grade of it. `of_athlete`: the
    athlete's own data changed, such as gear. `job_id` None: no job made them.
    """
    changes = athlete_change.changes(
        athlete_id,
        job_id,
        activities=activities,
        deleted=deleted,
        distances=distances,
        of_athlete=of_athlete,
    )
    if changes is not None:
        connection.execute(athlete_change.record(), changes)
