"""Privacy zones: others do not see what is near the start and the end of a run's route.

Positions hide their surroundings (`activities/activity_route.py`); what counts from the start of
such a run would tell how far away it is. So others see no laps and splits of it (`visibility.py`),
not where its efforts began (`performance/best_effort.py`), and samples that are counted again
(`db/shown_samples.py`). All of these ask here.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from db.models import Activity, ActivityRoute, ActivityStreams, Athlete


def hides_surroundings(athlete_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Condition for rows of athletes who hide what is near the starts and ends of their runs."""
    hiding = exists().where(Athlete.id == athlete_id, Athlete.hidden_radius_m > 0)
    return hiding.correlate_except(Athlete)


def has_privacy_zone(activity_id: Any, athlete_id: Any) -> ColumnElement[bool]:
    """Condition for rows of runs of which others do not see the whole way.

    Where any recording of the run has positions, that is all of them: they are of the same way.
    """
    this, recording = aliased(Activity), aliased(Activity)
    route, streams = aliased(ActivityRoute), aliased(ActivityStreams)
    run_id = func.coalesce(this.duplicate_of_id, this.id)
    is_placed = or_(
        exists().where(route.activity_id == recording.id).correlate_except(route),
        exists()
        .where(
            streams.athlete_id == recording.athlete_id,
            streams.activity_id == recording.id,
            streams.positions.is_not(None),
        )
        .correlate_except(streams),
    )
    is_of_run = or_(recording.id == run_id, recording.duplicate_of_id == run_id)
    placed = (
        select(this.id)
        .join(recording, and_(recording.athlete_id == this.athlete_id, is_of_run))
        .where(this.id == activity_id, this.athlete_id == athlete_id, is_placed)
        .correlate_except(this, recording)
        .exists()
    )
    return and_(hides_surroundings(athlete_id), placed)


def shown_samples(activity: type[Activity]) -> ColumnElement[Any]:
    """The samples of an activity that others see, as first ones and ones behind the last, in turn.

    NULL: all of them. An empty array: none, also where the route does not tell which they are.
    """
    radius = select(Athlete.hidden_radius_m).where(Athlete.id == activity.athlete_id)
    ranges = select(
        func.route_samples(
            ActivityRoute.latitudes,
            ActivityRoute.longitudes,
            ActivityRoute.samples,
            radius.correlate_except(Athlete).scalar_subquery(),
            type_=ARRAY(Integer),
        )
    ).where(ActivityRoute.activity_id == activity.id)
    found = func.coalesce(
        ranges.correlate_except(ActivityRoute).scalar_subquery(), literal_column("'{}'::int[]")
    )
    return case((has_privacy_zone(activity.id, activity.athlete_id), found))
