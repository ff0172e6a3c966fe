"""Who may see which rows, and what of them, as SQL. Nothing is filtered afterwards.

Others than the athlete see, with consent, the activities that are visible to everyone and what hangs on them. What is
derived from several rows — ranks, bests, improvements, sums, which of two recordings stands for a run — is for them
derived from these alone, as if the athlete had none besides, so that nothing tells of a hidden row.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, case, exists, false, not_, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Activity, ApiToken, Athlete, Base, BestEffort, Job, PersonalBest, StravaConnection
from db.models.activity import Visibility

Expression = ColumnElement[Any] | InstrumentedAttribute[Any]
Condition = ColumnElement[bool] | InstrumentedAttribute[bool]

VIEWER = bindparam("viewer_athlete_id", type_=BigInteger)
VIEWER_ACCOUNT = bindparam("viewer_account_id", type_=BigInteger)


class Audience(Enum):
    """The kinds of viewer that see differently. It shapes a statement; who the viewer is stays a parameter."""

    NOBODY = "nobody"
    ATHLETE = "athlete"
    ATHLETE_WITH_SHARING = "athlete with sharing"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. `athlete_id` and `account_id` are None when signed out; `sharing` is the operator's SHARING."""

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

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the parameters that `visible` uses."""
        return {VIEWER.key: self.athlete_id, VIEWER_ACCOUNT.key: self.account_id}


# Column that names the athlete a row belongs to. A model that is not here is visible to nobody but admins.
OWNER: dict[type[Base], InstrumentedAttribute[Any]] = {
    Athlete: Athlete.id,
    Activity: Activity.athlete_id,
    BestEffort: BestEffort.athlete_id,
    PersonalBest: PersonalBest.athlete_id,
    Job: Job.athlete_id,
    StravaConnection: StravaConnection.athlete_id,
}


def visible(model: type[Base], audience: Audience) -> ColumnElement[bool]:
    """Condition that holds for the rows of `model` that the audience may see."""
    if audience is Audience.ADMIN:
        return _of_athlete(model)
    if audience is Audience.NOBODY:
        return false()
    if model is ApiToken:
        return ApiToken.account_id == VIEWER_ACCOUNT
    own = and_(own_rows(model), _of_athlete(model))
    shared = _shared(model) if audience is Audience.ATHLETE_WITH_SHARING else None
    return own if shared is None else or_(own, shared)


def own_rows(model: type[Base]) -> ColumnElement[bool]:
    """Condition that holds for the viewer's own rows."""
    return OWNER[model] == VIEWER if model in OWNER else false()


def owner_only(model: type[Base], value: Expression, audience: Audience) -> Expression:
    """`value` where the row is the viewer's own or the viewer an admin, else NULL."""
    return value if audience is Audience.ADMIN else case((own_rows(model), value))


def or_to_others(model: type[Base], value: Expression, others: Expression, audience: Audience) -> Expression:
    """`value` where the row is the viewer's own or the viewer an admin, else `others`."""
    if audience is not Audience.ATHLETE_WITH_SHARING:
        return value  # nobody meets a row of others
    return case((own_rows(model), value), else_=others)


@dataclass(frozen=True, eq=False)
class Split:
    """A condition that is another for the rows of others than for the viewer's own; admins see as the athlete does."""

    model: type[Base]
    own: Condition
    others: Condition

    def of(self, audience: Audience) -> Condition:
        """Make the condition for an audience."""
        if audience is not Audience.ATHLETE_WITH_SHARING:
            return self.own
        own = own_rows(self.model)
        return or_(and_(own, self.own), and_(not_(own), self.others))


def for_audience(condition: Condition | Split, audience: Audience) -> Condition:
    """Make a condition of a list's for an audience."""
    return condition.of(audience) if isinstance(condition, Split) else condition


def shows_age_grades(model: type[Base]) -> ColumnElement[bool]:
    """Condition for rows whose athlete agreed that others see age grades, and with them the age."""
    return exists().where(Athlete.id == OWNER[model], Athlete.shares_age_grades)


def _of_athlete(model: type[Base]) -> ColumnElement[bool]:
    """Condition for rows that are there for their athlete: all, but the bests that only others see as such."""
    return PersonalBest.for_athlete.expression if model is PersonalBest else true()


def _shared(model: type[Base]) -> ColumnElement[bool] | None:
    """Condition for rows that their athlete shows to others; None where no row of the model ever is."""
    if model is Athlete:
        return Athlete.shares.is_(true())
    if model is Activity:
        return (Activity.visibility == Visibility.EVERYONE) & _athlete_shares(model)
    if model is BestEffort:
        return _is_of_public_activity(BestEffort.activity_id) & _athlete_shares(model)
    if model is PersonalBest:
        # Not the viewer's own: of those they see their own history.
        others = PersonalBest.for_others & not_(own_rows(model))
        return others & _is_of_public_activity(PersonalBest.activity_id) & _athlete_shares(model)
    return None


def _athlete_shares(model: type[Base]) -> ColumnElement[bool]:
    return exists().where(Athlete.id == OWNER[model], Athlete.shares)


def _is_of_public_activity(activity_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return exists().where(Activity.id == activity_id, Activity.visibility == Visibility.EVERYONE)
