"""Connections: every order, both directions, ties, inserts in between, bounds, and cursors that are
none.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.statements.activities import activity
from db.statements.athletes import athlete
from tests import factories as make
from tests.factories import NOON

pytestmark = pytest.mark.anyio

PAGE = """query($first: Int, $after: String, $last: Int, $before: String, $order: ActivityOrder) {
    activities(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
        edges { cursor node { id name } } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}"""
ATHLETES = """query($first: Int, $after: String, $order: AthleteOrder) {
    athletes(first: $first, after: $after, orderBy: $order) { nodes { id lastName } pageInfo { hasNextPage endCursor } }
}"""
ORDERS = [
    {"field": field, "direction": direction}
    for field in ("STARTED_AT", "DISTANCE", "MOVING_TIME", "ELAPSED_TIME")
    for direction in ("ASC", "DESC")
]
COLUMNS = {
    "STARTED_AT": "day",
    "DISTANCE": "distance",
    "MOVING_TIME": "moving",
    "ELAPSED_TIME": "elapsed",
}


@pytest.fixture
def caller(shared_db):
    return make.create_person(shared_db)


@pytest.fixture
def names(shared_db, caller):
    """Eleven runs with ties in every order; each is named by its ordering values."""
    made = []
    for number in range(11):
        values = {
            "day": number // 3,
            "distance": 1000.5 * (number % 4),
            "moving": number % 3,
            "elapsed": number // 5,
        }
        row_id = make.create_activity(
            shared_db,
            caller.athlete_id,
            started_at=NOON + timedelta(days=values["day"], microseconds=values["day"]),
            distance_m=values["distance"],
            moving_time_s=values["moving"],
            elapsed_time_s=values["elapsed"],
            name=str(number),
        )
        made.append((str(number), values, row_id))
    return made


def in_order(names, order):
    key = COLUMNS[order["field"]]
    ordered = sorted(
        names, key=lambda each: (each[1][key], each[2]), reverse=order["direction"] == "DESC"
    )
    return [name for name, _, _ in ordered]


async def page(api, token, **arguments):
    return (await api.ask(PAGE, token, **arguments))["activities"]


def named(page):
    return [edge["node"]["name"] for edge in page["edges"]]


@pytest.mark.parametrize(
    "order", ORDERS, ids=lambda order: f"{order['field']}-{order['direction']}"
)
async def test_forwards_and_backwards_pass_every_row_once_in_order(
    shared_api, caller, names, order
):
    forwards, backwards, after, before = [], [], None, None
    for _ in range(4):
        ahead = await page(shared_api, caller.token, first=3, after=after, order=order)
        behind = await page(shared_api, caller.token, last=3, before=before, order=order)
        forwards, backwards = forwards + named(ahead), named(behind) + backwards
        after, before = ahead["pageInfo"]["endCursor"], behind["pageInfo"]["startCursor"]
    assert forwards == backwards == in_order(names, order)
    assert (ahead["pageInfo"]["hasNextPage"], behind["pageInfo"]["hasPreviousPage"]) == (
        False,
        False,
    )


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["JOINED", "LAST_NAME"])
async def test_athletes_pass_once_in_order(api, db, field, direction):
    admin = make.create_admin(db)
    surnames = ["Öz", "Öz", "ab", "Ab", "'", "naïve"]
    ids = {make.create_athlete(db, last_name=surname): surname for surname in surnames}
    seen, after = [], None
    for _ in range(3):
        order = {"field": field, "direction": direction}
        found = (await api.ask(ATHLETES, admin.token, first=2, after=after, order=order))[
            "athletes"
        ]
        seen += [node["lastName"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
    names = list(ids.values())  # in the order of joining
    if field == "LAST_NAME":
        names = [name for name, _ in sorted((name, number) for number, name in ids.items())]
    assert seen == names[:: -1 if direction == "DESC" else 1]
    assert not found["pageInfo"]["hasNextPage"]


async def test_between_two_cursors(shared_api, caller, names):
    cursors = [edge["cursor"] for edge in (await page(shared_api, caller.token, first=11))["edges"]]
    expected = in_order(names, ORDERS[1])
    between = {"after": cursors[1], "before": cursors[7]}
    assert named(await page(shared_api, caller.token, **between)) == expected[2:7]
    assert named(await page(shared_api, caller.token, first=2, **between)) == expected[2:4]
    last = await page(shared_api, caller.token, last=2, **between)
    assert named(last) == expected[5:7]
    assert last["pageInfo"]["hasPreviousPage"]
    assert named(await page(shared_api, caller.token, after=cursors[7], before=cursors[1])) == []


async def test_page_info_names_the_edges_of_the_page(shared_api, caller, names):
    found = await page(shared_api, caller.token, first=4)
    assert found["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": found["edges"][0]["cursor"],
        "endCursor": found["edges"][3]["cursor"],
    }


@pytest.mark.parametrize("size", [10, 11, 12], ids=["one-less", "all", "one-more"])
async def test_there_is_a_next_page_only_where_rows_are_left(shared_api, caller, names, size):
    assert (await page(shared_api, caller.token, first=size))["pageInfo"]["hasNextPage"] == (
        size < 11
    )
    assert (await page(shared_api, caller.token, last=size))["pageInfo"]["hasPreviousPage"] == (
        size < 11
    )


async def test_a_cursor_proves_that_something_lies_on_its_other_side(shared_api, caller, names):
    cursors = [edge["cursor"] for edge in (await page(shared_api, caller.token, first=11))["edges"]]
    ahead = await page(shared_api, caller.token, after=cursors[2])
    behind = await page(shared_api, caller.token, last=2, before=cursors[2])
    assert (ahead["pageInfo"]["hasPreviousPage"], ahead["pageInfo"]["hasNextPage"]) == (True, False)
    assert (behind["pageInfo"]["hasPreviousPage"], behind["pageInfo"]["hasNextPage"]) == (
        False,
        True,
    )


async def test_an_empty_list(shared_api, caller):
    assert await page(shared_api, caller.token) == {
        "edges": [],
        "totalCount": 0,
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


async def test_total_count_is_of_the_whole_list(shared_api, caller, names):
    found = await page(shared_api, caller.token, first=1)
    assert (await page(shared_api, caller.token, first=1, after=found["pageInfo"]["endCursor"]))[
        "totalCount"
    ] == 11


async def test_the_usual_size_is_twenty(shared_api, shared_db, caller):
    for _ in range(21):
        make.create_activity(shared_db, caller.athlete_id)
    assert len((await page(shared_api, caller.token))["edges"]) == 20


async def test_rows_that_come_or_go_do_not_shift_pages(shared_api, shared_db, caller, names):
    first = await page(shared_api, caller.token, first=4)
    make.create_activity(
        shared_db, caller.athlete_id, name="newest", started_at=NOON + timedelta(days=99)
    )
    make.create_activity(
        shared_db, caller.athlete_id, name="oldest", started_at=NOON - timedelta(days=99)
    )
    shared_db.exec_driver_sql("DELETE FROM activities WHERE name = %s", (named(first)[-1],))
    rest = await page(shared_api, caller.token, first=20, after=first["pageInfo"]["endCursor"])
    assert named(rest) == [*in_order(names, ORDERS[1])[4:], "oldest"]


BAD_SIZES = {
    "zero": ({"first": 0}, "first"),
    "negative": ({"first": -1}, "first"),
    "above": ({"first": 1001}, "first"),
    "huge": ({"first": 1_000_000}, "first"),
    "last-zero": ({"last": 0}, "last"),
    "last-above": ({"last": 1001}, "last"),
    "last-negative": ({"last": -(2**31)}, "last"),
}


@pytest.mark.parametrize(("arguments", "field"), BAD_SIZES.values(), ids=BAD_SIZES)
async def test_a_size_out_of_range_is_an_error(shared_api, arguments, field):
    assert await shared_api.error(PAGE, **arguments) == {"code": "OUT_OF_RANGE", "field": field}


async def test_first_and_last_together_are_an_error(shared_api):
    assert await shared_api.error(PAGE, first=1, last=1) == {
        "code": "BAD_USER_INPUT",
        "field": "last",
    }


@pytest.mark.parametrize("size", [1, 1000], ids=["least", "most"])
async def test_the_bounds_are_inclusive(shared_api, caller, names, size):
    assert len(named(await page(shared_api, caller.token, first=size))) == min(size, 11)
    assert len(named(await page(shared_api, caller.token, last=size))) == min(size, 11)


async def test_a_cursor_of_another_order_is_an_error(shared_api, caller, names):
    cursor = (await page(shared_api, caller.token, first=1))["pageInfo"]["endCursor"]
    for order in (ORDERS[0], ORDERS[2]):
        error = await shared_api.error(PAGE, caller.token, after=cursor, order=order)
        assert error == {"code": "INVALID_CURSOR", "field": "after"}


def packed(*parts):
    return urlsafe_b64encode(json.dumps(parts).encode()).decode()


_NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(2**63), 2**63, 2**31, 1e999])
_VALUES = (
    st.none()
    | st.booleans()
    | _NUMBERS
    | st.text()
    | st.lists(st.none())
    | st.just("\x00")
    | st.just("\ud800")
)
_INSTANTS = st.sampled_from(
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999-14:00",
        "2026-01-01T00:00:00",
        "2026-01-01",
        "-5",
    ]
)
_COLUMNS = {
    "STARTED_AT": "started_at",
    "DISTANCE": "distance_m",
    "MOVING_TIME": "moving_time_s",
    "LAST_NAME": "last_name",
    "JOINED": "id",
}
_FORGED = st.builds(
    packed,
    st.sampled_from(sorted(_COLUMNS.values())),
    _VALUES | _INSTANTS,
    st.integers(0, 2**64) | _VALUES,
)
_CURSORS = st.text() | st.binary().map(lambda raw: urlsafe_b64encode(raw).decode()) | _FORGED
_FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_FUZZ
@given(
    cursor=_CURSORS,
    field=st.sampled_from(["STARTED_AT", "DISTANCE", "MOVING_TIME"]),
    way=st.sampled_from(["after", "before"]),
)
async def test_no_cursor_of_activities_breaks_the_server(shared_api, cursor, field, way):
    await refused_or_answered(
        shared_api, PAGE, order={"field": field, "direction": "ASC"}, **{way: cursor}
    )


@_FUZZ
@given(cursor=_CURSORS, field=st.sampled_from(["JOINED", "LAST_NAME"]))
async def test_no_cursor_of_athletes_breaks_the_server(shared_api, cursor, field):
    await refused_or_answered(shared_api, ATHLETES, order={"field": field}, after=cursor)


FORGED = {
    "nul": (athlete.ORDERINGS["LAST_NAME", False], "\x00"),
    "half-a-surrogate": (athlete.ORDERINGS["LAST_NAME", False], "\ud800"),
    "beyond-int": (activity.ORDERINGS["MOVING_TIME", False], 2**40),
    "beyond-double": (activity.ORDERINGS["DISTANCE", False], 10**400),
    "year-one": (activity.ORDERINGS["STARTED_AT", False], "0001-01-01T00:00:00+14:00"),
    "year-9999": (activity.ORDERINGS["STARTED_AT", False], "9999-12-31T23:59:59.999999-14:00"),
}


@pytest.mark.parametrize(("ordering", "value"), FORGED.values(), ids=FORGED)
async def test_a_forged_cursor_that_postgresql_cannot_hold_is_an_error(api, db, ordering, value):
    token = make.create_admin(db).token
    cursor = packed(f"{'-' if ordering.descending else ''}{ordering.column.key}", value, 1)
    if ordering.column.key == "last_name":
        error = await api.error(ATHLETES, token, order={"field": "LAST_NAME"}, after=cursor)
    else:
        field = {
            "moving_time_s": "MOVING_TIME",
            "distance_m": "DISTANCE",
            "started_at": "STARTED_AT",
        }
        order = {"field": field[ordering.column.key], "direction": "ASC"}
        error = await api.error(PAGE, token, order=order, after=cursor)
    assert error == {"code": "INVALID_CURSOR", "field": "after"}


async def refused_or_answered(api, query, **variables):
    response = await api.http.post(
        "/graphql",
        content=json.dumps({"query": query, "variables": variables}, ensure_ascii=True),
        headers={"content-type": "application/json"},
    )
    assert response.status_code in {200, 400, 422}
    codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
    assert codes <= {"INVALID_CURSOR", "BAD_REQUEST"}, (variables, response.text)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(order.values()))
async def test_cursors_of_row_numbers_go_on_behind_their_value(shared_api, caller, names, order):
    """Those of versions before 0.3 hold a number; whatever it is, it does not part equal rows."""
    value = COLUMNS[order["field"]]
    edges = (await shared_api.ask(PAGE, caller.token, first=11, order=order))["activities"]["edges"]
    ahead = {name: values[value] for name, values, _ in names}
    for edge in edges:
        name, given, _ = json.loads(urlsafe_b64decode(edge["cursor"] + "==="))
        own, listed = ahead[edge["node"]["name"]], [each["node"]["name"] for each in edges]
        for number in (1, 10**6):
            old = urlsafe_b64encode(json.dumps([name, given, number]).encode()).decode()
            found = []
            for mark in ({"first": 11, "after": old}, {"last": 11, "before": old}):
                page = (await shared_api.ask(PAGE, caller.token, order=order, **mark))["activities"]
                found += [each["node"]["name"] for each in page["edges"]]
            assert sorted(found) == sorted(each for each in listed if ahead[each] != own)
