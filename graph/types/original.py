"""Originals: the files that recordings were read from, as they came."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models as m
from db.statements.files import original as statements
from graph.cost.directives import sized
from graph.mapping.relation import Lookup, rows_by
from graph.mapping.row_type import column, node_id, row_type
from graph.types.node import Node
from graph.types.payload import Payload

if TYPE_CHECKING:
    from graph.types.activity import Activity


@row_type(m.Original, "The file that a recording was read from, as it came (docs/files.md).")
class Original(Node):
    """An original's row."""

    id: strawberry.ID = node_id(m.Original, "Original")
    file_name: str = column(m.Original.file_name, "Name of the file, without `.gz`.")
    size_bytes: float = column(m.Original.size, "Size in bytes, a whole number, without gzip.")
    sha256: str = column(m.Original.sha256, "SHA-256 of the content, in hexadecimal digits.")
    kept_at: datetime = column(m.Original.created_at, "Time it was imported.")

    download_url: str = column(
        statements.download_url,
        "Download it here, at least for ORIGINAL_LINK_S (an hour). It needs no other permission "
        "than the address.",
    )


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
    activities: list[Annotated["Activity", strawberry.lazy("graph.types.activity")]] = (
        strawberry.field(
            default_factory=list,
            description="The activities that were read from it: their `original` is null now. At "
            "most 100.",
            directives=[sized(1)],
        )
    )


ORIGINAL_OF_ACTIVITY = Lookup(
    "Original", m.Activity.id, rows_by(m.Original, m.ImportedFile.activity_id)
)
