"""The enums of the schema: the Python enums of the rules and tables, with descriptions."""

from enum import Enum, StrEnum
from typing import TypeVar

import strawberry

from athletics.age_grade_table import AgeGradeTable, Sex
from athletics.distance import StandardDistance
from athletics.effort_provenance import EffortProvenance
from athletics.race_prediction import PredictionMethod
from athletics.split import SplitUnit
from db.models import (
    ActivitySource,
    ImportOutcome,
    JobErrorCode,
    JobKind,
    JobStatus,
    MeasurementSystem,
    RecordingChoice,
    Scope,
    Visibility,
)

E = TypeVar("E", bound=type[Enum])


class LeaderboardBasis(StrEnum):
    """What to order a leaderboard by."""

    ELAPSED_TIME = "ELAPSED_TIME"
    AGE_GRADE = "AGE_GRADE"


class SummaryPeriod(StrEnum):
    """Length of a period in a training summary."""

    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


class SyncMode(StrEnum):
    """How much a sync reads."""

    INCREMENTAL = "INCREMENTAL"
    FULL = "FULL"


class OrderDirection(StrEnum):
    """Sort direction."""

    ASC = "ASC"
    DESC = "DESC"


class ActivityOrderField(StrEnum):
    """Fields to order activities by."""

    STARTED_AT = "STARTED_AT"
    DISTANCE = "DISTANCE"
    MOVING_TIME = "MOVING_TIME"
    ELAPSED_TIME = "ELAPSED_TIME"


class AthleteOrderField(StrEnum):
    """Fields to order athletes by."""

    JOINED = "JOINED"
    LAST_NAME = "LAST_NAME"


class StravaQuotaWindow(StrEnum):
    """How long a window of Strava's quota is."""

    QUARTER_HOUR = "QUARTER_HOUR"
    DAY = "DAY"


class StravaRequests(StrEnum):
    """Which requests a limit of Strava's quota counts."""

    ALL = "ALL"
    READS = "READS"


class UserErrorCode(StrEnum):
    """Why a mutation was refused."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    CONFLICT = "CONFLICT"
    NOT_CONNECTED = "NOT_CONNECTED"
    RATE_LIMITED = "RATE_LIMITED"
    UNAVAILABLE = "UNAVAILABLE"


_IF_UNKNOWN: dict[type[Enum], str | None] = {
    StandardDistance: "show `distanceLabel`, which is always given beside it",
    AgeGradeTable: "show its name",
    EffortProvenance: "show nothing",
    ActivitySource: "treat it as FILE: the activity did not come from Strava",
    RecordingChoice: "treat it as BY_RULES",
    Visibility: "treat it as ONLY_ME",
    Scope: "ignore it",
    JobKind: "show its name: every job has status, progress and error",
    ImportOutcome: "show `message`, which is always given beside it",
    JobErrorCode: "treat it as INTERNAL and show `message`; `retryable` says whether to try again",
    UserErrorCode: "treat it as INVALID and show `message`, which is always given beside it",
    PredictionMethod: "show its name",
    StravaQuotaWindow: "show its name",
    StravaRequests: "show its name",
    Sex: None,
    JobStatus: None,
    MeasurementSystem: None,
}
"""Enums that fields return: what a client does with a value that it does not know.

None: no value will be added, so that a client may handle each one.
"""


def _description(enum: type[Enum], description: str) -> str:
    if enum not in _IF_UNKNOWN:
        return description  # only arguments have it, so more values break no client
    if_unknown = _IF_UNKNOWN[enum]
    if if_unknown is None:
        return f"{description} No value will be added."
    return f"{description} Values may be added: if you do not know one, {if_unknown}."


def _describe(enum: E, description: str, values: dict[str, str] | None = None) -> E:
    described = strawberry.enum(enum, description=_description(enum, description))
    definition = described.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = (values or {}).get(value.name)
    return described


_describe(
    StandardDistance,
    "Distances of best efforts and personal bests.",
    {distance.name: f"{distance.meters:,.10g} meters." for distance in StandardDistance},
)
_describe(
    PredictionMethod,
    "How a time over one distance is predicted from a time over another, at most 4.25 times as "
    "long or as short.",
    {
        "RIEGEL": "Times are as the distances to the power 1.06 (Riegel 1981), from 3.5 "
        "to 230 minutes.",
        "CAMERON": "Speeds are as those of the fastest people over the distances (Cameron), from "
        "800 meters to the marathon.",
    },
)
_describe(
    Sex,
    "Sex of the standards for age grades.",
    {"FEMALE": "Women.", "MALE": "Men."},
)
_describe(
    AgeGradeTable,
    "Table of age standards.",
    {
        "ROAD_2015": "Road, 2015. Covers 5 km to 200 km.",
        "ROAD_2020": "Road, 2020. Covers 1 mile to 200 km.",
        "ROAD_2025": "Road, 2025. Covers 1 mile to 200 km.",
        "TRACK_2023": "Track (WMA), 2023. Covers 100 m to 10,000 m.",
    },
)
_describe(
    EffortProvenance,
    "What a best effort was measured from.",
    {
        "STREAM": "Samples of the recording.",
        "STRAVA": "Strava's own best efforts. Used if the recording has no samples, or "
        "if its track "
        "has breaks and lacks the distance.",
        "WHOLE_ACTIVITY": "The whole activity, from 0.2 % shorter (1 % where the "
        "distance was rounded) to "
        "1 % longer than the distance. Its time also counts over a shorter distance "
        "that was run slower.",
    },
)
_describe(
    MeasurementSystem,
    "Units an athlete prefers. The API itself uses meters and seconds.",
    {"METRIC": "Kilometers.", "IMPERIAL": "Miles."},
)
_describe(
    SplitUnit,
    "Length of a split.",
    {"KILOMETER": "1,000 m.", "MILE": "1,609.344 m."},
)
_describe(
    ActivitySource,
    "Where an activity came from.",
    {"STRAVA": "Synced from Strava.", "FILE": "Read from a file."},
)
_describe(
    RecordingChoice,
    "What an athlete said of a recording among those of its run.",
    {
        "BY_RULES": "Nothing. The recording counts that lacks the fewest best efforts, "
        "then one with "
        "samples, then the one with the most columns, then the one that started first.",
        "CHOSEN": "It counts for its run.",
        "SEPARATE": "It is a run of its own.",
    },
)
_describe(
    Visibility,
    "Visibility of an activity on Strava. On this server, other athletes see only "
    "EVERYONE activities.",
    {
        "EVERYONE": "Visible to everyone.",
        "FOLLOWERS_ONLY": "Visible to the athlete's followers on Strava.",
        "ONLY_ME": "Visible only to the athlete.",
    },
)
_describe(
    Scope,
    "What a caller may do.",
    {
        "READ": "Read everything visible to the account, and send feedback.",
        "SYNC": "Start and cancel jobs, change the athlete's own data, create and revoke API "
        "tokens. Includes READ.",
        "ADMIN": "Read and change everything. Includes READ and SYNC. Works only while the "
        "account is an administrator.",
    },
)
_describe(
    JobKind,
    "What a job does.",
    {
        "STRAVA_SYNC": "Fetches activities from Strava and derives best efforts, personal bests "
        "and age grades.",
        "STRAVA_WEBHOOK": "Applies one change that Strava reported.",
        "STRAVA_DISCONNECT": "Revokes the access to Strava and keeps the data.",
        "PERSONAL_BESTS": "Recalculates best efforts and personal bests.",
        "AGE_GRADES": "Recalculates age grades.",
        "ERASE_ATHLETE": "Revokes the access to Strava and deletes all data imported from it.",
        "IMPORT": "Imports recordings from uploaded files.",
        "EXPORT": "Makes an archive of all data of an athlete, to be downloaded.",
    },
)
_describe(
    ImportOutcome,
    "What an import made of a file.",
    {
        "IMPORTED": "A new activity.",
        "SAME_AS": "The same content was imported before. Nothing has changed.",
        "UPDATED": "The activity was imported before. What the archive tells of it has changed it.",
        "SKIPPED": "No recording: another kind of file, a plan or course, a link, a path that "
        "leaves the archive.",
        "FAILED": "It cannot be read. The message says why, and what to do.",
    },
)
_describe(
    JobStatus,
    "State of a job.",
    {
        "QUEUED": "Waiting for a worker.",
        "RUNNING": "A worker is processing it.",
        "WAITING": "Paused until `waitingUntil`. Occupies no worker.",
        "SUCCEEDED": "Finished successfully.",
        "FAILED": "Ended with an error. See `error`.",
        "CANCELLED": "Cancelled on request.",
    },
)
_describe(
    JobErrorCode,
    "Why a job failed or was cancelled.",
    {
        "STRAVA_UNAUTHORIZED": "Strava no longer accepts the connection. Connect again.",
        "STRAVA_SCOPE_MISSING": "The athlete did not grant a required permission. Connect again "
        "and tick all boxes.",
        "STRAVA_APP_INACTIVE": "Strava deactivated this server's application. The operator "
        "must renew it.",
        "STRAVA_ATHLETE_LIMIT": "This server's Strava application has reached its athlete limit.",
        "STRAVA_RATE_LIMITED": "This server's Strava quota is used up.",
        "STRAVA_UNAVAILABLE": "Strava did not respond.",
        "STRAVA_BAD_DATA": "Strava sent data that could not be read.",
        "CANCELLED": "Cancelled on request.",
        "TIMED_OUT": "The job took too long.",
        "INTERNAL": "Error of this server. Its log has the details.",
    },
)
_describe(
    LeaderboardBasis,
    "What to order a leaderboard by.",
    {
        "ELAPSED_TIME": "Fastest first.",
        "AGE_GRADE": "Highest age grade first. Bests without an age grade are omitted.",
    },
)
_describe(
    SummaryPeriod,
    "Length of a period in a training summary. Days are local to the athlete.",
    {"WEEK": "Week, Monday to Sunday.", "MONTH": "Calendar month.", "YEAR": "Calendar year."},
)
_describe(
    SyncMode,
    "How much a sync reads.",
    {
        "INCREMENTAL": "Activities that began since 7 days before the last sync, with "
        "all that is new or "
        "changed in them. Older ones that were uploaded late, changed or deleted are "
        "found at once where "
        "Strava reports changes, else by the server's own sync of everything each "
        "night, else by FULL. "
        "The first sync reads all, newest first.",
        "FULL": "All activities: finds late uploads, crops and corrections of any age, and deletes "
        "activities that were deleted on Strava. The server does so itself each night.",
    },
)
_describe(
    StravaQuotaWindow,
    "Length of a window of Strava's quota.",
    {
        "QUARTER_HOUR": "15 minutes, from each full quarter of an hour on.",
        "DAY": "A day, from midnight UTC on.",
    },
)
_describe(
    StravaRequests,
    "Requests that a limit of Strava's quota counts.",
    {"ALL": "All requests.", "READS": "Requests that read, which nearly all do."},
)
_describe(
    OrderDirection,
    "Sort direction.",
    {
        "ASC": "Ascending: smallest or earliest first.",
        "DESC": "Descending: largest or latest first.",
    },
)
_describe(
    ActivityOrderField,
    "Fields to order activities by.",
    {
        "STARTED_AT": "Start time.",
        "DISTANCE": "Distance.",
        "MOVING_TIME": "Moving time, without pauses.",
        "ELAPSED_TIME": "Elapsed time, including pauses.",
    },
)
_describe(
    AthleteOrderField,
    "Fields to order athletes by.",
    {"JOINED": "Time the athlete joined this server.", "LAST_NAME": "Last name."},
)
_describe(
    UserErrorCode,
    "Why a mutation was refused.",
    {
        "UNAUTHENTICATED": "The caller is not signed in.",
        "FORBIDDEN": "The caller lacks the required scope.",
        "NOT_FOUND": "The object does not exist or is not visible to the caller.",
        "INVALID": "A value is invalid. The message says what is valid.",
        "CONFLICT": "Not possible in the current state.",
        "NOT_CONNECTED": "The athlete is not connected to Strava.",
        "RATE_LIMITED": "A budget is used up. `retryAt` says when to try again.",
        "UNAVAILABLE": "Something that this server needs does not answer. Nothing was changed.",
    },
)
