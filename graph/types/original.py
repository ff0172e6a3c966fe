"""Originals: the files that recordings were read from, as they came."""

from datetime import datetime

import strawberry

from db import models as m
from db.statements.files import original as statements
from graph.mapping.relation import Lookup, rows_by
from graph.mapping.row_type import column, node_id, row_type
from graph.types.node import Node


@row_type(m.Original, "The file that a recording was read from, as it came (docs/files.md).")
class Original(Node):
    """An original's row. Several activities may be of one."""

    id: strawberry.ID = node_id(m.Original, "Original")
    file_name: str = column(m.Original.file_name, "Name of the file, without `.gz`.")
    size_bytes: float = column(m.Original.size, "Size in bytes, a whole number, without gzip.")
    sha256: str = column(m.Original.sha256, "SHA-256 of the content, in hexadecimal digits.")
    kept_at: datetime = column(m.Original.created_at, "Time it was imported.")

    download_url: str = column(
        statements.download_url,
        "Address of the content, good for an hour at least, unless the operator chose otherwise "
        "(ORIGINAL_LINK_S). Whoever has it can download the file.",
    )


# `imported_files` says which activities came from which original.
ORIGINAL_OF_ACTIVITY = Lookup(
    "Original", m.Activity.id, rows_by(m.Original, m.ImportedFile.activity_id)
)
