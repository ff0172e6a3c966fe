"""What a task is given besides its attempt."""

import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from db.encryption import KeyRing
from db.session import SyncDatabase
from settings import Settings
from strava.client import StravaClient

__all__ = ["JobLog", "Services"]


class JobLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the attempt's fields to those of each line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}


@dataclass(frozen=True)
class Services:
    """Of one process, made after the fork. `log` carries the attempt's fields."""

    settings: Settings
    database: SyncDatabase
    strava: StravaClient
    keys: KeyRing
    log: JobLog
