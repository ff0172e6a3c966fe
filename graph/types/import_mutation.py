"""Inputs and payloads of the mutations that import files."""

from datetime import datetime

import strawberry

from db.models import Visibility
from graph.cost.directives import sized
from graph.types.job import Job
from graph.types.payload import Payload, idempotency_key


@strawberry.input(description="A file to upload.")
class FileToStage:
    """One file of stageUploads."""

    name: str = strawberry.field(
        description="Name of the file, such as export.zip or run.fit. At most 500 characters."
    )
    size_bytes: float = strawberry.field(
        description="Size in bytes, a whole number. The server refuses more."
    )


@strawberry.input(description="Files to upload.")
class StageUploadsInput:
    """Input of stageUploads."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    files: list[FileToStage] = strawberry.field(description="The files, at most 100.")
    idempotency_key: str | None = idempotency_key("returns the same uploads")


@strawberry.type(description="An address that waits for a file.")
class StagedUpload:
    """An upload that was staged."""

    id: strawberry.ID = strawberry.field(description="Global id, for `importActivities`.")
    url: str = strawberry.field(
        description="Send the file here until `expiresAt`, with PUT or as tus 1.0 (docs/files.md). "
        "Anyone with the address may send."
    )
    name: str = strawberry.field(description="Name of the file, as given.")
    size_bytes: float = strawberry.field(description="Size in bytes, as given.")
    expires_at: datetime = strawberry.field(
        description="Time at which the upload is deleted, unless an import is reading it."
    )


@strawberry.type(description="Result of `stageUploads`.")
class StageUploadsPayload(Payload):
    """Payload of stageUploads."""

    uploads: list[StagedUpload] = strawberry.field(
        default_factory=list,
        description="One for each file, in their order. Empty if refused.",
        directives=[sized(20)],
    )


@strawberry.input(description="What to import.")
class ImportActivitiesInput:
    """Input of importActivities."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    upload_ids: list[strawberry.ID] = strawberry.field(
        description="Uploads of the athlete that arrived as a whole, at most 100. They are read in "
        "this order, and deleted when the job has succeeded."
    )
    visibility: Visibility = strawberry.field(
        default=Visibility.ONLY_ME, description="Visibility of new activities. Default: ONLY_ME."
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="Result of `importActivities`.")
class ImportActivitiesPayload(Payload):
    """Payload of importActivities."""

    job: Job | None = strawberry.field(
        default=None,
        description="The job that imports. Its `importReport` grows while it runs. Null if refused.",
    )
