"""Who may see which rows and columns, as SQL. Nothing is filtered afterwards.

With the athlete's consent, others see the activities that are visible to everyone and the rows that
belong to them. For others, all that is derived from several rows (ranks, bests, improvements,
totals, which of two recordings represents a run) is derived from these rows alone, so that nothing
reveals a hidden row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    exists,
    false,
    literal_column,
    not_,
    or_,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from db.models import (
    Activity,
    ActivityLap,
    ActivityRoute,
    ActivitySplit,
    ApiToken,
    Athlete,
    Base,
    BestEffort,
    DeletedActivity,
    Export,
    Gear,
    HeartRateZone,
    ImportEntry,
    Job,
    JobProblem,
    Original,
    PersonalBest,
    StravaConnection,
    SyncProblem,
)
from db.models.activity import Visibility
from db.statements.privacy_zone import has_privacy_zone

Expression = ColumnElement[Any] | InstrumentedAttribute[Any]
Condition = ColumnElement[bool] | InstrumentedAttribute[bool]

VIEWER = bindparam("viewer_athlete_id", type_=BigInteger)
VIEWER_ACCOUNT = bindparam("viewer_account_id", type_=BigInteger)


class Audience(Enum):
    """The kinds of viewer that see different rows.

    The audience shapes a statement; the viewer's identity is a parameter.
    """

    NOBODY = "nobody"
    ATHLETE = "athlete"
    ATHLETE_WITH_SHARING = "athlete with sharing"
    ADMIN = "admin"


class Part(Enum):
    """The two parts of what an audience with sharing sees, found by different indexes.

    Others' rows are found by indexes that have no hidden row: neither the cost of a list nor its
    time tells how many there are.
    """

    OWN = "own"
    OTHERS = "others"


Seen = Audience | Part
"""Whose sight shapes a statement: an audience's, or one part of it."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The user that asks. `athlete_id` and `account_id` are None when signed out.

    `sharing` is the operator's SHARING.
    """

    account_id: int | None = None
    athlete_id: int | None = None
    is_admin: bool = False
    sharing: bool = False

    @property
    def audience(self) -> Audience:
        if self.is_admin:
            return Audience.ADMIN
        if self.athlete_id is None:
            return Audience.NOBODY
        return Audience.ATHLETE_WITH_SHARING if self.sharing else Audience.ATHLETE

    def sees_unshared(self, athlete_id: int | None) -> bool:
        """Tell whether the viewer sees an athlete's rows of a kind that is never shared, like jobs.

        The same rule as `visible` in SQL. None stands for rows that belong to no athlete.
        """
        return self.is_admin or (athlete_id is not None and athlete_id == self.athlete_id)

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the parameters that `visible` uses."""
        return {VIEWER.key: self.athlete_id, VIEWER_ACCOUNT.key: self.account_id}


# Column with the athlete that a row belongs to. Only admins see a model that is missing here.
OWNER: dict[type[Base], InstrumentedAttribute[Any]] = {
    Athlete: Athlete.id,
    Activity: Activity.athlete_id,
    ActivityLap: ActivityLap.athlete_id,
    ActivityRoute: ActivityRoute.athlete_id,
    ActivitySplit: ActivitySplit.athlete_id,
    BestEffort: BestEffort.athlete_id,
    PersonalBest: PersonalBest.athlete_id,
    DeletedActivity: DeletedActivity.athlete_id,
    Gear: Gear.athlete_id,
    HeartRateZone: HeartRateZone.athlete_id,
    Export: Export.athlete_id,
    Job: Job.athlete_id,
    JobProblem: JobProblem.athlete_id,
    ImportEntry: ImportEntry.athlete_id,
    Original: Original.athlete_id,
    StravaConnection: StravaConnection.athlete_id,
    SyncProblem: SyncProblem.athlete_id,
}

# Rows that others see if they see the activity.
OF_ACTIVITY: dict[type[Base], InstrumentedAttribute[int]] = {
    ActivityLap: ActivityLap.activity_id,
    ActivityRoute: ActivityRoute.activity_id,
    ActivitySplit: ActivitySplit.activity_id,
    BestEffort: BestEffort.activity_id,
}

# Of these, rows that count from the start of a run: others see them where its whole way is shown.
COUNTED_FROM_START = {ActivityLap, ActivitySplit}


# Models with rows of one athlete that others see and rows that they do not.
_PARTLY_SHARED = {Activity, BestEffort, Gear, PersonalBest}


def parts_of(model: type[Base], audience: Audience) -> Sequence[Seen]:
    """Get the parts that a list of `model` is made of. No row is in two."""
    if audience is Audience.ATHLETE_WITH_SHARING and model in _PARTLY_SHARED:
        return tuple(Part)
    return (audience,)


def visible(model: type[Base], seen: Seen) -> ColumnElement[bool]:
    """Condition for the rows of `model` that the audience may see, or for those of a part."""
    if seen is Audience.ADMIN:
        return _of_athlete(model)
    if seen is Audience.NOBODY:
        return false()
    if model is ApiToken:
        return ApiToken.account_id == VIEWER_ACCOUNT
    own = and_(own_rows(model), _of_athlete(model))
    shared = None if seen in {Audience.ATHLETE, Part.OWN} else _shared(model)
    if shared is None:
        return own
    others = and_(not_(own_rows(model)), shared)
    return others if seen is Part.OTHERS else or_(own, others)


def own_rows(model: type[Base]) -> ColumnElement[bool]:
    """Condition for the viewer's own rows."""
    return OWNER[model] == VIEWER if model in OWNER else false()


def is_public(activity: Any = Activity) -> ColumnElement[bool]:
    """Condition for activities that athletes who share show to others.

    A constant, so that PostgreSQL knows that the indexes of these rows have all it looks for.
    """
    everyone = literal_column(f"'{Visibility.EVERYONE.value}'", Text)
    condition: ColumnElement[bool] = activity.visibility == everyone
    return condition


def owner_only(model: type[Base], value: Expression, audience: Audience) -> Expression:
    """`value` for the viewer's own rows and for admins, else NULL."""
    return value if audience is Audience.ADMIN else case((own_rows(model), value))


def or_to_others(
    model: type[Base], value: Expression, others: Expression, audience: Audience
) -> Expression:
    """`value` for the viewer's own rows and for admins, else `others`."""
    if audience is not Audience.ATHLETE_WITH_SHARING:
        return value  # others' rows never appear
    return case((own_rows(model), value), else_=others)


@dataclass(frozen=True, eq=False)
class ConditionByOwner:
    """A condition that differs between the viewer's own rows and those of others.

    Admins see all rows as their athletes do.
    """

    model: type[Base]
    own: Condition
    others: Condition

    def condition_for(self, seen: Seen) -> Condition:
        """Make the condition for an audience, or for a part of its rows."""
        if seen is Part.OTHERS:
            return self.others
        if seen is not Audience.ATHLETE_WITH_SHARING:
            return self.own
        own = own_rows(self.model)
        return or_(and_(own, self.own), and_(not_(own), self.others))


@dataclass(frozen=True, eq=False)
class Search:
    """A condition that an index of all rows finds, and the same for the rows of one athlete."""

    of_all: Condition
    of_one: Condition

    def condition_for(self, seen: Seen) -> Condition:
        """Make the condition: an audience without sharing, and the own part, are rows of one athlete."""
        return self.of_one if seen in {Audience.ATHLETE, Part.OWN} else self.of_all


FilterCondition = Condition | ConditionByOwner | Search


def for_audience(condition: FilterCondition, seen: Seen) -> Condition:
    """Make a list's condition for an audience, or for a part of its rows."""
    if isinstance(condition, ConditionByOwner | Search):
        return condition.condition_for(seen)
    return condition


def shows_age_grades(model: type[Base]) -> ColumnElement[bool]:
    """Condition for rows of athletes that share age grades, and so the age."""
    return exists().where(Athlete.id == OWNER[model], Athlete.shares_age_grades)


def _of_athlete(model: type[Base]) -> ColumnElement[bool]:
    """Condition for rows in the athlete's own view: all, except bests only in the others' history."""
    return PersonalBest.for_athlete.expression if model is PersonalBest else true()


def _shared(model: type[Base]) -> ColumnElement[bool] | None:
    """Condition for rows that their athlete shares; None if no row of the model is ever shared."""
    if model is Athlete:
        return Athlete.shares.is_(true())
    if model is Activity:
        return is_public() & _athlete_shares(model)
    if model in OF_ACTIVITY:
        zone = has_privacy_zone(OF_ACTIVITY[model], OWNER[model])
        is_shown = not_(zone) if model in COUNTED_FROM_START else true()
        return _is_of_public_activity(model, OF_ACTIVITY[model]) & _athlete_shares(model) & is_shown
    if model is Gear:
        of_public = exists().where(
            Activity.gear_id == Gear.id, Activity.athlete_id == Gear.athlete_id, is_public()
        )
        return of_public & _athlete_shares(model)
    if model is PersonalBest:
        is_public_run = _is_of_public_activity(model, PersonalBest.activity_id)
        is_shown = PersonalBest.for_others & is_public_run
        return is_shown & _athlete_shares(model)
    return None


def _athlete_shares(model: type[Base]) -> ColumnElement[bool]:
    return exists().where(Athlete.id == OWNER[model], Athlete.shares)


def _is_of_public_activity(
    model: type[Base], activity_id: InstrumentedAttribute[int]
) -> ColumnElement[bool]:
    return exists().where(
        Activity.id == activity_id, Activity.athlete_id == OWNER[model], is_public()
    )
