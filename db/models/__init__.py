"""The tables, one module a concept. Importing this package maps all of them."""

from db.models.account import Account, ApiToken, BrowserSession, Scope, UsedSignIn
from db.models.activity import Activity, ActivitySource, ActivityStreams, StreamsState, Visibility
from db.models.athlete import Athlete, MeasurementSystem
from db.models.base import Base
from db.models.best_effort import BestEffort
from db.models.data_change import DataChange
from db.models.feedback import Feedback
from db.models.job import ACTIVE, ENDED, Job, JobErrorCode, JobKind, JobStatus
from db.models.personal_best import PersonalBest
from db.models.strava_connection import StravaConnection

__all__ = [
    "ACTIVE",
    "ENDED",
    "Account",
    "Activity",
    "ActivitySource",
    "ActivityStreams",
    "ApiToken",
    "Athlete",
    "Base",
    "BestEffort",
    "BrowserSession",
    "DataChange",
    "Feedback",
    "Job",
    "JobErrorCode",
    "JobKind",
    "JobStatus",
    "MeasurementSystem",
    "PersonalBest",
    "Scope",
    "StravaConnection",
    "StreamsState",
    "UsedSignIn",
    "Visibility",
]
