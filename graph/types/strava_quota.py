"""What is left of Strava's quota, for administrators."""

from datetime import datetime

import strawberry

from db.statements.jobs.job import SOONEST
from graph.context import Info
from graph.cost.directives import sized
from graph.mapping.relation import connection
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.types.enums import StravaQuotaWindow, StravaRequests
from graph.types.job import WAITING_FOR_QUOTA

LIMITS = 4


@strawberry.type(
    description="One of Strava's limits of the application, in the window that is now."
)
class StravaQuotaLimit:
    """A limit as it is known here: `used` is at least what Strava counts."""

    window: StravaQuotaWindow = strawberry.field(description="How long the window is.")
    requests: StravaRequests = strawberry.field(description="Which requests count.")
    limit: int = strawberry.field(description="Requests that Strava allows in the window.")
    used: int = strawberry.field(
        description="Requests made in it, those under way included. Never fewer than Strava counts."
    )
    left: int = strawberry.field(
        description="Requests that may still be made in it: `limit` less `used`, at least 0."
    )
    reserved: int = strawberry.field(
        description="Requests of the window that backfills leave to webhooks and to syncs of what is new."
    )
    resets_at: datetime = strawberry.field(description="Time the next window begins, at Strava.")


def _read_waiting(
    first: First = None, after: After = None, last: Last = None, before: Before = None
) -> PageArguments:
    return page_arguments(SOONEST, None, first=first, after=after, last=last, before=before)


@strawberry.type(
    description="Strava's quota, which all jobs of all athletes share, and the jobs that wait."
)
class StravaQuota:
    """The limits, and the jobs that wait."""

    limits: list[StravaQuotaLimit] = strawberry.field(
        description="The four limits: 15 minutes, then the day, each of all requests, then of reads.",
        directives=[sized(LIMITS)],
    )
    blocked_until: datetime | None = strawberry.field(
        description="Time until which nothing is asked, because Strava refused a request although "
        "something was left. Null if that is not so."
    )
    waiting = connection(
        WAITING_FOR_QUOTA,
        "Jobs that wait for the quota, or for a turn with it: first those that resume first.",
    )(_read_waiting)


async def resolve_strava_quota(info: Info) -> StravaQuota | None:
    """Read it for administrators; None for others, and where no application is set."""
    context = info.context
    if not context.viewer.is_admin or context.strava_quota is None:
        return None
    found: StravaQuota = await context.strava_quota()
    return found
