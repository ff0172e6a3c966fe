"""What `/metrics` says of the queue, stored files and Strava's bad answers, from PostgreSQL."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import RowMapping

from db.errors import DatabaseError
from db.models import ACTIVE, JobKind, JobStatus
from db.session import AsyncDatabase
from db.statements.files import original_removal, stored_files
from db.statements.jobs import job_queue
from db.statements.strava import (
    strava_event,
    strava_quota,
    strava_trouble,
    sync_lag,
    sync_problem,
)
from runtime.single_flight import SingleFlight
from settings import Settings
from web.file_gauges import file_gauges
from web.lag_gauges import lag_gauges
from web.quota_gauges import quota_gauges

_KEPT_S = 2.0
"""Seconds that a state counts: a flood of scrapes must not take connections from others."""
_PATIENCE_S = 3.0
_STATUSES = ("queued", "running", "waiting")
_OUTCOMES = [each for each in JobStatus if each not in ACTIVE]
_LATELY_S = 3600.0

logger = logging.getLogger(__name__)


class JobGauges:
    """The state of the queue, for all processes alike. Call `refresh` before `collect`."""

    def __init__(self, database: AsyncDatabase, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._quota: tuple[str | None, float, int] = (None, 0.0, 0)
        self._reads = SingleFlight[None, None]()
        self._rows: dict[str, RowMapping] | None = None
        self._ended: dict[tuple[str, str], int] = {}
        self._troubles: dict[str, int] = {}
        self._events: RowMapping | None = None
        self._problems: RowMapping | None = None
        self._lag: RowMapping | None = None
        self._files: Sequence[Any] = ()
        self._removals: Any = None
        self._read_at = float("-inf")

    async def refresh(self) -> None:
        """Read the state, unless it is fresh. All that ask at once share one read."""
        if monotonic() - self._read_at > _KEPT_S:
            await self._reads.run(None, self._read)

    async def _read(self) -> None:
        self._rows = None
        try:
            async with asyncio.timeout(_PATIENCE_S), self._database.read() as connection:
                rows = (await connection.execute(job_queue.state_of_queue())).mappings().all()
                ended = (
                    await connection.execute(job_queue.ended_lately(), {"seconds": _LATELY_S})
                ).all()
                troubles = (await connection.execute(strava_trouble.counts())).all()
                events = (await connection.execute(strava_event.state())).mappings().one()
                application = {"of_application": self._settings.strava_client_id}
                quota = (await connection.execute(strava_quota.copy(), application)).first()
                waiting = (await connection.execute(job_queue.waiting_for_quota())).scalar_one()
                files = (await connection.execute(stored_files.state())).all()
                removals = (await connection.execute(original_removal.state())).one()
                problems = (await connection.execute(sync_problem.state())).mappings().one()
                lag = (await connection.execute(sync_lag.state())).mappings().one()
        except (DatabaseError, TimeoutError) as error:
            logger.warning("could not read the state of the queue", extra={"error": repr(error)})
        else:
            self._rows = {row["kind"]: row for row in rows}
            self._ended = {(row.kind, row.status): row.jobs for row in ended}
            self._troubles = {row.kind: row.times for row in troubles}
            self._events, self._problems, self._lag = events, problems, lag
            self._files, self._removals = files, removals
            self._quota = (*quota, waiting) if quota else (None, 0.0, waiting)
        self._read_at = monotonic()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; none but `job_gauges_read` if PostgreSQL did not answer."""
        rows = self._rows
        yield _gauge(
            "job_gauges_read", "1 if PostgreSQL answered for the gauges below, else 0.",
            float(rows is not None),
        )  # fmt: skip
        if rows is None:
            return
        answers = CounterMetricFamily(
            "pacegraph_strava_troubles",
            "Answers of Strava that were too slow, too large or unreadable, and times that an "
            "athlete's budget of syncs was used up. Counted since the database was created.",
            labels=["kind"],
        )
        for kind in strava_trouble.KINDS:
            answers.add_metric([kind], self._troubles.get(kind, 0))
        yield answers
        assert self._events is not None
        assert self._problems is not None
        assert self._lag is not None
        yield _gauge(
            "strava_events_waiting",
            "Objects that Strava's webhook told of and that are not up to date yet.",
            self._events["waiting"],
        )
        yield _gauge(
            "oldest_strava_event_seconds",
            "Seconds since the oldest of them was due. 0 if none is.",
            self._events["oldest_s"] or 0,
        )
        yield from lag_gauges(self._lag)
        yield from quota_gauges(self._settings, *self._quota)
        yield from file_gauges(self._files, self._removals)
        yield _gauge(
            "sync_problems",
            "Activities that syncs could not have until now.",
            self._problems["problems"],
        )
        yield _gauge(
            "sync_problem_athletes", "Athletes with such activities.", self._problems["athletes"]
        )
        yield from _jobs(rows)
        outcomes = GaugeMetricFamily(
            "pacegraph_ended_jobs",
            "Jobs that were made within an hour and ended, by outcome.",
            labels=["kind", "status"],
        )
        for kind in JobKind:
            for status in _OUTCOMES:
                labels = [kind.value, status.value.lower()]
                outcomes.add_metric(labels, self._ended.get((kind, status), 0))
        yield outcomes


def _jobs(rows: Mapping[str, RowMapping]) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "pacegraph_jobs", "Jobs that have not ended.", labels=["kind", "status"]
    )
    for kind in JobKind:
        for status in _STATUSES:
            count = rows[kind][status] if kind in rows else 0
            jobs.add_metric([kind.value, status], count)
    yield jobs
    yield _gauge(
        "oldest_queued_job_seconds",
        "Seconds since the oldest queued job was queued. 0 if none is.",
        max((row["oldest_s"] or 0 for row in rows.values()), default=0),
    )
    yield _gauge(
        "expired_leases",
        "Running jobs whose worker gave no sign of life in time. The reconciler queues them.",
        sum(row["expired"] for row in rows.values()),
    )


def _gauge(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pacegraph_{name}", description, value)
