"""Inputs and payloads of the mutations that change an athlete's own data."""

from datetime import date
from typing import Any

import strawberry

from athletics.age_grade_table import Sex
from athletics.training_load import (
    LEAST_MAX_BPM,
    LEAST_RESTING_BPM,
    MOST_MAX_BPM,
    MOST_RESTING_BPM,
)
from db.models import MeasurementSystem
from graph.types.athlete import Athlete
from graph.types.best_change import PersonalBestChange, best_changes
from graph.types.best_effort import BestEffort
from graph.types.job import Job
from graph.types.payload import Payload, idempotency_key


@strawberry.input(description="Heart rate zones from a day on.")
class HeartRateZonesInput:
    """Zones in the input of updateAthlete."""

    valid_from: date = strawberry.field(
        description="First local day on which they hold, until those of a later day."
    )
    lowest_beats_per_minute: list[int] = strawberry.field(
        description="Lowest heart rate of each zone, rising, from 0 to 250. At most 10. Empty: the "
        "zones of this day are removed."
    )


@strawberry.input(
    description="Changes to an athlete's data. Omitted fields stay as they are. Null clears a "
    "field that may be null."
)
class UpdateAthleteInput:
    """Input of updateAthlete."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    first_name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="First name. At most 100 characters. Must not be null.",
    )
    last_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Last name. At most 100 characters. Must not be null."
    )
    sex: Sex | None = strawberry.field(
        default=strawberry.UNSET, description="Sex of the standards used for age grades."
    )
    birth_date: date | None = strawberry.field(
        default=strawberry.UNSET,
        description="Date of birth, from 1900 on and not in the future. Required for age grades.",
    )
    city: str | None = strawberry.field(
        default=strawberry.UNSET, description="City. At most 100 characters."
    )
    country: str | None = strawberry.field(
        default=strawberry.UNSET, description="Country. At most 100 characters."
    )
    measurement_system: MeasurementSystem | None = strawberry.field(
        default=strawberry.UNSET, description="Units the athlete prefers. Must not be null."
    )
    shares: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether other athletes may see the athlete, if this server allows sharing. "
        "Must not be null.",
    )
    shares_age_grades: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether they may also see age grades, which reveal the athlete's age. Must "
        "not be null.",
    )
    hidden_radius_meters: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Radius around the start and end of each route within which other athletes see "
        "no part of it: 100 to 5000 meters, or 0 to hide nothing. Must not be null.",
    )
    resting_heart_rate: int | None = strawberry.field(
        default=strawberry.UNSET,
        description=f"Heart rate at rest, {LEAST_RESTING_BPM} to {MOST_RESTING_BPM} beats per "
        "minute. Required for training load.",
    )
    max_heart_rate: int | None = strawberry.field(
        default=strawberry.UNSET,
        description=f"Maximum heart rate, {LEAST_MAX_BPM} to {MOST_MAX_BPM} beats per minute. "
        "Required for training load.",
    )
    heart_rate_zones: HeartRateZonesInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="Heart rate zones from a day on; those of other days stay. Must not be null.",
    )
    idempotency_key: str | None = idempotency_key("changes nothing again and returns the same job")

    def given(self) -> dict[str, Any]:
        """Get the changes by name. A given field may be None."""
        return {
            name: value
            for name, value in vars(self).items()
            if value is not strawberry.UNSET and name not in {"athlete_id", "idempotency_key"}
        }


@strawberry.type(description="Result of `updateAthlete`.")
class UpdateAthletePayload(Payload):
    """Payload of updateAthlete."""

    athlete: Athlete | None = strawberry.field(
        default=None, description="The changed athlete. Null if refused."
    )
    job: Job | None = strawberry.field(
        default=None,
        description="The job that recalculates after a change of sex or birth date. Null if there "
        "is none.",
    )


@strawberry.input(description="The best effort to exclude or include.")
class ExcludeBestEffortInput:
    """Input of excludeBestEffort."""

    best_effort_id: strawberry.ID = strawberry.field(description="Global id of the best effort.")
    excluded: bool = strawberry.field(
        description="true: exclude the effort from rankings and personal bests. false: include it "
        "again."
    )


@strawberry.type(
    description="Result of `excludeBestEffort`. Ranks and personal bests are already updated."
)
class ExcludeBestEffortPayload(Payload):
    """Payload of excludeBestEffort."""

    best_effort: BestEffort | None = strawberry.field(
        default=None, description="The changed effort. Null if refused."
    )
    athlete: Athlete | None = strawberry.field(
        default=None, description="The athlete of the effort. Null if refused."
    )
    personal_best_changes: list[PersonalBestChange] = best_changes()
