"""Whether Strava's application is set, and no token of the demo works beside a real one."""

from sqlalchemy.exc import ProgrammingError

from db.errors import DatabaseError
from operator_commands.checks.connection import reading
from operator_commands.checks.failure import CheckFailed, require
from operator_commands.demo_tokens import count_working, is_strava_real
from settings import Settings


def check(settings: Settings) -> str:
    remedy = (
        "Register an application at https://www.strava.com/settings/api, "
        "or use `pacegraph run`, which simulates Strava"
    )
    require(settings, "strava_client_id", remedy)
    require(settings, "strava_client_secret", remedy)
    if count := _demo_tokens(settings):
        raise CheckFailed(
            f"a real application is set, but {count} API tokens of the demo still work, also for "
            "others that saw the demo. End them: pacegraph end-demo"
        )
    return f"credentials are set; calls go to {settings.strava_api_url}"


def _demo_tokens(settings: Settings) -> int:
    """How many tokens of the demo work beside a real Strava; 0 if that cannot be found out."""
    if settings.database_url is None or not is_strava_real(settings):
        return 0
    try:
        with reading(settings) as connection:
            return count_working(connection)
    except (DatabaseError, ProgrammingError):  # the check of PostgreSQL or of migrations tells
        return 0
