"""What the routes answer with, in the older service's names: both, where its answers had two for the same."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Uuid = Annotated[
    str,
    Field(description="The older service's where it came from there.", json_schema_extra={"format": "uuid"}),
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Athlete(_Answer):
    """An athlete."""

    id: Uuid
    graphql_id: str = Field(description="Its id in GraphQL.")
    display_name: str
    first_name: str
    last_name: str
    sex: Literal["M", "F"] | None = Field(description="Null where not given.")
    birthdate: date | None = Field(description="Null where not given, and for others than the athlete.")
    city: str | None
    country: str | None
    strava_athlete_id: int | None = Field(description="Null where not connected, and for others than the athlete.")
    created_at: datetime
    email: None = Field(description="Not known here.")
    subscription_tier: None = Field(description="There are none here.")


class AgeGrade(_Answer):
    """How good a time is for age and sex."""

    percent: float = Field(description="Age standard / time, in percent.")
    age_on_day: int = Field(description="Completed years on the day.")
    sex: Literal["M", "F"]
    table: str = Field(description="The table that was used, as ROAD_2025.")
    age_factor: float
    open_standard_s: float = Field(description="In seconds.")
    age_standard_s: float = Field(description="In seconds.")
    age_graded_time_s: float = Field(description="In seconds.")


class BestEffort(_Answer):
    """The fastest stretch over a standard distance inside one run."""

    id: Uuid
    graphql_id: str
    distance_category: str = Field(description="As 5k, mile, half_marathon.")
    distance_meters: float
    time_seconds: float = Field(description="Pauses included.")
    achieved_at: datetime
    rank: int = Field(description="Its place among the athlete's efforts over the distance, from 1.")
    is_personal_best: bool
    age_grade: AgeGrade | None


class Activity(_Answer):
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
    start_time_local: str = Field(description="The clock at the athlete's place, without offset.")
    timezone: str
    distance_m: float = Field(description="In metres.")
    distance: float = Field(description="The same as `distance_m`.")
    duration_s: int = Field(description="Without pauses, in seconds.")
    moving_time: int = Field(description="The same as `duration_s`.")
    elapsed_time: int = Field(description="With pauses, in seconds.")
    total_elevation_gain: float | None = Field(description="In metres.")
    average_speed: float | None = Field(description="In metres a second.")
    avg_hr: float | None = Field(description="In beats a minute.")
    average_heartrate: float | None = Field(description="The same as `avg_hr`.")
    max_hr: float | None = Field(description="In beats a minute.")
    average_cadence: float | None = Field(description="In revolutions a minute.")
    pace_per_mile: str | None = Field(description="As 8:03/mi.")
    duration_formatted: str | None = Field(description="As 42:10 or 1:42:10.")
    visibility: Literal["everyone", "followers_only", "only_me"]
    is_race: None = Field(description="Not known here.")
    splits: list[Any] = Field(max_length=0, description="None are kept here.")


class ActivityDetail(Activity):
    """An activity with its best efforts."""

    best_efforts: list[BestEffort]


class ActivityAgeGrade(_Answer):
    """How good an activity is for age and sex."""

    activity_id: Uuid
    graphql_id: str = Field(description="The activity's id in GraphQL.")
    performance_percentage: float | None = Field(
        description="In percent; null where it is no run, or birth date or sex is not known or not shown."
    )
    distance_category: str | None = Field(description="What was graded: its best effort over the longest distance.")
    age_grade: AgeGrade | None


class PersonalBest(_Answer):
    """An athlete's best over a distance."""

    id: Uuid
    graphql_id: str
    athlete_id: Uuid
    activity_id: Uuid
    distance_category: str = Field(description="As 5k, mile, half_marathon.")
    distance_meters: float
    time_seconds: float = Field(description="Pauses included.")
    pace_per_mile: float = Field(description="In minutes a mile.")
    achieved_at: datetime
    age_at_achievement: int | None
    age_grade: float | None = Field(description="In percent; null where birth date or sex is not known or not shown.")
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


class Task(_Answer):
    """A task that was started, or ran already."""

    task_id: str = Field(description="To ask for its state with, here or in GraphQL: the job's id.")
    status: Literal["queued"]


class TaskProgress(_Answer):
    """How far a task is."""

    done: int
    total: int | None
    percent: float | None
    estimated_seconds_left: float | None
    message: str | None


class TaskResult(_Answer):
    """What a task has changed so far."""

    activities_created: int
    activities_updated: int
    activities_deleted: int
    personal_bests_changed: int


class TaskState(_Answer):
    """Where a task is."""

    task_id: str
    status: Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
    kind: str
    progress: TaskProgress
    result: TaskResult | None
    error: str | None = Field(description="Why it failed, for people.")
    error_code: str | None = Field(description="Why it failed, for programs.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting_until: datetime | None


class FeedbackKept(_Answer):
    """What was said arrived."""

    status: Literal["received"]


class Health(_Answer):
    """Whether the API and what it depends on works."""

    status: Literal["healthy", "unhealthy"]
    version: str
    database: str = Field(description="connected, or why not.")
    redis: str = Field(description="connected, or why not.")
    checks: dict[str, Literal["healthy", "unhealthy"]]


class Problem(BaseModel):
    """One thing that is wrong."""

    message: str
    extensions: dict[str, Any] = Field(description="`code`, stable, for programs; `field` where one is at fault.")


class Problems(BaseModel):
    """An error's answer."""

    errors: list[Problem]
    detail: str | list[dict[str, Any]] = Field(description="The same, as FastAPI says it.")
