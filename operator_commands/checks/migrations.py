"""Whether all migrations were applied."""

from alembic.util import CommandError

from db.errors import DatabaseError
from db.statements.server import backup
from operator_commands.checks.connection import reading
from operator_commands.checks.failure import CheckFailed, require
from operator_commands.revisions import missing_revisions
from settings import Settings


def check(settings: Settings) -> str:
    require(settings, "database_url", "Without it migrations cannot be checked")
    try:
        with reading(settings) as connection:
            if connection.execute(backup.is_there(backup.SET_ASIDE)).scalar_one():
                raise CheckFailed(
                    "a restore was interrupted. Run `pacegraph restore` again, which first puts "
                    "back what was there before"
                )
            missing = missing_revisions(connection)
    except DatabaseError:
        raise CheckFailed("cannot be read while PostgreSQL is out of reach") from None
    except CommandError as error:
        raise CheckFailed(
            f"{error}. The database was migrated by a newer pacegraph: update this one"
        ) from None
    if missing:
        raise CheckFailed(
            f"{len(missing)} to be applied, {missing[0]} first. Run `pacegraph migrate`"
        )
    return "the database is up to date"
