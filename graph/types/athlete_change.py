"""What changed of an athlete: the event of `athleteChanged`."""

from datetime import datetime

import strawberry

from athletics.distance import StandardDistance
from graph.cost.directives import sized
from graph.types.activity import Activity
from graph.types.athlete import Athlete
from graph.types.personal_best import PersonalBest
from runtime.work_meter import WorkMeter


@strawberry.type(description="Changes of an athlete, its activities and personal bests.")
class AthleteChanges:
    """One event, of one or more transactions.

    `work` is the time in the database that it took. The first that gets it pays.
    """

    athlete: Athlete | None = strawberry.field(
        description="The athlete as it is now, if its own data changed: profile, settings, shoes, "
        "heart rate zones, connection with Strava. Select what you show of these. null: none of "
        "these changed."
    )
    activities: list[Activity] = strawberry.field(
        description="Activities that are new or changed, as they are now.", directives=[sized(20)]
    )
    deleted_activity_ids: list[strawberry.ID] = strawberry.field(
        description="Global ids of activities that are gone."
    )
    distances: list[StandardDistance] = strawberry.field(
        description="Distances with another current personal best than before, with another age "
        "grade of it, or with none any more. Shortest first."
    )
    personal_bests: list[PersonalBest] = strawberry.field(
        description="The current personal bests over these distances.", directives=[sized(16)]
    )
    is_complete: bool = strawberry.field(
        description="Whether this is all that changed. false: more did, so fetch again what is "
        "shown. At most 100 activities of each kind are listed, and those of the last 200 "
        "transactions and the last week."
    )
    changed_at: datetime = strawberry.field(
        description="Time of the last of these changes. Pass it as `since` after a lost connection."
    )
    work: strawberry.Private[WorkMeter]
