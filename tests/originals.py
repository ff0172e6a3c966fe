"""Originals, as an import keeps them."""

import io
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert

from db.models import ImportedFile, Original
from db.original_codec import pack


def create_original(
    db: Connection,
    athlete_id: int,
    activity_id: int,
    data: bytes = b"as it came",
    **columns: Any,
) -> int:
    """The file that an activity was read from, in the database."""
    packed = pack(io.BytesIO(data), len(data), len(data) + 100)
    assert packed is not None
    digest = sha256(data).digest()
    values: dict[str, Any] = {
        "athlete_id": athlete_id,
        "digest": digest,
        "file_name": "run.fit",
        "size_bytes": len(data),
        "packed_bytes": len(packed),
        "place": "DATABASE",
        "content": packed,
        "rules_version": 1,
        **columns,
    }
    of_file = {"place": 0, "activity_id": activity_id, "of_file": 1}
    file = {"athlete_id": athlete_id, "digest": digest, "file_name": values["file_name"]}
    db.execute(insert(ImportedFile).values(**file, **of_file))
    return db.execute(insert(Original).values(**values).returning(Original.id)).scalar_one()
