"""An athlete's budgets of requests to Strava, so that one athlete leaves quota to the others.

What brings new data is free: streams asked for the first time, and the list from the first new
activity on. Other pages, single activities and what is asked for again are charged. Events of the
webhook, which anybody could send who knows the address, have a budget of their own, and so spend
none of the athlete's.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db.models import EventBudget
from db.session import SyncDatabase
from db.statements.strava import strava_trouble, sync_budget
from runtime.errors import PacegraphError
from settings import Settings


class SyncBudgetSpent(PacegraphError):
    """The athlete's syncs have used up their budget until `retry_at` (aware, UTC)."""

    what = "The athlete's syncs have used up their budget of requests to Strava"

    def __init__(self, retry_at: datetime) -> None:
        super().__init__(f"the budget of syncs is used up until {retry_at:%Y-%m-%d %H:%M:%S} UTC")
        self.retry_at = retry_at


class EventBudgetSpent(SyncBudgetSpent):
    """Events told of too much that was no news. Until `retry_at` none is looked up."""

    what = "Strava's webhook told of much that was no news"


class EndUnproved(EventBudgetSpent):
    """Strava does not answer whether an athlete's access ended. It is asked again at `retry_at`."""

    what = "Strava does not answer whether the access ended"


class RequestBudget:
    """The budget as a job spends it; without limit if SYNC_BUDGET_REQUESTS is 0."""

    _spent: type[SyncBudgetSpent] = SyncBudgetSpent
    _trouble = "budget_spent"
    _statements = (sync_budget.spend(), sync_budget.look(), sync_budget.give_back())

    def __init__(self, settings: Settings, database: SyncDatabase, athlete_id: int) -> None:
        self._database = database
        self._is_limited = settings.sync_budget_requests > 0
        self._is_owed = False
        self._spend, self._look, self._give_back = self._statements
        self._values: dict[str, Any] = {
            "athlete": athlete_id,
            "capacity": settings.sync_budget_requests,
            "refill_per_h": settings.sync_budget_refill_per_h,
        }

    def spend(self) -> None:
        """Pay for a request. Raises SyncBudgetSpent."""
        if self.may_spend():
            return
        with self._database.write() as connection:
            connection.execute(strava_trouble.count(), {"trouble": self._trouble})
            row = connection.execute(self._look, self._values).one()
        raise self._spent(row.retry_at)

    def may_spend(self) -> bool:
        """Pay for a request if the budget covers it."""
        if not self._is_limited:
            return True
        with self._database.write() as connection:
            self._is_owed = connection.execute(self._spend, self._values).first() is not None
        return self._is_owed

    def used(self) -> None:
        """Note that a request was made, which was paid for or free."""
        self._is_owed = False

    def take_back(self) -> None:
        """Return the price of a request that was paid for and then not made."""
        if self._is_owed:
            with self._database.write() as connection:
                self.give_back(connection)
        self._is_owed = False

    def give_back(self, connection: Connection) -> None:
        """Return the price of a request that brought new data, in the caller's transaction."""
        if self._is_limited:
            connection.execute(self._give_back, self._values)


class EventRequestBudget(RequestBudget):
    """The budget of the webhook's events, as large as that of syncs. Raises EventBudgetSpent."""

    _spent = EventBudgetSpent
    _trouble = "event_budget_spent"
    _statements = (
        sync_budget.spend(EventBudget),
        sync_budget.look(EventBudget),
        sync_budget.give_back(EventBudget),
    )
