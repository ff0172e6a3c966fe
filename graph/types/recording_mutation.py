"""Inputs and payloads of the mutations on recordings of one run."""

import strawberry

from graph.cost.directives import sized
from graph.types.activity import Activity
from graph.types.best_change import PersonalBestChange, best_changes
from graph.types.payload import Payload


@strawberry.input(description="The recording that is to count for its run.")
class ChooseRecordingInput:
    """Input of chooseRecording."""

    activity_id: strawberry.ID = strawberry.field(description="Global id of the recording.")
    undo: bool = strawberry.field(
        default=False, description="true: let the rules choose again. Default: false."
    )


@strawberry.input(description="The recording that is to be a run of its own.")
class SeparateRecordingInput:
    """Input of separateRecording."""

    activity_id: strawberry.ID = strawberry.field(description="Global id of the recording.")
    undo: bool = strawberry.field(
        default=False, description="true: let the rules group it again. Default: false."
    )


@strawberry.type(
    description="Result of mutations on recordings. Groups and personal bests are already updated."
)
class RecordingPayload(Payload):
    """Payload of chooseRecording and separateRecording."""

    activity: Activity | None = strawberry.field(
        default=None, description="The recording after the mutation. Null if refused."
    )
    recordings: list[Activity] = strawberry.field(
        default_factory=list,
        description="The other recordings that its run had before, as they are now: the first of "
        "them counts. At most 20.",
        directives=[sized(2)],
    )
    personal_best_changes: list[PersonalBestChange] = best_changes()
