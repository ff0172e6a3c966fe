"""The enums of the schema: the same Python enums that the rules and the tables use, with words for clients."""

from enum import Enum, StrEnum
from typing import TypeVar

import strawberry

from athletics.activity_effort import EffortProvenance
from athletics.age_grade import AgeGradeTable, Sex
from athletics.distance import StandardDistance
from db.models import ActivitySource, JobErrorCode, JobKind, JobStatus, MeasurementSystem, Scope, Visibility

E = TypeVar("E", bound=type[Enum])


class LeaderboardBasis(StrEnum):
    """What a leaderboard is ordered by."""

    ELAPSED_TIME = "ELAPSED_TIME"
    AGE_GRADE = "AGE_GRADE"


class SummaryPeriod(StrEnum):
    """The spans a training summary sums over."""

    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


class SyncMode(StrEnum):
    """How much a sync reads."""

    INCREMENTAL = "INCREMENTAL"
    FULL = "FULL"


class OrderDirection(StrEnum):
    """Which way a list runs."""

    ASC = "ASC"
    DESC = "DESC"


class ActivityOrderField(StrEnum):
    """What activities are ordered by."""

    STARTED_AT = "STARTED_AT"
    DISTANCE = "DISTANCE"
    MOVING_TIME = "MOVING_TIME"
    ELAPSED_TIME = "ELAPSED_TIME"


class AthleteOrderField(StrEnum):
    """What athletes are ordered by."""

    JOINED = "JOINED"
    LAST_NAME = "LAST_NAME"


class UserErrorCode(StrEnum):
    """Why a mutation did not do what was asked."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    CONFLICT = "CONFLICT"
    NOT_CONNECTED = "NOT_CONNECTED"


def _describe(enum: E, description: str, values: dict[str, str] | None = None) -> E:
    described = strawberry.enum(enum, description=description)
    definition = described.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = (values or {}).get(value.name)
    return described


_describe(
    StandardDistance,
    "The distances over which best efforts and personal bests are kept.",
    {distance.name: f"{distance.meters:,} metres." for distance in StandardDistance},
)
_describe(Sex, "The sex whose standards an age grade is measured against.", {"FEMALE": "Women.", "MALE": "Men."})
_describe(
    AgeGradeTable,
    "The table an age grade was read from.",
    {
        "ROAD_2015": "Road, 2015: 5 km to 200 km.",
        "ROAD_2020": "Road, 2020: 1 mile to 200 km.",
        "ROAD_2025": "Road, 2025: 1 mile to 200 km.",
        "TRACK_2023": "Track (WMA), 2023: 100 m to 10,000 m.",
    },
)
_describe(
    EffortProvenance,
    "What a best effort was read from.",
    {
        "STREAM": "The recording's samples.",
        "STRAVA": "Strava's own best efforts, where the recording has no samples.",
        "WHOLE_ACTIVITY": "The whole activity, its distance being at most 1 % longer.",
    },
)
_describe(
    MeasurementSystem,
    "Units an athlete wants to see. The API itself speaks metres and seconds.",
    {"METRIC": "Kilometres.", "IMPERIAL": "Miles."},
)
_describe(
    ActivitySource, "Where an activity came from.", {"STRAVA": "Synced from Strava.", "FILE": "Uploaded as a file."}
)
_describe(
    Visibility,
    "Who may see an activity on Strava. Others than the athlete see at most EVERYONE here.",
    {"EVERYONE": "Everyone.", "FOLLOWERS_ONLY": "The athlete's followers on Strava.", "ONLY_ME": "The athlete alone."},
)
_describe(
    Scope,
    "What a caller may do.",
    {
        "READ": "Read what the account may see; send feedback.",
        "SYNC": "Also start and stop jobs, change the athlete's own data, make and revoke API tokens. Includes READ.",
        "ADMIN": "See and do everything. Includes READ and SYNC. Works only while the account administers.",
    },
)
_describe(
    JobKind,
    "What a job does.",
    {
        "STRAVA_SYNC": "Fetches activities from Strava and derives efforts, bests and age grades.",
        "STRAVA_WEBHOOK": "Follows one change that Strava told of.",
        "STRAVA_DISCONNECT": "Withdraws the access to Strava and keeps the data.",
        "PERSONAL_BESTS": "Derives best efforts and personal bests anew.",
        "AGE_GRADES": "Grades all efforts anew.",
        "ERASE_ATHLETE": "Withdraws the access to Strava and deletes all that came from it.",
    },
)
_describe(
    JobStatus,
    "Where a job is.",
    {
        "QUEUED": "Waits for a worker.",
        "RUNNING": "A worker is at it.",
        "WAITING": "Goes on at `waitingUntil`, and holds no worker until then.",
        "SUCCEEDED": "Done.",
        "FAILED": "Given up; `error` says why.",
        "CANCELLED": "Stopped by request.",
    },
)
_describe(
    JobErrorCode,
    "Why a job failed.",
    {
        "STRAVA_UNAUTHORIZED": "Strava no longer accepts the connection: connect again.",
        "STRAVA_SCOPE_MISSING": "The athlete did not grant what is needed: connect again and tick all boxes.",
        "STRAVA_APP_INACTIVE": "Strava has switched this server's application off: its operator must renew it.",
        "STRAVA_ATHLETE_LIMIT": "This server's Strava application has as many athletes as it may.",
        "STRAVA_RATE_LIMITED": "Strava's quota is used up.",
        "STRAVA_UNAVAILABLE": "Strava did not answer.",
        "STRAVA_BAD_DATA": "Strava answered what cannot be read.",
        "CANCELLED": "Stopped by request.",
        "INTERNAL": "An error of this server; its log tells more.",
    },
)
_describe(
    LeaderboardBasis,
    "What a leaderboard is ordered by.",
    {"ELAPSED_TIME": "Fastest first.", "AGE_GRADE": "Highest age grade first; bests without one are left out."},
)
_describe(
    SummaryPeriod,
    "The spans a training summary sums over, in days at the athlete's place.",
    {"WEEK": "Monday to Sunday.", "MONTH": "Calendar months.", "YEAR": "Calendar years."},
)
_describe(
    SyncMode,
    "How much a sync reads.",
    {
        "INCREMENTAL": "What is new since the last sync, and changes of the last 7 days; all the first time.",
        "FULL": "All activities again: older edits are followed, and what is gone from Strava is deleted here.",
    },
)
_describe(OrderDirection, "Which way a list runs.", {"ASC": "Least first.", "DESC": "Greatest first."})
_describe(
    ActivityOrderField,
    "What activities are ordered by.",
    {
        "STARTED_AT": "When they began.",
        "DISTANCE": "Their length.",
        "MOVING_TIME": "Their time without pauses.",
        "ELAPSED_TIME": "Their time with pauses.",
    },
)
_describe(
    AthleteOrderField,
    "What athletes are ordered by.",
    {"JOINED": "When they came to this server.", "LAST_NAME": "Their last name."},
)
_describe(
    UserErrorCode,
    "Why a mutation did not do what was asked.",
    {
        "UNAUTHENTICATED": "Nobody is signed in.",
        "FORBIDDEN": "The caller lacks the scope.",
        "NOT_FOUND": "Absent, or not visible to the caller.",
        "INVALID": "A value cannot be used; the message says what would do.",
        "CONFLICT": "Not possible in the present state.",
        "NOT_CONNECTED": "The athlete is not connected to Strava.",
    },
)
