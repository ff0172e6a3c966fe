"""Who may see which rows, as SQL. Nothing is filtered afterwards."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, exists, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Activity, ApiToken, Athlete, Base, BestEffort, Job, PersonalBest, StravaConnection
from db.models.activity import Visibility

Expression = ColumnElement[Any] | InstrumentedAttribute[Any]

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
        return true()
    if audience is Audience.NOBODY:
        return false()
    if model is ApiToken:
        return ApiToken.account_id == VIEWER_ACCOUNT
    own = own_rows(model)
    shared = _shared(model) if audience is Audience.ATHLETE_WITH_SHARING else None
    return own if shared is None else or_(own, shared)


def own_rows(model: type[Base]) -> ColumnElement[bool]:
    """Condition that holds for the viewer's own rows."""
    return OWNER[model] == VIEWER if model in OWNER else false()


def owner_only(model: type[Base], value: Expression, audience: Audience) -> Expression:
    """`value` where the row is the viewer's own or the viewer an admin, else NULL."""
    return value if audience is Audience.ADMIN else case((own_rows(model), value))


def _shared(model: type[Base]) -> ColumnElement[bool] | None:
    """Condition for rows that their athlete shows to others; None where no row of the model ever is."""
    if model is Athlete:
        return Athlete.shares.is_(true())
    athlete_shares = exists().where(Athlete.id == OWNER[model], Athlete.shares) if model in OWNER else None
    if athlete_shares is None:
        return None
    if model is Activity:
        return (Activity.visibility == Visibility.EVERYONE) & athlete_shares
    if model in {BestEffort, PersonalBest}:
        activity_id = BestEffort.activity_id if model is BestEffort else PersonalBest.activity_id
        public = exists().where(Activity.id == activity_id, Activity.visibility == Visibility.EVERYONE)
        return public & athlete_shares
    return None
