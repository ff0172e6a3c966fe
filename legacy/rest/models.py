"""Response bodies of the routes, with the older service's field names, duplicates included."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Uuid = Annotated[
    str,
    Field(
        description="The older service's id for adopted objects.",
        json_schema_extra={"format": "uuid"},
    ),
]


class _RestModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Athlete(_RestModel):
    """An athlete."""

    id: Uuid
    graphql_id: str = Field(description="Its id in GraphQL.")
    display_name: str
    first_name: str
    last_name: str
    sex: Literal["M", "F"] | None = Field(description="Null if not given.")
    birthdate: date | None = Field(
        description="Null if not given, and for other callers than the athlete."
    )
    city: str | None
    country: str | None
    strava_athlete_id: int | None = Field(
        description="Null if not connected, and for other callers than the athlete."
    )
    created_at: datetime
    email: None = Field(description="Not known here.")
    subscription_tier: None = Field(description="Always null: pacegraph has no paid tiers.")


class AgeGrade(_RestModel):
    """A time compared with the standard for age and sex."""

    percent: float = Field(description="Age standard / time, in percent.")
    age_on_day: int = Field(description="Completed years on the day.")
    sex: Literal["M", "F"]
    table: str = Field(description="The table that was used, as ROAD_2025.")
    age_factor: float
    open_standard_s: float = Field(description="In seconds.")
    age_standard_s: float = Field(description="In seconds.")
    age_graded_time_s: float = Field(description="In seconds.")


class BestEffort(_RestModel):
    """The fastest stretch over a standard distance inside one run."""

    id: Uuid
    graphql_id: str
    distance_category: str = Field(description="As 5k, mile, half_marathon.")
    distance_meters: float
    time_seconds: float = Field(description="Pauses included.")
    achieved_at: datetime
    rank: int = Field(description="Rank among the athlete's efforts over the distance, from 1.")
    is_personal_best: bool
    age_grade: AgeGrade | None


class Activity(_RestModel):
    """An activity."""

    id: Uuid
    graphql_id: str = Field(description="Its id in GraphQL.")
    athlete_id: Uuid
    name: str
    sport: str = Field(description="In small letters, as run.")
    sport_type: str = Field(description="As Strava writes it, as Run.")
    source: Literal["strava", "file"]
    provider: Literal["strava", "file"] = Field(description="The same as `source`.")
    strava_id: int | None
    external_activity_id: str | None = Field(description="`strava_id` as text.")
    start_time: datetime = Field(description="In UTC.")
    start_date: datetime = Field(description="The same as `start_time`.")
    start_time_local: str = Field(description="Local time at the athlete's place, without offset.")
    timezone: str
    distance_m: float = Field(description="In meters.")
    distance: float = Field(description="The same as `distance_m`.")
    duration_s: int = Field(description="Without pauses, in seconds.")
    moving_time: int = Field(description="The same as `duration_s`.")
    elapsed_time: int = Field(description="With pauses, in seconds.")
    total_elevation_gain: float | None = Field(description="In meters.")
    average_speed: float | None = Field(description="In meters per second.")
    avg_hr: float | None = Field(description="In beats per minute.")
    average_heartrate: float | None = Field(description="The same as `avg_hr`.")
    max_hr: float | None = Field(description="In beats per minute.")
    average_cadence: float | None = Field(description="In revolutions per minute.")
    pace_per_mile: str | None = Field(description="As 8:03/mi.")
    duration_formatted: str | None = Field(description="As 42:10 or 1:42:10.")
    visibility: Literal["everyone", "followers_only", "only_me"]
    is_race: None = Field(description="Always null here; GraphQL has it, as `isRace`.")
    splits: list[Any] = Field(
        max_length=0, description="Always empty here; GraphQL has them, as `Activity.splits`."
    )


class ActivityDetail(Activity):
    """An activity with its best efforts."""

    best_efforts: list[BestEffort]


class ActivityAgeGrade(_RestModel):
    """The age grade of an activity."""

    activity_id: Uuid
    graphql_id: str = Field(description="The activity's id in GraphQL.")
    performance_percentage: float | None = Field(
        description="In percent; null if it is not a run, or if birth date or sex is hidden or "
        "unknown."
    )
    distance_category: str | None = Field(
        description="The graded distance: the longest one with a best effort."
    )
    age_grade: AgeGrade | None


class PersonalBest(_RestModel):
    """An athlete's best over a distance."""

    id: Uuid
    graphql_id: str
    athlete_id: Uuid
    activity_id: Uuid
    distance_category: str = Field(description="As 5k, mile, half_marathon.")
    distance_meters: float
    time_seconds: float = Field(description="Pauses included.")
    pace_per_mile: float = Field(description="In minutes per mile.")
    achieved_at: datetime
    age_at_achievement: int | None
    age_grade: float | None = Field(
        description="In percent; null if birth date or sex is hidden or unknown."
    )
    age_grade_table: str | None


class AthleteAgeGrade(AgeGrade):
    """A personal best's age grade."""

    personal_best_id: Uuid
    athlete_id: Uuid
    activity_id: Uuid
    distance_category: str
    distance_m: float
    time_s: float
    achieved_at: datetime


class Task(_RestModel):
    """A task that was started, or was already running."""

    task_id: str = Field(description="The job's id in GraphQL; use it to query the task's state.")
    status: Literal["queued"] = Field(
        description="Always `queued`, also of one that runs; ask for the task's state."
    )


class TaskProgress(_RestModel):
    """The progress of a task."""

    done: int
    total: int | None
    percent: float | None
    estimated_seconds_left: float | None
    message: str | None


class TaskResult(_RestModel):
    """The changes that a task has made so far."""

    activities_created: int
    activities_updated: int
    activities_deleted: int
    personal_bests_changed: int


class TaskState(_RestModel):
    """The state of a task."""

    task_id: str
    status: Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
    kind: str
    progress: TaskProgress
    result: TaskResult | None
    error: str | None = Field(description="Why it failed, as text.")
    error_code: str | None = Field(description="Why it failed, as a stable code.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting_until: datetime | None


class FeedbackKept(_RestModel):
    """Confirms that the message was received."""

    status: Literal["received"]


class Health(_RestModel):
    """The state of the API and its dependencies."""

    status: Literal["healthy", "unhealthy"]
    version: str
    database: str = Field(description="connected, or the reason why not.")
    redis: str = Field(description="connected, or the reason why not.")
    checks: dict[str, Literal["healthy", "unhealthy"]]


class Problem(BaseModel):
    """One error."""

    message: str
    extensions: dict[str, Any] = Field(
        description="A stable `code`, the address of its `documentation`, and the `field` if one is at fault."
    )


class Problems(BaseModel):
    """The body of an error response."""

    errors: list[Problem]
    detail: str | list[dict[str, Any]] = Field(description="The same, in FastAPI's form.")
