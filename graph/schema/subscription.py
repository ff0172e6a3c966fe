"""The root of subscriptions: changes of jobs and data, read from rows when Redis signals one."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import strawberry

from graph.context import Info
from graph.schema.subscribed_events import EventsOfAthlete, EventsOfJob, EventsOfJobs
from graph.types.athlete_change import AthleteChanges
from graph.types.job import Job

AthleteId = Annotated[strawberry.ID, strawberry.argument(description="Global id of the athlete.")]


@strawberry.type(
    description="Changes to subscribe to, over graphql-transport-ws or server-sent events."
)
class Subscription:
    """Root fields. Each gives an object, whose first event tells what is wrong with arguments."""

    @strawberry.subscription(
        description="One job. Sends the current state immediately, then every change until the "
        "job ends. After a lost connection, subscribe again: the first event is "
        "always the current state."
    )
    def job_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Global id of the job.")],
    ) -> AsyncIterator[Job]:
        return EventsOfJob(info.context, id)

    @strawberry.subscription(
        description="Jobs of one athlete: first each job under way, oldest first, then every "
        "change to any job. After a lost connection, subscribe again with `since`, and nothing is "
        "missed. Of two events about a job, the one with the higher `version` is newer."
    )
    def athlete_jobs(
        self,
        info: Info,
        athlete_id: AthleteId,
        since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Time, as `Query.now` tells it, at which the connection was last "
                "known to work: jobs that ended since then, or up to two minutes before, are sent "
                "first too, at most the newest 1000. Default: the header "
                "`Last-Event-ID` of an event stream, else none."
            ),
        ] = None,
    ) -> AsyncIterator[Job]:
        return EventsOfJobs(info.context, athlete_id, since)

    @strawberry.subscription(
        description="What changes of one athlete, its activities and personal bests: by a sync, a "
        "webhook, an import, or an edit by any client. Sends nothing until something changes; with "
        "`since`, what changed since then at once. After a lost connection, subscribe again with "
        "`since`, and nothing is missed."
    )
    def athlete_changed(
        self,
        info: Info,
        athlete_id: AthleteId,
        since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Time, as `Query.now` tells it, at which the connection was last "
                "known to work, or `changedAt` of the last event: what changed since then, or up "
                "to two minutes before, is sent first. Default: the header "
                "`Last-Event-ID` of an event stream, else none."
            ),
        ] = None,
    ) -> AsyncIterator[AthleteChanges]:
        return EventsOfAthlete(info.context, athlete_id, since)
