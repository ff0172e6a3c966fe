"""The tables, one module for each concept. Importing this package maps all of them."""

from db.models.account import Account
from db.models.activity import (
    Activity,
    ActivitySource,
    RecordingChoice,
    StreamsState,
    Visibility,
)
from db.models.activity_lap import ActivityLap
from db.models.activity_route import ActivityRoute
from db.models.activity_split import ActivitySplit
from db.models.api_token import ApiToken, Scope
from db.models.athlete import NAMELESS, Athlete, MeasurementSystem
from db.models.athlete_change import AthleteChange
from db.models.base import Base
from db.models.best_effort import BestEffort
from db.models.browser_session import BrowserSession
from db.models.data_change import DataChange
from db.models.deleted_activity import DeletedActivity
from db.models.erasure import Erasure, ErasureCause
from db.models.export import Export
from db.models.feedback import Feedback
from db.models.gear import Gear
from db.models.heart_rate import ActivityHeartRates, HeartRateZone
from db.models.idempotency_key import IdempotencyKey
from db.models.import_entry import ImportEntry, ImportOutcome
from db.models.imported_file import ImportedFile
from db.models.job import (
    ACTIVE,
    ENDED,
    NEED_CONNECTION,
    NOT_SUCCEEDED,
    URGENT,
    Job,
    JobErrorCode,
    JobKind,
    JobStatus,
)
from db.models.job_problem import JobProblem
from db.models.kept_choice import KeptChoice
from db.models.old_id import OldId
from db.models.original import Original, OriginalPlace, OriginalRemoval, OriginalRoom
from db.models.personal_best import PersonalBest
from db.models.schema_use import SchemaUse
from db.models.sign_in import UsedSignIn
from db.models.strava_connection import (
    ASKED_SCOPES,
    PROFILE_SCOPE,
    FormerConnection,
    StravaConnection,
)
from db.models.strava_event import StravaEvent, StravaObject
from db.models.strava_quota import StravaQuota
from db.models.strava_trouble import StravaTrouble
from db.models.stream import ActivityStreamLevel, ActivityStreams, MovedSamples, SamplesPlace
from db.models.sync_budget import EventBudget, SyncBudget
from db.models.sync_problem import SyncProblem, SyncStage
from db.models.upload import Upload

__all__ = [
    "ACTIVE",
    "ASKED_SCOPES",
    "ENDED",
    "NAMELESS",
    "NEED_CONNECTION",
    "NOT_SUCCEEDED",
    "PROFILE_SCOPE",
    "URGENT",
    "Account",
    "Activity",
    "ActivityHeartRates",
    "ActivityLap",
    "ActivityRoute",
    "ActivitySource",
    "ActivitySplit",
    "ActivityStreamLevel",
    "ActivityStreams",
    "ApiToken",
    "Athlete",
    "AthleteChange",
    "Base",
    "BestEffort",
    "BrowserSession",
    "DataChange",
    "DeletedActivity",
    "Erasure",
    "ErasureCause",
    "EventBudget",
    "Export",
    "Feedback",
    "FormerConnection",
    "Gear",
    "HeartRateZone",
    "IdempotencyKey",
    "ImportEntry",
    "ImportOutcome",
    "ImportedFile",
    "Job",
    "JobErrorCode",
    "JobKind",
    "JobProblem",
    "JobStatus",
    "KeptChoice",
    "MeasurementSystem",
    "MovedSamples",
    "OldId",
    "Original",
    "OriginalPlace",
    "OriginalRemoval",
    "OriginalRoom",
    "PersonalBest",
    "RecordingChoice",
    "SamplesPlace",
    "SchemaUse",
    "Scope",
    "StravaConnection",
    "StravaEvent",
    "StravaObject",
    "StravaQuota",
    "StravaTrouble",
    "StreamsState",
    "SyncBudget",
    "SyncProblem",
    "SyncStage",
    "Upload",
    "UsedSignIn",
    "Visibility",
]
