"""No field, filter, order or cursor tells others where a hidden home is."""

import json
import random
from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_required_input_field,
)

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.hidden_home import HiddenHome
from tests.graph.observation import ask_everything
from tests.graph.walk import REQUIRED, SCHEMA, is_composite_type, selection

pytestmark = pytest.mark.anyio

VALUES = {
    "Int": ("1", "3", "60", "700"),
    "Float": ("0.5", "100", "1200", "2990", "9000"),
    "String": ('"Run"',),
    "ID": ('"none"',),
    "Date": ('"2026-03-01"', '"2026-03-03"'),
    "DateTime": ('"2026-03-01T12:00:00Z"', '"2026-03-02T12:20:00Z"'),
    "Boolean": ("true", "false"),
}
_PER_REQUEST = 6


def values_of(type_) -> Iterator[str]:
    """Values of an argument; of an input object each field alone."""
    if isinstance(type_, GraphQLNonNull):
        yield from values_of(type_.of_type)
    elif isinstance(type_, GraphQLList):
        yield from (f"[{each}]" for each in values_of(type_.of_type))
    elif isinstance(type_, GraphQLEnumType):
        yield from type_.values
    elif isinstance(type_, GraphQLInputObjectType):
        must = {
            n: next(values_of(f.type))
            for n, f in type_.fields.items()
            if is_required_input_field(f)
        }
        for name, field in type_.fields.items():
            for value in values_of(field.type):
                given = must | {name: value}
                yield "{" + ", ".join(f"{n}: {v}" for n, v in given.items()) + "}"
    else:
        yield from VALUES[type_.name]


def calls(name: str, field: GraphQLField) -> Iterator[str]:
    """The field with each of its arguments in turn, at each of their values."""
    must = {each: REQUIRED[each] for each in field.args if each in REQUIRED}
    target = get_named_type(field.type)
    below = f" {{ {selection(target, 0)} }}" if is_composite_type(target) else ""
    for argument, declared in field.args.items():
        for value in values_of(declared.type):
            given = must | {argument: value}
            yield f"{name}({', '.join(f'{n}: {v}' for n, v in given.items())}){below}"


def queries(home: HiddenHome) -> Iterator[str]:
    """Every field with arguments of the athlete, of each run, and of the whole."""
    athlete, *_ = home.exposed.shown["Athlete"]
    roots = [("Query", ""), ("Athlete", f'athlete(id: "{athlete}")')]
    roots += [("Activity", f'activity(id: "{each}")') for each in home.exposed.shown["Activity"]]
    for type_name, root in roots:
        fields = SCHEMA.get_type(type_name).fields.items()
        asked = [
            each
            for n, field in fields
            if not {"id", "ids"} & {*field.args}
            for each in calls(n, field)
        ]
        for start in range(0, len(asked), _PER_REQUEST):
            part = " ".join(
                f"f{n}: {each}" for n, each in enumerate(asked[start : start + _PER_REQUEST])
            )
            yield f"{{ {root} {{ {part} }} }}" if root else f"{{ {part} }}"


async def all_answers(api, token, home: HiddenHome) -> list[str]:
    found = [json.dumps(each) for each in await ask_everything(api, token, home.exposed)]
    for query in queries(home):
        answer = await api.answer(query, token)
        cost = answer.get("extensions", {}).get("cost", {})
        counted = {name: cost.get(name) for name in ("requested", "actual")}
        found.append(json.dumps([query, answer.get("data"), answer.get("errors"), counted]))
    return found


@pytest.mark.whole
@pytest.mark.parametrize(("seed", "radius_m"), [(1, 100), (2, 500)])
async def test_answers_to_others_are_the_same_wherever_home_is(sharing_api, db, seed, radius_m):
    stranger = make.create_person(db, first_name="Bare")
    home = HiddenHome(db, random.Random(seed), radius_m)
    seen = await all_answers(sharing_api, stranger.token, home)
    own = await ask_everything(sharing_api, home.exposed.person.token, home.exposed)
    home.move()
    again = await all_answers(sharing_api, stranger.token, home)
    for one, other in zip(seen, again, strict=True):
        assert one == other
    assert await ask_everything(sharing_api, home.exposed.person.token, home.exposed) != own


STREAMS = """query($id: ID!) { activity(id: $id) { route { polylines } laps { totalCount } splits { totalCount }
    bestEfforts { startOffsetSeconds startDistanceMeters averageHeartRate achievedAt achievedAtLocal }
    streams(maxPoints: 5000) { sampleCount timeSeconds distanceMeters altitudeMeters gapsAfter } } }"""


async def test_others_see_the_samples_of_what_they_see(sharing_api, db):
    stranger = make.create_person(db, first_name="Bare")
    home = HiddenHome(db, random.Random(9), 500)

    async def run_of(token, activity):
        return (await sharing_api.ask(STREAMS, token, id=encode_id("Activity", activity)))[
            "activity"
        ]

    seen, own = [
        await run_of(each, home.runs[0]) for each in (stranger.token, home.exposed.person.token)
    ]
    streams, whole = seen["streams"], own["streams"]
    assert (seen["laps"]["totalCount"], seen["splits"]["totalCount"]) == (0, 0)
    assert own["laps"]["totalCount"] > 3
    assert own["splits"]["totalCount"] > 3
    assert len(seen["route"]["polylines"]) == 2
    [cut] = streams["gapsAfter"]
    assert whole["gapsAfter"] == []
    assert 800 < streams["sampleCount"] == len(streams["timeSeconds"]) < whole["sampleCount"]
    heights, some = whole["altitudeMeters"], streams["altitudeMeters"][:50]
    first = next(n for n in range(len(heights)) if heights[n : n + 50] == some)
    time_s, distance_m = streams["timeSeconds"], streams["distanceMeters"]
    assert (time_s[0], distance_m[0], time_s[cut]) == (0, 0, cut)
    assert (time_s[cut + 1], distance_m[cut + 1]) == (time_s[cut], distance_m[cut])
    moved = [round(m - whole["distanceMeters"][first], 2) for m in whole["distanceMeters"][first:]]
    assert distance_m[: cut + 1] == moved[: cut + 1]
    assert all(each["startOffsetSeconds"] == 0 for each in seen["bestEfforts"])
    assert all(each["startOffsetSeconds"] > 0 for each in own["bestEfforts"])
    assert all(each["startDistanceMeters"] is None for each in seen["bestEfforts"])
    assert all(each["startDistanceMeters"] > 0 for each in own["bestEfforts"])
    assert all(each["averageHeartRate"] is None for each in seen["bestEfforts"])
    assert all(each["averageHeartRate"] > 0 for each in own["bestEfforts"])
    for name in ("achievedAt", "achievedAtLocal"):
        assert {e[name] for e in own["bestEfforts"]} & {
            e[name] for e in seen["bestEfforts"]
        } == set()
    assert (await run_of(stranger.token, home.again))["streams"] is None
    treadmill = await run_of(stranger.token, home.treadmill)
    assert treadmill["streams"]["sampleCount"] == 900
    assert treadmill["splits"]["totalCount"] == 3


async def test_with_nothing_hidden_others_see_all_of_it(sharing_api, db):
    stranger = make.create_person(db, first_name="Bare")
    home = HiddenHome(db, random.Random(9), 500)
    db.exec_driver_sql("UPDATE athletes SET hidden_radius_m = 0")
    id_ = encode_id("Activity", home.runs[0])
    seen, own = [
        await sharing_api.ask(STREAMS, token, id=id_)
        for token in (stranger.token, home.exposed.person.token)
    ]
    assert seen == own


async def test_where_the_route_does_not_tell_which_samples_are_hidden_all_are(sharing_api, db):
    stranger = make.create_person(db, first_name="Bare")
    home = HiddenHome(db, random.Random(9), 500)
    id_ = encode_id("Activity", home.runs[0])
    for statement in ("UPDATE activity_routes SET samples = NULL", "DELETE FROM activity_routes"):
        db.exec_driver_sql(statement)
        seen = (await sharing_api.ask(STREAMS, stranger.token, id=id_))["activity"]
        assert (seen["streams"], seen["laps"], seen["splits"]) == (
            None,
            {"totalCount": 0},
            {"totalCount": 0},
        )
