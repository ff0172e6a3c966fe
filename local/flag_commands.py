"""`pacegraph flags`, which keeps what it changes in an embedded Redis."""

import argparse

from redis import RedisError

from flags.commands import run
from local.home_settings import embedded_redis, with_running_services
from local.kept_flags import keep_flags
from logs import tell
from settings import Settings


def run_action(options: argparse.Namespace, settings: Settings) -> int:
    """Show or change flags; returns 1 if it failed. Raises InvalidSettings."""
    settings = with_running_services(settings)
    code = run(options, settings)
    if code == 0 and options.action in {"set", "reset"} and (url := embedded_redis(settings)):
        try:
            keep_flags(settings.pacegraph_home, url)
        except (OSError, RedisError) as error:
            tell(f"the change holds until Redis restarts: it could not be kept ({error})")
            return 1
    return code
