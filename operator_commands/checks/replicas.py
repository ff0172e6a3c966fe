"""Whether the read replicas are replicas of the database, and how far they are behind."""

from collections.abc import Sequence

from pydantic import SecretStr

from db.errors import DatabaseError
from db.statements.server import replication
from operator_commands.checks.connection import reading
from operator_commands.checks.failure import CheckFailed, first_line
from settings import Settings

_ORDINALS = ("1st", "2nd", "3rd")


def check(settings: Settings) -> str:
    urls = settings.database_replica_urls
    try:
        with reading(settings.past_pooler()) as connection:
            written, identity = connection.execute(replication.primary()).one()
    except DatabaseError:
        raise CheckFailed("cannot be compared while PostgreSQL is out of reach") from None
    behind = [_bytes_behind(settings, urls, each, written, identity) for each in range(len(urls))]
    return f"{len(urls)} of it, at most {max(0, *behind)} bytes behind"


def _bytes_behind(
    settings: Settings, urls: Sequence[SecretStr], index: int, written: int, identity: int
) -> int:
    """Get how far a replica is behind the primary's position before. Raises CheckFailed."""
    ordinal = _ORDINALS[index] if index < len(_ORDINALS) else f"{index + 1}th"
    name = f"the {ordinal} of DATABASE_REPLICA_URLS"
    try:
        with reading(settings.model_copy(update={"database_url": urls[index]})) as connection:
            is_replica, replayed, its_identity = connection.execute(replication.replica()).one()
    except DatabaseError as error:
        raise CheckFailed(
            f"{name} cannot be reached ({first_line(error.__cause__ or error)}). Start "
            "it, or take it out"
        ) from None
    if its_identity != identity:
        raise CheckFailed(f"{name} is of another database. Take it out")
    if not is_replica or replayed is None:
        raise CheckFailed(f"{name} takes writes: it is no replica. Take it out")
    return int(written) - int(replayed)
