"""When efforts and personal bests were completed."""

from datetime import datetime

from sqlalchemy import ColumnElement, DateTime, case, select, type_coerce
from sqlalchemy.orm import aliased

from db.models import Activity, BestEffort, PersonalBest
from db.statements.privacy_zone import hides_surroundings


def completion_to_others(model: type[BestEffort | PersonalBest]) -> ColumnElement[datetime]:
    """When it was completed; as if from the start where that could tell what is hidden."""
    return case((hides_surroundings(model.athlete_id), model.achieved_at), else_=model.completed_at)


def local_completion(
    model: type[BestEffort | PersonalBest], *, to_others: bool = False
) -> ColumnElement[datetime]:
    """When it was completed, without offset: by the local clock at the start of the run.

    `to_others`: the local time of `completion_to_others`.
    """
    completed = completion_to_others(model) if to_others else model.completed_at
    run = aliased(Activity)
    found = select(run.started_at_local + (completed - run.started_at)).where(
        run.id == model.activity_id, run.athlete_id == model.athlete_id
    )
    return type_coerce(found.scalar_subquery(), DateTime(timezone=False))
