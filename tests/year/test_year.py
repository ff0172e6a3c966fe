"""A year in the life of 30 athletes, at high speed: syncs, webhooks, nights and Strava's quota.

The jobs are the program's own, YEAR_PROCESSES at a time; PostgreSQL, Redis, the API that takes webhooks
and the simulated Strava are real, their time is not. In the end the activities are
the simulated Strava's, everything is as in a database that is filled from it then, and no request
was beyond the quota.

`make test-year` takes YEAR_DAYS, 365 by default, YEAR_SEED and YEAR_PROCESSES, 2 by default. It prints the time and the CPU
that it took, of all processes together.
"""

import heapq
import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import text

from athletics.sport import RUN_SPORT_TYPES
from jobs import athlete_strava
from jobs.reconcile import Reconciler
from jobs.sync import effort_derivation, unseen_activities
from settings import Settings
from strava_simulator.limits import RateLimits
from tests.conftest import SECRETS, Clone
from tests.faults.all_rows import rows_of_athletes
from tests.http_server import listening
from tests.jobs.simulated import Simulated, simulated_strava
from tests.jobs.test_strava_webhook import SECRET
from tests.jobs.world import World
from tests.patience import PATIENCE_S
from tests.year.athlete_year import AthleteYear, Event, event_of
from tests.year.job_processes import JobProcesses, job_processes
from tests.year.network import Network
from tests.year.simulated_time import SimulatedTime
from web import create_app
from web.webhook_address import callback_url

pytestmark = pytest.mark.year
SEED = int(os.environ.get("YEAR_SEED", "1"))
DAYS = int(os.environ.get("YEAR_DAYS", "365"))
AT_A_TIME = int(os.environ.get("YEAR_PROCESSES", "2"))
"""How many processes make attempts at jobs."""
START = datetime(2025, 11, 1, tzinfo=UTC)
ATHLETES = range(1001, 1031)
RUNS_BEFORE = 12
AT_ONCE, THEN_EVERY = 10, timedelta(hours=4)
"""How many athletes connect at the beginning, in each other's way, and when each of the others does."""
LEAVE_AND_RETURN = (1004, 1012)
AWAY = timedelta(days=4)
SETTLES = timedelta(days=4)
"""After all that was planned: what is late arrives, then come whole nights."""
LIMITS = RateLimits(200, 2000, 100, 1000)
"""Those of a new application at Strava."""
NIGHT_HOURS = 4
LOOKS = [
    *(timedelta(hours=hour, minutes=59, seconds=59) for hour in range(NIGHT_HOURS)),
    timedelta(hours=12),
]
"""When the reconciler looks at the rows in a day, besides when something is due."""
DUE = (
    "SELECT min(at) FROM (SELECT min(waiting_until) AS at FROM jobs WHERE status = 'WAITING' "
    "UNION ALL SELECT min(due_at) FROM strava_events WHERE due_at > now()) AS due"
)
QUEUED = "SELECT id FROM jobs WHERE status = 'QUEUED' ORDER BY kind = 'STRAVA_SYNC', live_since, id"
_PROFILE = (
    "UPDATE athletes SET first_name = :name, last_name = 'Corredor', sex = 'MALE', "
    "birth_date = '1980-05-17' WHERE id = :id"
)

_DETAILS = ("calories_kcal", "description", "details_at", "device_name")


@pytest.fixture
def clock() -> Iterator[SimulatedTime]:
    clock = SimulatedTime(START)
    with clock.ruling():
        yield clock
    clock.close()


@pytest.fixture
def strava(clock: SimulatedTime) -> Iterator[Simulated]:
    options = {"clock": lambda: clock.now, "token_lifetime_s": 20 * 86_400, "synthetic": False}
    athletes = len(ATHLETES)
    with simulated_strava(runs=None, athletes=athletes, rate_limits=LIMITS, **options) as simulated:
        simulated.history.last = deque()  # all of them
        yield simulated


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {
        "secret_key": SecretStr(SECRETS["secret_key"]),
        "strava_webhook_secret": SecretStr(SECRET),
        "nightly_sync_hours": NIGHT_HOURS,
        "job_lease_s": 600,
        "strava_page_size": 100,
        "database_pre_ping": False,  # a connection of a year ago would be one of a minute ago
    }
    return settings.model_copy(update=changes)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of the machine's time, before Strava is asked a second time."""
    monkeypatch.setattr(unseen_activities, "GONE_AFTER_S", 0.01)
    monkeypatch.setattr(effort_derivation, "SECOND_LOOK_AFTER_S", 0.01)
    monkeypatch.setattr(athlete_strava, "AGAIN_AFTER_S", (0.01, 0.01))


class Year:
    """What happens when, and the work that it makes."""

    def __init__(
        self,
        world: World,
        clock: SimulatedTime,
        processes: JobProcesses,
        random: Random,
        api_url: str,
    ) -> None:
        self.world, self.clock, self.network = world, clock, Network(random)
        self.processes = processes
        self.callback = callback_url(world.settings, api_url)
        self.athletes: dict[int, int] = {}
        self._reconciler = Reconciler(world.settings, world.database, world.redis)
        self._coming: list[tuple[datetime, int, Callable[[], object], bool]] = []
        self._order = count()
        self._wakes_at: set[datetime] = set()
        self.http = httpx.Client(trust_env=False, timeout=PATIENCE_S, verify=False)

    def at(self, moment: datetime, act: Callable[[], object], *, elsewhere: bool = False) -> None:
        """Plan an act; `elsewhere`: at Strava alone, so that there is no work after it."""
        heapq.heappush(self._coming, (moment, next(self._order), act, elsewhere))

    def run_until(self, end: datetime) -> None:
        while self._coming and self._coming[0][0] <= end:
            moment, _, act, elsewhere = heapq.heappop(self._coming)
            self.clock.move_to(moment)
            act()
            if not elsewhere:
                self._work()

    def connect(self, number: int) -> None:
        """Connect an athlete, again maybe, whose history is then synced."""
        if number not in self.athletes:
            self.athletes[number] = self.world.athlete(first_name=f"Athlete {number}")
        else:  # the profile was erased; a sign-in brings it back
            self.world.write(_PROFILE, id=self.athletes[number], name=f"Athlete {number}")
        self.world.grant(self.athletes[number], number)
        self.world.create(self.athletes[number])

    def withdraw(self, number: int) -> None:
        self.world.strava.control("POST", f"/athletes/{number}/deauthorize")
        self.tell(event_of(number, "athlete", number, "update", {"authorized": "false"}))

    def tell(self, event: Event | None) -> None:
        """Have an event delivered as the network does."""
        if event is not None:
            for after_s in self.network.deliveries():
                self.at(self.clock.now + timedelta(seconds=after_s), partial(self._deliver, event))

    def vacuum(self) -> None:
        """Do what PostgreSQL does by itself, but where tests run it."""
        with self.world.database.read() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("VACUUM ANALYZE"))

    def _deliver(self, event: Event) -> None:
        assert self.http.post(self.callback, json=event).status_code == 200

    def _work(self) -> None:
        """Make attempts until all that is left has to wait."""
        while True:
            self._reconciler.look_at_rows()
            queued = [row["id"] for row in self.world.rows(QUEUED)]
            if not queued:
                break
            self.processes.run(queued)
            self.clock.pass_by(2 * len(queued))
        due = self.world.value(DUE)
        if due is not None and due not in self._wakes_at:
            self._wakes_at.add(due)
            self.at(due, partial(self._wakes_at.discard, due))


def test_a_year_ends_with_what_strava_has_and_within_the_quota(
    settings: Settings,
    strava: Simulated,
    clock: SimulatedTime,
    redis_url: str,
    clone: Clone,
    tmp_path: Path,
) -> None:
    began, worked_s = time.monotonic(), cpu_s()
    assert settings.database_url is not None
    clock.rule_over(settings.database_url.get_secret_value())
    with (
        job_processes(settings, clock, AT_A_TIME) as processes,
        Redis.from_url(redis_url) as redis,
        listening(create_app(settings)) as address,
    ):
        world = World(settings, strava, redis, tmp_path)
        year = Year(world, clock, processes, Random(f"network {SEED}"), f"http://{address}")
        end = plan(year, strava)
        with year.http:
            year.run_until(end)
        found, jobs = (
            rows_of_athletes(world),
            world.rows("SELECT kind, status, error_code FROM jobs"),
        )
        here, at_strava = activities_here(world), activities_at_strava(strava)
        world.close()
    asked = Counter(each["status"] for each in strava.history.last)
    report(year, jobs, asked, time.monotonic() - began, cpu_s() - worked_s)
    assert asked[429] == 0
    assert not different_activities(here, at_strava)
    assert {job["status"] for job in jobs} <= {"SUCCEEDED", "FAILED"}
    assert {job["error_code"] for job in jobs} <= {None, "STRAVA_UNAUTHORIZED"}
    with clone() as url:
        expected = filled_anew(settings, strava, clock, redis_url, url, tmp_path)
    different = differences(_without_details(found), _without_details(expected))
    assert not different, json.dumps(different, indent=1)


_ACTIVITIES = """
    SELECT strava_id, name, sport_type, distance_m, elapsed_time_s, visibility,
        to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
        to_char(started_at_local, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at_local
    FROM activities
"""


def activities_here(world: World) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in world.rows(_ACTIVITIES)]


def activities_at_strava(strava: Simulated) -> list[tuple[Any, ...]]:
    """The same columns, as no code of the program read them."""
    summaries = [
        each.summary for number in ATHLETES for each in strava.simulated_activities(number)
    ]
    return [
        (
            each["id"],
            each["name"],
            each["sport_type"],
            each["distance"],
            each["elapsed_time"],
            each["visibility"].upper(),
            each["start_date"],
            each["start_date_local"],
        )
        for each in summaries
    ]


def different_activities(here: list[tuple], at_strava: list[tuple]) -> dict[str, list[tuple]]:
    mine, theirs = Counter(here), Counter(at_strava)
    found = {"here": sorted(mine - theirs)[:3], "at Strava": sorted(theirs - mine)[:3]}
    return found if mine != theirs else {}


def plan(year: Year, strava: Simulated) -> datetime:
    """Plan all that happens by itself, and the looks of the reconciler; returns when all has settled.

    In a short year who leaves comes back after its end.
    """
    last = end = START + timedelta(days=DAYS)
    for number in ATHLETES:
        athlete = AthleteYear(strava.simulated_world, number, Random(f"{SEED} {number}"))
        athlete.before(START, RUNS_BEFORE)
        later = max(0, number - ATHLETES[AT_ONCE - 1])
        connects_at = START + later * THEN_EVERY
        year.at(connects_at, partial(year.connect, number))
        last = max(last, connects_at)
        for moment, act in athlete.acts(START, DAYS):
            if moment < end:
                year.at(moment, lambda act=act: year.tell(act()), elsewhere=True)
    for number in LEAVE_AND_RETURN:
        left_at = START + timedelta(days=DAYS * 0.4, minutes=number)
        year.at(left_at, partial(year.withdraw, number))
        year.at(left_at + AWAY, partial(year.connect, number))
        last = max(last, left_at + AWAY)
    settled = last + SETTLES
    for day in range((settled - START).days + 1):
        for look in LOOKS:
            year.at(START + timedelta(days=day) + look, lambda: None)
        if day % 7 == 0:
            year.at(START + timedelta(days=day), year.vacuum)
    return settled


def filled_anew(
    settings: Settings,
    strava: Simulated,
    clock: SimulatedTime,
    redis_url: str,
    url: str,
    folder: Path,
) -> dict[str, list[str]]:
    """The rows of a database that is filled by one backfill an athlete."""
    strava.control("PUT", "/rate-limits", json={})
    clock.rule_over(url)
    changes = {"database_url": SecretStr(url), "strava_details_per_sync": 100_000}
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
        world = World(settings.model_copy(update=changes), strava, redis, folder)
        for number in ATHLETES:
            athlete_id = world.athlete(first_name=f"Athlete {number}")
            world.grant(athlete_id, number)
            job = world.sync(athlete_id)
            assert job["status"] == "SUCCEEDED", job
        found = rows_of_athletes(world)
        world.close()
    return found


def _without_details(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """The rows, without details of what a sync asks for none: a webhook may have read them."""
    activities = [json.loads(row) for row in rows["activities"]]
    unasked = [
        each for each in activities if each["manual"] or each["sport_type"] not in RUN_SPORT_TYPES
    ]
    for each in unasked:
        each.update(dict.fromkeys(_DETAILS))
    numbers = {each["strava_id"] for each in unasked}
    laps = [row for row in rows["activity_laps"] if json.loads(row)["activity_id"] not in numbers]
    kept = [json.dumps(each, sort_keys=True) for each in activities]
    return {**rows, "activities": kept, "activity_laps": laps}


def differences(found: dict[str, list[str]], expected: dict[str, list[str]]) -> dict[str, object]:
    """What is other than expected, by table: how many rows, and the first ones."""
    different = {}
    for table, rows in expected.items():
        mine, theirs = Counter(found[table]), Counter(rows)
        if mine != theirs:
            first = {"found": sorted(mine - theirs)[:3], "wanted": sorted(theirs - mine)[:3]}
            different[table] = {"rows": (mine - theirs).total(), **first}
    return different


def cpu_s() -> float:
    """CPU of this process and all below it: jobs, PostgreSQL, Redis, the API and the simulated Strava."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(each.cpu_times()[:4]) for each in family)


def report(
    year: Year, jobs: list[dict], asked: Counter[int], took_s: float, worked_s: float
) -> None:
    kinds = Counter(f"{job['kind']} {job['status']}" for job in jobs)
    sys.stdout.write(
        f"\n{DAYS} days of {len(ATHLETES)} athletes in {took_s:.0f} s, {worked_s:.0f} s of CPU: "
        f"{asked.total()} requests {dict(asked)}, "
        f"{year.network.delivered} deliveries, {year.network.lost} events lost, jobs {dict(kinds)}\n"
    )
