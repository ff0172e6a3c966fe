"""What changed of an athlete: the event of `athleteChanged`."""

from datetime import datetime

import strawberry

from athletics.distance import StandardDistance
from graph.cost.directives import sized
from graph.types.activity import Activity
from graph.types.personal_best import PersonalBest
from runtime.work_meter import WorkMeter


@strawberry.type(description="Changes of an athlete's activities and personal bests.")
class AthleteChanges:
    """One event, of one or more transactions.

    `work` is the time in the database that it took. The first that gets it pays.
    """

    activities: list[Activity] = strawberry.field(
        description="Activities that are new or changed, as they are now.", directives=[sized(20)]
    )
    deleted_activity_ids: list[strawberry.ID] = strawberry.field(
        description="Global ids of activities that are gone."
    )
    distances: list[StandardDistance] = strawberry.field(
        description="Distances with another current personal best than before, or none any more."
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
