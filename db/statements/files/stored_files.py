"""How many files are stored, and how many bytes they take."""

from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Executable, func, literal, select, union_all

from db.models import Export, MovedSamples, Original, OriginalPlace, SamplesPlace, Upload


@cache
def state() -> Executable:
    """Select `what`, `files` and `bytes` of uploads, exports, originals and samples by place."""
    kinds: list[tuple[str, Any, Enum | None]] = [
        ("uploads", Upload.received_bytes, None),
        ("exports", Export.size_bytes, None),
        *(
            (f"originals_{place.value.lower()}", Original.packed_bytes, place)
            for place in OriginalPlace
        ),
        *(
            (f"samples_{place.value.lower()}", MovedSamples.packed_bytes, place)
            for place in SamplesPlace
        ),
    ]
    selects = []
    for what, size, place in kinds:
        size_sum = func.coalesce(func.sum(size), 0, type_=BigInteger)
        counted = select(
            literal(what).label("what"), func.count().label("files"), size_sum.label("bytes")
        ).select_from(size.class_)
        selects.append(
            counted if place is None else counted.where(size.class_.place == place.value)
        )
    return union_all(*selects)
