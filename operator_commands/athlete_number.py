"""Which athlete `--athlete` names."""

from graph.errors import InvalidId
from graph.global_id import decode_id_of
from settings import InvalidSettings


def athlete_number(given: str) -> int:
    """Read an athlete's global id, or the number in the database. Raises InvalidSettings."""
    if given.isascii() and given.isdigit() and 0 < int(given) < 2**63:
        return int(given)
    try:
        return decode_id_of("Athlete", given, "--athlete")
    except InvalidId as error:
        raise InvalidSettings(f"--athlete: {error.message}") from None
