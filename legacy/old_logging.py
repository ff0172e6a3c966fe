"""`core.logging` of the older service, except what the standard library has."""

import logging

from logs import set_up
from settings import load_settings

logger = logging.getLogger("app")


def setup_logging(level: str | None = None) -> None:
    """Configure the process's logs; without `level`, at LOG_LEVEL."""
    set_up(load_settings(**({"log_level": level.upper()} if level else {})), "app")
