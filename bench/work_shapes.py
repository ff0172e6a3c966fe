"""Shapes of operations for `bench.work_per_point`: every field of the schema that has arguments or
is a list (`tests/bench/test_work_shapes.py`), with its filters, orders and totals.
"""

from collections.abc import Iterator
from time import monotonic

from bench.work_mutation_shapes import mutation_shapes
from bench.work_part_shapes import part_shapes
from bench.work_shape import DRY_RUN, Shape, aliased
from bench.work_shape import of_athlete as _athlete

_FIELDS = (
    "id name sportType startedAt distanceMeters movingTimeSeconds elapsedTimeSeconds "
    "elevationGainMeters averageHeartRate maxHeartRate"
)
_MOST_ALIASED_SCHEMA = 28
_SCHEMA = "{ name fields { name args { name } type { name ofType { name } } } }"
_ACTIVITY_FILTERS = {
    "sport of nobody": 'sportTypes: ["Sailing"]',
    "name of nobody": 'nameContains: "no such title"',
    "name of many": 'nameContains: "run"',
    "future": 'startedFrom: "2100-01-01T00:00:00Z"',
    "long ago": 'startedUntil: "1900-01-01T00:00:00Z"',
    "shoes": 'gear: "$gear"',
    "too far": "minDistanceMeters: 9000000",
    "files": "source: FILE",
    "once": "includeDuplicates: false",
    "in a range": "minDistanceMeters: 5000, maxDistanceMeters: 5001",
}
_ATHLETE_FILTERS = {
    "name of nobody": 'nameContains: "no such name"',
    "country of nobody": 'country: "Nowhere"',
    "women": "sex: FEMALE",
}
_LEADERBOARD_FILTERS = {
    "too old": "minAge: 120",
    "country of nobody": 'country: "Nowhere"',
    "too young": "maxAge: 1",
    "future": 'achievedFrom: "2100-01-01"',
    "long ago": 'achievedUntil: "1900-01-01"',
    "women": "sex: FEMALE",
}
_ORDERS = ("DISTANCE", "MOVING_TIME", "ELAPSED_TIME")
_FUTURE = '"2100-01-01"'


def shapes() -> list[Shape]:
    """List all shapes."""
    return [*_lists(), *_filters(), *_orders(), *_pages(), *_totals(), *_of_one_athlete(), *_repeated(),
            *part_shapes(), *_new_documents(), *_not_run(), *mutation_shapes()]  # fmt: skip


def _lists() -> Iterator[Shape]:
    yield Shape(
        "activities(first: 1000)", f"{{ activities(first: 1000) {{ nodes {{ {_FIELDS} }} }} }}"
    )
    yield Shape(
        "athlete > activities(first: 1000)",
        _athlete(f"activities(first: 1000) {{ nodes {{ {_FIELDS} }} }}"),
    )
    yield Shape(
        "athletes(first: 1000)",
        "{ athletes(first: 1000) { nodes { id displayName sex country } } }",
    )
    yield Shape(
        "athletes(first: 50) > activities(first: 20)",
        "{ athletes(first: 50) { nodes { id activities(first: 20) { nodes { id name } } } } }",
    )
    yield Shape(
        "leaderboard(first: 1000)",
        "{ leaderboard(distance: KM5, first: 1000) { nodes { id elapsedTimeSeconds } } }",
    )
    yield Shape("standardDistances", "{ standardDistances { distance label meters } }")
    yield Shape("jobs", "{ jobs(first: 100) { totalCount nodes { id status } } }")
    yield Shape("nodes of 100 ids", "{ nodes(ids: [$ids]) { id ... on Activity { name } } }")
    yield Shape("one athlete", _athlete("id displayName"))
    yield Shape(
        "activity > duplicateOf, bestEfforts",
        _athlete(
            "activities(first: 100) { nodes { id duplicateOf { id } bestEfforts { id elapsedTimeSeconds } } }"
        ),
    )


def _filters() -> Iterator[Shape]:
    for name, condition in _ACTIVITY_FILTERS.items():
        listed = f"activities(first: 1, filter: {{ {condition} }}) {{ nodes {{ id }} }}"
        yield Shape(f"activities, {name}", f"{{ {listed} }}")
        yield Shape(f"athlete > activities, {name}", _athlete(listed))
    for name, condition in _ATHLETE_FILTERS.items():
        yield Shape(
            f"athletes, {name}",
            f"{{ athletes(first: 1, filter: {{ {condition} }}) {{ nodes {{ id }} }} }}",
        )
    for name, condition in _LEADERBOARD_FILTERS.items():
        yield Shape(
            f"leaderboard, {name}",
            f"{{ leaderboard(distance: KM5, first: 1, filter: {{ {condition} }}) {{ "
            f"nodes {{ id }} }} }}",
        )
    yield Shape(
        "leaderboard by age grade",
        "{ leaderboard(distance: KM5, by: AGE_GRADE, first: 20) { nodes { id } } }",
    )
    yield Shape(
        "jobs, kinds", "{ jobs(first: 20, filter: { kinds: [AGE_GRADES] }) { nodes { id } } }"
    )
    for name, condition in (
        ("from", f"from: {_FUTURE}"),
        ("until", 'until: "1900-01-01"'),
        ("with excluded", "includeExcluded: true"),
    ):
        yield Shape(
            f"athlete > bestEfforts, {name}",
            _athlete(f"bestEfforts(distance: KM5, first: 1, {condition}) {{ nodes {{ id }} }}"),
        )


def _orders() -> Iterator[Shape]:
    for order in _ORDERS:
        for direction in ("DESC", "ASC"):
            ordered = f"orderBy: {{ field: {order}, direction: {direction} }}"
            listed = f"activities(first: 20, {ordered}) {{ nodes {{ id }} }}"
            yield Shape(f"activities by {order}, {direction}", f"{{ {listed} }}")
            yield Shape(f"athlete > activities by {order}, {direction}", _athlete(listed))
    yield Shape(
        "athletes by last name",
        "{ athletes(first: 20, orderBy: { field: LAST_NAME, direction: DESC }) { nodes { id } } }",
    )


def _pages() -> Iterator[Shape]:
    """Pages behind and before a cursor, backwards too."""
    activity = 'activity(id: "$activity")'
    for field_text, cursor, within in (
        ("activities", "ACTIVITIES", ""),
        ("activities", "ACTIVITIES", 'athlete(id: "$athlete")'),
        ("athletes", "ATHLETES", ""),
        ("jobs", "JOBS", ""),
        ("jobs", "JOBS", 'athlete(id: "$athlete")'),
        ("laps", "LAPS", activity),
        ("splits", "SPLITS", activity),
        ("importReport", "ENTRIES", 'job(id: "$job")'),
    ):
        for arguments in (f'first: 20, after: "${cursor}"', f'last: 20, before: "${cursor}"'):
            listed = f"{field_text}({arguments}) {{ edges {{ cursor }} }}"
            yield Shape(
                f"a page of {within.split('(')[0]} {field_text}, {arguments.split(',')[0]}",
                f"{{ {within} {{ {listed} }} }}" if within else f"{{ {listed} }}",
            )
    for field_text, cursor, within in (
        ("leaderboard", "BESTS", ""),
        ("personalBestHistory", "HISTORY", 'athlete(id: "$athlete")'),
    ):
        for arguments in (f'after: "${cursor}"', f'last: 20, before: "${cursor}"'):
            listed = f"{field_text}(distance: KM5, {arguments}) {{ edges {{ cursor }} }}"
            yield Shape(
                f"a page of {field_text}, {arguments.split(':')[0]}",
                f"{{ {within} {{ {listed} }} }}" if within else f"{{ {listed} }}",
            )
    yield Shape(
        "the last bestEfforts before none",
        _athlete("bestEfforts(distance: KM5, last: 20, before: null) { nodes { rank } }"),
    )


def _totals() -> Iterator[Shape]:
    for name, condition in (
        ("", ""),
        *((f", {name}", f"(filter: {{ {each} }})") for name, each in _ACTIVITY_FILTERS.items()),
    ):
        yield Shape(f"activities totalCount{name}", f"{{ activities{condition} {{ totalCount }} }}")
        yield Shape(
            f"athlete > activities totalCount{name}",
            _athlete(f"activities{condition} {{ totalCount }}"),
        )
    yield Shape("athletes totalCount", "{ athletes { totalCount } }")
    yield Shape("leaderboard totalCount", "{ leaderboard(distance: KM5) { totalCount } }")


def _of_one_athlete() -> Iterator[Shape]:
    yield Shape(
        "athlete > bestEfforts totalCount", _athlete("bestEfforts(distance: KM5) { totalCount }")
    )
    yield Shape(
        "athlete > bestEfforts(from:) totalCount",
        _athlete('bestEfforts(distance: KM5, from: "2000-01-01") { totalCount }'),
    )
    yield Shape(
        "athlete > history totalCount",
        _athlete("personalBestHistory(distance: KM5) { totalCount nodes { id } }"),
    )
    for name, start in (("fastest", ""), ("slowest", ', after: "$cursor"')):
        yield Shape(
            f"{name} 200 efforts with rank",
            _athlete(
                f"bestEfforts(distance: KM5, first: 200{start}) {{ nodes {{ rank "
                "isPersonalBest } }"
            ),
            is_own=bool(start),
        )
    yield Shape(
        "trainingSummary by week",
        _athlete("trainingSummary(period: WEEK) { periodStart runCount }"),
    )
    yield Shape(
        "trainingSummary by year",
        _athlete("trainingSummary(period: YEAR) { periodStart runCount }"),
    )
    yield Shape(
        "trainingSummary of an empty range",
        _athlete(f"trainingSummary(period: WEEK, from: {_FUTURE}) {{ runCount }}"),
    )


def _repeated() -> Iterator[Shape]:
    yield Shape(
        "30 x activities, name, totalCount",
        "{ " + aliased('activities(filter: { nameContains: "absent %" }) { totalCount }') + " }",
    )
    yield Shape(
        "30 x athlete > activities, name, totalCount",
        _athlete(aliased('activities(filter: { nameContains: "absent %" }) { totalCount }')),
    )
    yield Shape(
        "30 x trainingSummary of an empty range",
        _athlete(aliased(f"trainingSummary(period: WEEK, from: {_FUTURE}) {{ runCount }}")),
    )
    yield Shape(
        "30 x bestEfforts(from:)",
        _athlete(
            aliased(f"bestEfforts(distance: KM5, first: 1, from: {_FUTURE}) {{ nodes {{ id }} }}")
        ),
    )
    for name, selection, first in (
        (
            "bestEfforts(from:) totalCount",
            f"bestEfforts(distance: KM5, from: {_FUTURE}) {{ totalCount }}",
            800,
        ),
        (
            "activities, name, totalCount",
            'activities(filter: { nameContains: "absent" }) { totalCount }',
            800,
        ),
        ("trainingSummary", f"trainingSummary(period: YEAR, from: {_FUTURE}) {{ runCount }}", 90),
        ("bestEfforts rank", "bestEfforts(distance: KM5, first: 1) { nodes { rank } }", 800),
    ):
        yield Shape(
            f"{first} x activity > athlete > {name}",
            _athlete(f"activities(first: {first}) {{ nodes {{ athlete {{ {selection} }} }} }}"),
        )
        yield Shape(
            f"{first} x root activity > athlete > {name}",
            f"{{ activities(first: {first}) {{ nodes {{ athlete {{ {selection} }} }} }} }}",
        )
    aliases = " ".join(f"a{n}: types {_SCHEMA}" for n in range(_MOST_ALIASED_SCHEMA))
    yield Shape(
        "28 x introspection",
        f"query($$n: String!) {{ __schema {{ {aliases} }} __type(name: $$n) {{ name }} }}",
        vary=lambda n: {"n": f"None{n}-{monotonic()}"},  # else the answer is kept
    )


def _new_documents() -> Iterator[Shape]:
    run = "id name sportType startedAt bestEfforts { id elapsedTimeSeconds ageGrade { percent } }"
    for tokens, selections in ((50, 1), (200, 6), (600, 20)):
        pages = " ".join(
            f"a{n}: activities(first: {n + 1}) {{ totalCount nodes {{ {run} }} }}"
            for n in range(selections)
        )
        yield Shape(
            f"a new document of some {tokens} tokens", f"query New$unlike {_athlete(pages)}"
        )
    names = " ".join(f"unknown{n}" for n in range(100))
    yield Shape(
        "a new document that is invalid",
        f"query New$unlike {{ viewer {{ {names} }} }}",
        is_invalid=True,
    )
    yield Shape(
        "a new document about the schema",
        f"query New$unlike {{ __schema {{ types {_SCHEMA} }} }}",
    )


def _not_run() -> Iterator[Shape]:
    nodes = "query($$ids: [ID!]!) { nodes(ids: $$ids) { id } }"
    yield Shape("a dry run", _athlete(f"activities {{ nodes {{ {_FIELDS} }} }}"), headers=DRY_RUN)
    for name, ids in (
        ("9,000 ids that do not fit", [1.5] * 9000),
        ("9,000 ids of no object", ["QWN0aXZpdHk6MQ=="] * 9000),
    ):
        yield Shape(name, nodes, vary=lambda _, ids=ids: {"ids": ids})
        yield Shape(
            f"a dry run, {name}", nodes, vary=lambda _, ids=ids: {"ids": ids}, headers=DRY_RUN
        )
    yield Shape(
        "200 KB of a variable that is not declared",
        "{ __typename }",
        vary=lambda _: {"a": [[]] * 9000 + ["x" * 150_000]},
    )
    yield Shape("above the limit", "{ activities(first: 1000) { nodes { bestEfforts { id } } } }")
