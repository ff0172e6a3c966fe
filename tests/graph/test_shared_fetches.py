"""Queries that come at the same time share round trips, and equal ones a run."""

import asyncio
import time

import pytest
from pydantic import SecretStr

from db.errors import DatabaseError
from db.session import AsyncDatabase
from db.statements.json_statement import Parameter, Statement
from graph.plan.plan import QueryPlan
from graph.shared_fetches import SharedFetches, SharedRequest

pytestmark = pytest.mark.anyio

TOOK = "clock_timestamp()-now()"
ECHO = f"SELECT $1::int::text, {TOOK}"
SLEEP = f"SELECT concat($1::int, pg_sleep($1::int/1000.0)), {TOOK}"
WHEN = f"SELECT concat(extract(epoch FROM clock_timestamp()), pg_sleep(0.05)), {TOOK}"


OF_ID = f"SELECT concat($1::BIGINT,' ',$2::text,' ',$3::INTEGER+coalesce($1::BIGINT,0)), {TOOK}"
ID, VIEWER, LIMIT = Parameter(1, "key"), Parameter(None, "viewer"), Parameter(1, "row_limit")


def plan(
    statement: str, recent_ms: float = 0.1, parameters: tuple[Parameter, ...] = ()
) -> QueryPlan:
    """Make a plan of one text, which took so long the last time."""
    made = Statement(statement, parameters, ((0,),))
    return QueryPlan(made, {}, frozenset(), (), (), (0,), recent_ms)


@pytest.fixture
async def shared(settings):
    database = AsyncDatabase(settings, application_name="test")
    yield SharedFetches(database, 10)
    await database.close()


class Asker:
    """A caller that asks with a plan."""

    def __init__(self, shared: SharedFetches, plan: QueryPlan, name: str = "one") -> None:
        self._shared, self._plan, self._name = shared, plan, name

    def ask(self, *values: object, request: object = None) -> asyncio.Future:
        """Ask; gives what is told."""
        came = asyncio.get_running_loop().create_future()
        asked = SharedRequest(request or object(), values, came.set_result)
        self._shared.join(self._plan, self._name, asked)
        return came


def text(fetched) -> str:
    return fetched.answers[0].body.decode()


async def test_those_of_one_turn_share_a_round_trip(shared):
    asker = Asker(shared, plan(ECHO))
    found = await asyncio.gather(*(asker.ask(number) for number in range(5)))
    assert [text(each) for each in found] == ["0", "1", "2", "3", "4"]
    assert (shared.round_trips, shared.runs) == (1, 5)


async def test_equal_requests_share_a_run_and_what_it_takes(shared):
    asker, began = Asker(shared, plan(SLEEP)), time.monotonic()
    equal = [asker.ask(20, request="equal") for _ in range(4)]
    other = asker.ask(40)
    found, longer = await asyncio.gather(*equal), await other
    assert (shared.round_trips, shared.runs) == (1, 2)
    assert {text(each) for each in found} == {"20"}
    assert all(4 * each.ms >= 20 for each in found)
    assert sum(each.ms for each in (*found, longer)) <= 1000 * (time.monotonic() - began)


async def test_who_comes_meanwhile_waits_for_the_next(shared, monkeypatch):
    monkeypatch.setattr("graph.shared_fetches._MOST_WAIT_S", 10.0)
    monkeypatch.setattr("graph.shared_fetches._TOGETHER_MS", 1000.0)
    asker = Asker(shared, plan(SLEEP))
    first = asker.ask(10)
    await asyncio.sleep(0.001)
    others = [asker.ask(number) for number in range(3)]
    await asyncio.sleep(0.001)
    assert shared.round_trips == 1
    await first
    assert [text(await each) for each in others] == ["0", "1", "2"]
    assert shared.round_trips == 2


async def test_no_answer_is_older_than_its_request(shared):
    """An equal request that comes during a run is not answered by that."""
    asker = Asker(shared, plan(WHEN))
    for _ in range(3):
        first = asker.ask(request="equal")
        await asyncio.sleep(0.01)
        came = time.time()
        second = asker.ask(request="equal")
        assert came < float(text(await second))
        await first


async def test_nobody_waits_long_for_others(shared):
    asker = Asker(shared, plan(SLEEP))
    slow = asker.ask(2000)
    await asyncio.sleep(0.001)
    began = time.monotonic()
    assert text(await asker.ask(1)) == "1"
    assert time.monotonic() - began < 1
    assert not slow.done()
    await slow


async def test_what_takes_long_goes_at_once_but_where_it_is_the_same(shared):
    asker = Asker(shared, plan(SLEEP, recent_ms=100))
    fetches = [asker.ask(10, request="equal")]
    await asyncio.sleep(0.001)
    fetches += [asker.ask(10, request="equal") for _ in range(2)]
    await asyncio.sleep(0.001)
    assert shared.round_trips == 1
    fetches += [asker.ask(number) for number in (11, 12)]
    await asyncio.sleep(0.005)
    assert shared.round_trips >= 3
    assert [text(await each) for each in fetches] == ["10", "10", "10", "11", "12"]
    assert shared.runs == 4


async def test_more_than_go_together_go_beside(shared):
    asker = Asker(shared, plan(ECHO, recent_ms=1.0))
    found = await asyncio.gather(*(asker.ask(number) for number in range(7)))
    assert [text(each) for each in found] == [str(number) for number in range(7)]
    assert (shared.round_trips, shared.runs) == (4, 7)


async def test_callers_share_nothing(shared):
    """What is equal is fetched for each, and nobody waits for another one's statement."""
    of_all = plan(SLEEP)
    one, other = Asker(shared, of_all), Asker(shared, of_all, "other")
    slow, began = one.ask(1000, request="equal"), time.monotonic()
    assert text(await other.ask(1, request="equal")) == "1"
    assert time.monotonic() - began < 0.5
    assert not slow.done()
    assert text(await slow) == "1000"
    assert (shared.round_trips, shared.runs) == (2, 2)


async def test_what_goes_together_with_a_long_one_goes_alone_then(shared):
    """Its caller pays for the round trip that was given up, and the next ones are not shared."""
    asker = Asker(shared, plan(SLEEP))
    long, *short = [asker.ask(number) for number in (1500, 1, 2)]
    began = time.monotonic()
    found = await asyncio.gather(*short)
    assert [text(each) for each in found] == ["1", "2"]
    assert time.monotonic() - began < 1.2
    assert all(each.ms > 50 for each in found)  # shares of what was given up
    assert shared.round_trips == 4
    await asyncio.gather(*(asker.ask(number) for number in (1, 2)))
    assert shared.round_trips == 6
    assert not long.done()
    assert text(await long) == "1500"


async def test_a_plan_is_alone_for_longer_while_it_takes_long_again(shared, monkeypatch):
    """Seconds after which one took long, and for how long its runs share nothing then."""
    now_s = 1000.0
    monkeypatch.setattr("graph.shared_fetches.monotonic", lambda: now_s)
    slow = plan(SLEEP)
    asker = Asker(shared, slow)
    for later_s, alone_s in (
        (0, 0.3),  # a pause of PostgreSQL, say
        (0.3, 0.6), (10.5, 1.2), (2, 2.4), (2.4, 4.8), (5, 9.6), (10, 10.0), (10, 10.0),
        (20.1, 0.3), (0.2, 0.3), (0.2, 0.3), (0.3, 0.6),
    ):  # fmt: skip
        now_s += later_s
        await asyncio.gather(asker.ask(60), asker.ask(60))
        for after_s, round_trips in ((alone_s - 0.01, 2), (alone_s, 1)):
            now_s += after_s
            shared.round_trips, slow.recent_ms = 0, 0.1
            await asyncio.gather(asker.ask(0), asker.ask(0))
            now_s -= after_s
            assert shared.round_trips == round_trips, (later_s, after_s)


@pytest.mark.parametrize(
    "statement",
    [f"SELECT (6/$1::int)::text, {TOOK}", f"SELECT (6/$1::int)::text, {TOOK} WHERE $1::int<>0"],
)
async def test_what_fails_fails_alone(shared, statement):
    asker = Asker(shared, plan(statement))
    *well, wrong, last = [asker.ask(number) for number in (1, 2, 0, 3)]
    assert [text(await each) for each in (*well, last)] == ["6", "3", "2"]
    failed = await wrong
    assert isinstance(failed.error, Exception)
    assert failed.answers == ()
    assert text(await asker.ask(6)) == "1"


@pytest.fixture
async def statements(shared, monkeypatch):
    """The texts that are sent, each with how many runs of a statement it is for."""
    found, fetch = [], AsyncDatabase.fetch_rows_once

    async def noted(self, text, sets, *, all_of_one=False):
        found.append(("all", len(sets[0][0])) if all_of_one else ("each", len(sets)))
        return await fetch(self, text, sets, all_of_one=all_of_one)

    monkeypatch.setattr(AsyncDatabase, "fetch_rows_once", noted)
    return found


async def test_runs_that_differ_in_ids_are_one_statement(shared, statements):
    asker = Asker(shared, plan(OF_ID, parameters=(ID, VIEWER, LIMIT)))
    for ids in ([5, 2**62, 5, None, -3], [7]):
        found = await asyncio.gather(*(asker.ask(each, "it's $1", 3) for each in ids))
        wanted = [
            f"{'' if each is None else each} it's $1 {3 + (each or 0)}".strip(" ") for each in ids
        ]
        assert [text(each).strip(" ") for each in found] == wanted
        assert sum(each.ms for each in found) > 0
    assert statements == [("all", 5), ("each", 1)]


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (OF_ID, (VIEWER, VIEWER, LIMIT)),
        (OF_ID.replace("$1::BIGINT,' '", "$1::INTEGER,' '"), (ID, VIEWER, LIMIT)),
        (OF_ID.replace("' '", "' $1::BIGINT'"), (ID, VIEWER, LIMIT)),
        (OF_ID + " WHERE $1::BIGINT=ANY(ARRAY[1,2,3])" + " " * 20_000, (ID, VIEWER, LIMIT)),
    ],
    ids=["no id", "of two types", "a text that looks like one", "long"],
)
async def test_others_run_one_after_the_other(shared, statements, statement, parameters):
    asker = Asker(shared, plan(statement, parameters=parameters))
    found = await asyncio.gather(*(asker.ask(each, "v", 0) for each in (1, 2, 3)))
    assert [text(each)[-1] for each in found] == ["1", "2", "3"]
    assert statements == [("each", 3)]


async def test_runs_that_differ_in_more_than_ids_run_one_after_the_other(shared, statements):
    asker = Asker(shared, plan(OF_ID, parameters=(ID, VIEWER, LIMIT)))
    found = await asyncio.gather(asker.ask(1, "one", 0), asker.ask(1, "two", 0))
    assert [text(each) for each in found] == ["1 one 1", "1 two 1"]
    assert statements == [("each", 2)]


@pytest.mark.parametrize("where", ["", " WHERE $1::BIGINT<>0"])
async def test_one_of_a_statement_of_many_fails_alone(shared, statements, where):
    asker = Asker(shared, plan(f"SELECT (6/$1::BIGINT)::text, {TOOK}{where}", parameters=(ID,)))
    first, wrong, last = [asker.ask(number) for number in (1, 0, 3)]
    assert [text(await each) for each in (first, last)] == ["6", "2"]
    assert isinstance((await wrong).error, Exception)
    assert statements == [("all", 3), *[("each", 1)] * 3]


async def test_each_of_a_statement_of_many_pays_its_own_time(shared, statements):
    sleep = f"SELECT concat($1::BIGINT, pg_sleep($1::BIGINT/1000.0)), {TOOK}"
    asker = Asker(shared, plan(sleep, parameters=(ID,)))
    found = await asyncio.gather(*(asker.ask(number) for number in (1, 40, 2)))
    assert statements == [("all", 3)]
    assert found[1].ms >= 40
    assert found[0].ms < found[1].ms / 2 > found[2].ms


async def test_values_that_cannot_be_sent_fail_alone(shared):
    asker = Asker(shared, plan(ECHO))
    well, wrong = asker.ask(1), asker.ask("one")
    assert text(await well) == "1"
    assert isinstance((await wrong).error, Exception)


async def test_nothing_is_kept_of_what_ended(shared):
    asker = Asker(shared, plan(ECHO))
    await asyncio.gather(*(asker.ask(number) for number in range(5)))
    await asyncio.sleep(0.05)
    assert not shared.under_way


async def test_all_are_told_when_postgresql_is_away(settings):
    away = settings.model_copy(update={"database_url": SecretStr("postgresql://x:x@127.0.0.1:9/x")})
    shared = SharedFetches(AsyncDatabase(away, application_name="test"), 10)
    asker = Asker(shared, plan(ECHO))
    found = await asyncio.gather(*(asker.ask(number) for number in range(3)))
    assert all(isinstance(each.error, DatabaseError) for each in found)
    assert shared.round_trips == 1
