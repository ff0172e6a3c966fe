"""The services that a task gets, in addition to its attempt."""

import logging
from dataclasses import dataclass

from redis import Redis

from db.encryption import KeyRing
from db.session import SyncDatabase
from settings import Settings
from strava.client import StravaClient
from strava.shared_quota.gate import QuotaGate


@dataclass(frozen=True)
class TaskServices:
    """Services of one process, created after the fork."""

    settings: Settings
    database: SyncDatabase
    strava: StravaClient
    quota: QuotaGate
    keys: KeyRing
    redis: Redis
    log: logging.Logger
