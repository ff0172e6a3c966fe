"""Inputs and payloads of the mutations that change an athlete's own data."""

from datetime import date

import strawberry

from athletics.age_grade import Sex
from db.models import MeasurementSystem
from graph.refusal import Payload
from graph.types.athlete import Athlete
from graph.types.best_effort import BestEffort
from graph.types.job import Job


@strawberry.input(description="Changes of an athlete's data. What is not given stays; null clears what may be null.")
class UpdateAthleteInput:
    """Input of updateAthlete."""

    athlete_id: strawberry.ID = strawberry.field(description="Whose data.")
    first_name: str | None = strawberry.field(default=strawberry.UNSET, description="At most 100 characters; not null.")
    last_name: str | None = strawberry.field(default=strawberry.UNSET, description="At most 100 characters; not null.")
    sex: Sex | None = strawberry.field(default=strawberry.UNSET, description="Whose standards age grades use.")
    birth_date: date | None = strawberry.field(
        default=strawberry.UNSET, description="From 1900 on, and not in the future. Age grades need it."
    )
    city: str | None = strawberry.field(default=strawberry.UNSET, description="At most 100 characters.")
    country: str | None = strawberry.field(default=strawberry.UNSET, description="At most 100 characters.")
    measurement_system: MeasurementSystem | None = strawberry.field(
        default=strawberry.UNSET, description="Units the athlete wants to see; not null."
    )
    shares: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether others may see the athlete where this server allows it; not null.",
    )
    shares_age_grades: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether those others may see age grades too, which tell the athlete's age; not null.",
    )


@strawberry.type(description="The changed athlete.")
class UpdateAthletePayload(Payload):
    """Payload of updateAthlete."""

    athlete: Athlete | None = strawberry.field(default=None, description="The athlete as changed; null when refused.")
    job: Job | None = strawberry.field(
        default=None, description="The job that grades anew, where sex or birth date changed; else null."
    )


@strawberry.input(description="A best effort, and whether it is to count.")
class ExcludeBestEffortInput:
    """Input of excludeBestEffort."""

    best_effort_id: strawberry.ID = strawberry.field(description="Which effort.")
    excluded: bool = strawberry.field(description="true: it no longer ranks and counts; false: it does again.")


@strawberry.type(description="The changed effort. Ranks and personal bests have followed.")
class ExcludeBestEffortPayload(Payload):
    """Payload of excludeBestEffort."""

    best_effort: BestEffort | None = strawberry.field(default=None, description="The effort; null when refused.")
    athlete: Athlete | None = strawberry.field(default=None, description="Whose it is; null when refused.")
