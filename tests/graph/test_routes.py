"""Routes, and what others see of them: nothing near their start and end."""

import json
import random
from itertools import pairwise
from math import cos, radians

import pytest

from athletics.route import route_of as route_of_samples
from graph.global_id import encode_id
from recordings.geodesic import distance_m
from tests import factories as make

pytestmark = pytest.mark.anyio

ROUTE = """query($id: ID!, $precision: Int! = 5) { activity(id: $id) { route(precision: $precision) {
    polylines geoJson bounds { south west north east } } } }"""


def decoded(line: str, precision: int) -> list[tuple[float, float]]:
    """By Google's description of the format, a character at a time."""
    numbers, value, shift = [], 0, 0
    for character in line:
        chunk = ord(character) - 63
        value |= (chunk & 31) << shift
        shift += 5
        if chunk < 32:
            numbers.append(~(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    places, y, x = [], 0, 0
    for dy, dx in zip(numbers[::2], numbers[1::2], strict=True):
        y, x = y + dy, x + dx
        places.append((y / 10**precision, x / 10**precision))
    return places


async def route_of(api, token, activity, precision=5):
    found = await api.ask(ROUTE, token, id=encode_id("Activity", activity), precision=precision)
    return found["activity"]["route"]


async def test_the_published_example_is_encoded_as_published(shared_api, shared_db):
    """Google's, from the description of the algorithm."""
    person = make.create_person(shared_db)
    activity = make.create_activity(shared_db, person.athlete_id)
    make.create_route(
        shared_db,
        activity,
        [(38_500_000, -120_200_000), (40_700_000, -120_950_000), (43_252_000, -126_453_000)],
    )
    route = await route_of(shared_api, person.token, activity)
    assert route["polylines"] == ["_p~iF~ps|U_ulLnnqC_mqNvxq`@"]
    assert json.loads(route["geoJson"]) == {
        "type": "MultiLineString",
        "coordinates": [[[-120.2, 38.5], [-120.95, 40.7], [-126.453, 43.252]]],
    }
    assert route["bounds"] == {"south": 38.5, "west": -126.453, "north": 43.252, "east": -120.2}


@pytest.mark.parametrize("precision", [4, 5, 6])
async def test_a_route_is_what_was_stored_to_the_chosen_digit(shared_api, shared_db, precision):
    person = make.create_person(shared_db)
    activity = make.create_activity(shared_db, person.athlete_id)
    chance = random.Random(precision)
    points = [
        (chance.randint(-90_000_000, 90_000_000), chance.randint(-180_000_000, 180_000_000))
        for _ in range(300)
    ]
    make.create_route(shared_db, activity, points)
    route = await route_of(shared_api, person.token, activity, precision)
    [line] = route["polylines"]
    places = decoded(line, precision)
    [drawn] = json.loads(route["geoJson"])["coordinates"]
    half = 0.5000001 / 10**precision
    for (y, x), place, (east, north) in zip(points, places, drawn, strict=True):
        assert (abs(place[0] - y / 1e6), abs(place[1] - x / 1e6)) <= (half, half)
        assert (abs(north - y / 1e6), abs(east - x / 1e6)) <= (half, half)


async def test_an_activity_without_positions_has_no_route(shared_api, shared_db):
    person = make.create_person(shared_db)
    assert (
        await route_of(shared_api, person.token, make.create_activity(shared_db, person.athlete_id))
        is None
    )


@pytest.mark.parametrize("precision", [3, 7])
async def test_other_precisions_are_refused(shared_api, shared_db, precision):
    person = make.create_person(shared_db)
    activity = encode_id("Activity", make.create_activity(shared_db, person.athlete_id))
    error = await shared_api.error(ROUTE, person.token, id=activity, precision=precision)
    assert (error["code"], error["field"]) == ("OUT_OF_RANGE", "precision")


async def test_over_the_date_line_the_box_is_small(shared_api, shared_db):
    person = make.create_person(shared_db)
    activity = make.create_activity(shared_db, person.athlete_id)
    make.create_route(
        shared_db, activity, [(-17_000_000, 179_999_500), (-17_000_000, -179_999_500)]
    )
    bounds = (await route_of(shared_api, person.token, activity))["bounds"]
    assert (bounds["west"], bounds["east"]) == (179.9995, 180.0005)


# --- the hidden radius


def wander(chance: random.Random, north: float, east: float, steps: int) -> list[tuple[int, int]]:
    """A run of steps up to 100 m from a place in degrees, which comes back to it now and then."""
    y, x = round(north * 1e6), round(east * 1e6)
    home, heading, points = (y, x), 0, [(y, x)]
    narrow = max(0.02, abs(cos(radians(north))))
    for step in range(steps):
        if chance.random() < 0.1:
            heading = chance.randint(-1, 1)
        back = 1 if step > steps * 0.6 and chance.random() < 0.5 else 0
        dy = chance.randint(-200, 600) * (1 - 2 * back * (y > home[0]))
        dx = round(heading * chance.randint(0, 500) / narrow)
        y = max(-89_900_000, min(89_900_000, y + dy))
        x = (x + dx + 180_000_000) % 360_000_000 - 180_000_000
        points.append((y, x))
    return points


def along(line: list[tuple[float, float]]):
    """Places along a drawn line, 5 to a step."""
    for (y, x), (to_y, to_x) in pairwise(line):
        for part in range(6):
            yield y + (to_y - y) * part / 5, x + ((to_x - x + 540) % 360 - 180) * part / 5


@pytest.fixture
def stranger(shared_db):
    return make.create_person(shared_db, first_name="Bare")


@pytest.mark.parametrize("seed", range(24))
async def test_others_see_no_part_within_the_radius_of_start_and_end(
    shared_sharing_api, shared_db, stranger, seed
):
    chance = random.Random(seed)
    radius = chance.choice([100, 137, 500, 1999, 5000])
    owner = make.create_person(shared_db, shares=True, hidden_radius_m=radius)
    activity = make.create_activity(shared_db, owner.athlete_id)
    north, east = chance.choice(
        [(0, 0), (47.3, 8.5), (-33.9, 179.999), (69.6, 18.9), (-45, -179.9995), (80.1, 0)]
    )
    points = wander(chance, north + chance.random() / 100, east, chance.randint(20, 600))
    make.create_route(shared_db, activity, points)
    precision = chance.choice([4, 5, 6])
    seen = await route_of(shared_sharing_api, stranger.token, activity, precision)
    lines = [decoded(line, precision) for line in seen["polylines"]]
    drawn = [[(y, x) for x, y in line] for line in json.loads(seen["geoJson"])["coordinates"]]
    ends = [(y / 1e6, x / 1e6) for y, x in (points[0], points[-1])]
    for line in (*lines, *drawn):
        for place in along(line):
            assert all(distance_m(*place, *end) >= radius for end in ends)
    assert len(lines) == len(drawn)
    assert (seen["bounds"] is None) == (not lines)
    if lines:
        south, north = (pick(y for line in lines for y, _ in line) for pick in (min, max))
        half = 0.51 / 10**precision
        assert abs(seen["bounds"]["south"] - south) <= half
        assert abs(seen["bounds"]["north"] - north) <= half
    far = [
        p
        for p in points
        if all(distance_m(p[0] / 1e6, p[1] / 1e6, *end) > radius * 2.6 + 120 for end in ends)
    ]
    assert (
        len(far) <= sum(map(len, lines)) + 2 * len(far) // 10 + 2
    )  # no more is hidden than is said
    own = await route_of(shared_sharing_api, owner.token, activity, precision)
    assert sum(len(decoded(line, precision)) for line in own["polylines"]) == len(points)


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_hidden_changes_no_answer(shared_sharing_api, shared_db, stranger, seed):
    """Starts in one cell of the grid, other ways near them, one way from there on: one answer."""
    chance = random.Random(seed)
    radius = chance.choice([100, 500, 2000])
    owner = make.create_person(shared_db, shares=True, hidden_radius_m=radius)
    step = radius / 0.110574  # millionths of a degree
    north = round(400 * step)  # on the grid, and so is `east`
    narrow = cos(radians(north / 1e6))
    east = round(70 * step / narrow)

    def place(up: float, right: float) -> tuple[int, int]:
        return north + round(step * up), east + round(step / narrow * right)

    outside = [place(1.3 + n / 40, n / 60) for n in range(200)]
    answers = []
    for _ in range(4):
        near = [(chance.uniform(-0.49, 0.49), chance.uniform(-0.49, 0.49)) for _ in range(5)]
        inside = [place(*each) for each in near[: chance.randint(1, 5)]]
        points = [(y / 1e6, x / 1e6) for y, x in (*inside, *outside)]
        activity = make.create_activity(shared_db, owner.athlete_id, distance_m=5000.0)
        route = zip(*route_of_samples(*zip(*points, strict=True)), strict=True)
        make.create_route(shared_db, activity, list(route))
        answers.append(await route_of(shared_sharing_api, stranger.token, activity))
    assert answers[0]["polylines"]
    assert all(each == answers[0] for each in answers)


@pytest.mark.parametrize(("radius", "is_whole"), [(0, True), (500, False)])
async def test_with_0_nothing_is_hidden(shared_sharing_api, shared_db, stranger, radius, is_whole):
    owner = make.create_person(shared_db, shares=True, hidden_radius_m=radius)
    activity = make.create_activity(shared_db, owner.athlete_id)
    make.create_route(
        shared_db, activity, [(47_300_000 + 800 * step, 8_500_000) for step in range(60)]
    )
    seen = await route_of(shared_sharing_api, stranger.token, activity)
    own = await route_of(shared_sharing_api, owner.token, activity)
    assert (seen == own) is is_whole


async def test_a_short_run_is_hidden_whole(shared_sharing_api, shared_db, stranger):
    owner = make.create_person(shared_db, shares=True)
    activity = make.create_activity(shared_db, owner.athlete_id)
    make.create_route(
        shared_db, activity, [(47_300_000 + 100 * step, 8_500_000) for step in range(40)]
    )
    assert await route_of(shared_sharing_api, stranger.token, activity) == {
        "polylines": [], "geoJson": '{"type":"MultiLineString","coordinates":[]}', "bounds": None,
    }  # fmt: skip


UPDATE = """mutation($id: ID!, $radius: Int) { updateAthlete(input: {athleteId: $id, hiddenRadiusMeters: $radius}) {
    athlete { hiddenRadiusMeters } job { id } userErrors { code field } } }"""


async def test_an_athlete_chooses_the_radius_and_it_holds_at_once(
    shared_sharing_api, shared_db, stranger
):
    owner = make.create_person(shared_db, shares=True)
    activity = make.create_activity(shared_db, owner.athlete_id)
    make.create_route(
        shared_db, activity, [(47_300_000 + 800 * step, 8_500_000) for step in range(60)]
    )
    lengths = []
    for radius in (0, 500, 1000):
        changed = await shared_sharing_api.ask(UPDATE, owner.token, id=owner.id, radius=radius)
        assert changed["updateAthlete"] == {
            "athlete": {"hiddenRadiusMeters": radius},
            "job": None,
            "userErrors": [],
        }
        seen = await route_of(shared_sharing_api, stranger.token, activity)
        lengths.append(sum(len(decoded(line, 5)) for line in seen["polylines"]))
    assert lengths[0] == 60 > lengths[1] > lengths[2] > 0


@pytest.mark.parametrize("radius", [-1, 1, 99, 5001, None])
async def test_other_radii_are_refused(shared_api, shared_db, radius):
    owner = make.create_person(shared_db)
    answer = await shared_api.ask(UPDATE, owner.token, id=owner.id, radius=radius)
    assert [each["field"] for each in answer["updateAthlete"]["userErrors"]] == [
        ["input", "hiddenRadiusMeters"]
    ]
