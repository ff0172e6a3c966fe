"""`core.logging` of the older service, where it is not the standard library's."""

import logging

from logs import set_up
from settings import load_settings

__all__ = ["logger", "setup_logging"]

logger = logging.getLogger("app")


def setup_logging(level: str | None = None) -> None:
    """Set the process's logs up, at LOG_LEVEL if `level` is not given."""
    set_up(load_settings(**({"log_level": level.upper()} if level else {})), "app")
