"""Which place `--to` names, for originals and moved samples."""

from db.models import OriginalPlace
from settings import Settings
from settings.originals import OF_S3


def file_place(settings: Settings, to: str) -> OriginalPlace:
    """Get the place; `to` is a value of ORIGINALS. Raises InvalidSettings if it cannot be used."""
    place = OriginalPlace(to.upper())
    if place is OriginalPlace.S3:
        settings.require(*OF_S3)
    return place
