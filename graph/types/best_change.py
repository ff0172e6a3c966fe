"""What a change did to an athlete's current personal bests."""

from typing import Any

import strawberry

from athletics.distance import StandardDistance
from graph.cost.directives import sized
from graph.types.personal_best import PersonalBest


@strawberry.type(description="A distance with another current personal best than before.")
class PersonalBestChange:
    """One entry of `personalBestChanges`."""

    distance: StandardDistance = strawberry.field(description="Standard distance.")
    former_id: strawberry.ID | None = strawberry.field(
        description="Global id of the personal best that was current before. Null if there was none."
    )
    personal_best: PersonalBest | None = strawberry.field(
        description="The current personal best. Null if there is none any more."
    )


def best_changes() -> Any:
    """Declare the field `personalBestChanges` of a payload."""
    return strawberry.field(
        default_factory=list,
        description="Distances with another current personal best now, shortest first.",
        directives=[sized(2)],
    )
