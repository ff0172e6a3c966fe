"""Input and payload of the mutation on originals."""

import strawberry

from graph.cost.directives import sized
from graph.types.activity import Activity
from graph.types.payload import Payload


@strawberry.input(description="The original that is to be deleted.")
class DeleteOriginalInput:
    """Input of deleteOriginal."""

    id: strawberry.ID = strawberry.field(description="Global id of the original.")


@strawberry.type(description="Result of `deleteOriginal`.")
class DeleteOriginalPayload(Payload):
    """Payload of deleteOriginal."""

    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the original that is gone. Null if refused."
    )
    activities: list[Activity] = strawberry.field(
        default_factory=list,
        description="The activities that were read from it: their `original` is null now. At most 100.",
        directives=[sized(1)],
    )
