"""Whether the place of originals can be written, read and deleted from, and where some are."""

import secrets

from sqlalchemy.exc import ProgrammingError

from db.errors import DatabaseError
from db.models import OriginalPlace
from db.original_files import OriginalMissing, OriginalUnreachable, StoredOriginals
from db.statements.files import original
from operator_commands.checks.connection import reading
from operator_commands.checks.failure import CheckFailed
from settings import Settings

_CONTENT = b"pacegraph doctor"
_LARGEST_NUMBER = 2**62
"""Ids of originals are larger."""
_REMEDIES = {
    OriginalPlace.FOLDER: "Check that ORIGINALS_FOLDER is there, has room and is ours",
    OriginalPlace.S3: "Check ORIGINALS_S3_ENDPOINT, bucket, region and keys, and that the key may put, "
    "get and delete objects with ORIGINALS_S3_PREFIX",
}


def check(settings: Settings) -> str:
    there = _places(settings)
    if OriginalPlace.S3 in there and settings.originals_s3_bucket is None:
        raise CheckFailed("there are originals in S3, but ORIGINALS_S3_BUCKET is not set. Set it")
    wanted = set(there)
    if settings.originals != "off":
        wanted.add(OriginalPlace(settings.originals.upper()))
    checked = sorted(wanted & _REMEDIES.keys(), key=str)
    for place in checked:
        _check_place(settings, place)
    kept = "no more are kept" if settings.originals == "off" else f"kept in {settings.originals}"
    told = [f"{place.value.lower()} can be written, read and deleted from" for place in checked]
    return "; ".join((kept, *told))


def _check_place(settings: Settings, place: OriginalPlace) -> None:
    """Write, read and delete a file. Raises CheckFailed."""
    files, number = StoredOriginals(settings), secrets.randbelow(_LARGEST_NUMBER)
    try:
        files.write(place, number, _CONTENT)
        try:
            found = files.read(place, number)
        finally:
            files.remove(place, number)
    except (OriginalUnreachable, OriginalMissing) as error:
        raise CheckFailed(f"{error}. {_REMEDIES[place]}") from None
    if found != _CONTENT:
        raise CheckFailed(f"what was read is not what was written. {_REMEDIES[place]}")


def _places(settings: Settings) -> frozenset[OriginalPlace]:
    """Where originals are; none if that cannot be found out."""
    if settings.database_url is None:
        return frozenset()
    try:
        with reading(settings) as connection:
            found = connection.execute(original.places()).scalars().all()
    except (DatabaseError, ProgrammingError):  # the check of PostgreSQL or of migrations tells
        return frozenset()
    return frozenset(OriginalPlace(each) for each in found)
