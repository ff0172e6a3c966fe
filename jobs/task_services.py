"""What a task is given besides its attempt."""

import logging
from dataclasses import dataclass

from db.encryption import KeyRing
from db.session import SyncDatabase
from settings import Settings
from strava.client import StravaClient

__all__ = ["Services"]


@dataclass(frozen=True)
class Services:
    """Of one process, made after the fork."""

    settings: Settings
    database: SyncDatabase
    strava: StravaClient
    keys: KeyRing
    log: logging.Logger
