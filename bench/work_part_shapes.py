"""What activities, athletes and jobs hold, for `bench.work_per_point`."""

from collections.abc import Iterator

from bench.work_shape import PARTS, STREAM, Shape, aliased, of_athlete

_COLUMNS = (
    "timeSeconds distanceMeters heartRate cadence altitudeMeters powerWatts temperatureCelsius "
    "speedMetersPerSecond latitude longitude gapsAfter"
)
_LAP = "number startOffsetSeconds elapsedTimeSeconds distanceMeters paceSecondsPerKilometer"
_SPLIT = f"{_LAP} gradeAdjustedPaceSecondsPerKilometer elevationChangeMeters averageHeartRate"
_RECORDING = "recordings { id name source recordingChoice }"
_ROUTE = "route(precision: 6) { polylines geoJson bounds { south west north east } }"
_FUTURE = '"2100-01-01"'
_DAY = '"2026-01-01"'
_PREDICTED = (
    'racePredictions(method: CAMERON, distances: [KM5, MARATHON], from: "1900-01-01", '
    f"until: {_FUTURE}) {{ elapsedTimeSeconds bestEffort {{ id }} }}"
)
_OF_ACTIVITY = {
    "runsOnSameRoute": ("runsOnSameRoute { id name }", 20),
    "pacing": ("pacing { changePercent isNegativeSplit }", 1000),
    "laps": (f"laps(first: 20) {{ nodes {{ {_LAP} }} }}", 200),
    "last lap": (f"laps(last: 1) {{ edges {{ cursor node {{ {_LAP} }} }} }}", 1000),
    "laps totalCount": ("laps(first: 1) { totalCount }", 1000),
    "splits": (f"splits(first: 20) {{ nodes {{ {_SPLIT} }} }}", 200),
    "splits of miles": ("splits(unit: MILE, last: 1) { edges { node { number } } }", 1000),
    "splits totalCount": ("splits(first: 1) { totalCount }", 1000),
    "route": (_ROUTE, 1000),
    "bounds of the route": ("route { bounds { south } }", 1000),
    "heartRateZones": ("heartRateZones { number seconds }", 800),
    "recordings": (_RECORDING, 1000),
    "gear": ("gear { id name retired }", 1000),
    "gear > distanceMeters": ("gear { distanceMeters statedDistanceMeters }", 1000),
    "streams of 60 points": (f"streams(maxPoints: 60) {{ {_COLUMNS} }}", 60),
    "streams of 1 point": (f"streams(maxPoints: 1) {{ {_COLUMNS} }}", 200),
    "streams of 1 point, time only": ("streams(maxPoints: 1) { timeSeconds }", 200),
    "streams' sampleCount": ("streams(maxPoints: 1) { sampleCount }", 200),
    "streams' sampleCount in a range": ("streams(maxPoints: 1, from: 60) { sampleCount }", 200),
}
"""Fields of an activity, and of how many activities they are asked for at once."""
_OF_ATHLETE = {
    "gear": ("gear { id name distanceMeters }", 400),
    "syncProblems": ("syncProblems { stravaId code message activity { id name } }", 400),
    "stravaConnection": ("stravaConnection { scopes missingScopes lastSyncedAt }", 1000),
    "heartRateZones": ('heartRateZones(on: "2020-01-01") { number belowBeatsPerMinute }', 700),
    "timeInHeartRateZones": ("timeInHeartRateZones { number seconds }", 700),
    "timeInHeartRateZones of an empty range": (
        f"timeInHeartRateZones(from: {_FUTURE}) {{ number }}", 700,
    ),
    "timeInHeartRateZones until": (
        'timeInHeartRateZones(until: "1900-01-01") { number seconds }', 700,
    ),
    "deletedActivities": (
        "deletedActivities(first: 20, after: null) { edges { cursor node { activityId } } }", 300,
    ),
    "deletedActivities, last": (
        "deletedActivities(last: 20, before: null) { totalCount nodes { stravaId deletedAt } }", 300,
    ),
    "jobs": ("jobs(first: 20) { edges { cursor node { id status } } }", 100),
    "jobs totalCount": ("jobs(first: 1) { totalCount }", 800),
    "jobs that failed": ("jobs(last: 1, filter: { statuses: [FAILED] }) { nodes { id } }", 800),
    "personalBests": ("personalBests(distances: [KM5, KM10]) { id previous { id } }", 600),
    "personalBestHistory": (
        "personalBestHistory(distance: KM5, first: 5) { edges { cursor node { id } } }", 300,
    ),
    "bestEfforts": (
        "bestEfforts(distance: KM5, first: 5) { edges { cursor node { id } } }", 300,
    ),
    "paceCurve": ("paceCurve { id elapsedTimeSeconds }", 60),
    "paceCurve of all years": (
        f'paceCurve(from: "1900-01-01", until: {_FUTURE}) {{ id elapsedTimeSeconds }}', 60,
    ),
    "criticalSpeed": ("criticalSpeed { metersPerSecond rSquared distances }", 400),
    "criticalSpeed of all years": (
        f'criticalSpeed(from: "1900-01-01", until: {_FUTURE}) {{ metersPerSecond }}', 400,
    ),
    "racePredictions": ("racePredictions { distance elapsedTimeSeconds }", 60),
    "racePredictions of all years": (_PREDICTED, 300),
    "trainingLoad": ("trainingLoad { day load fitness fatigue form }", 10),
    "trainingLoad of one day": ("trainingLoad(days: 1) { fitness }", 400),
    "trainingLoad of a year": (
        f"trainingLoad(days: 366, until: {_DAY}) {{ day runCount runsWithoutHeartRate }}", 2,
    ),
    "trainingSummary by week": ("trainingSummary(period: WEEK) { periodStart runCount }", 90),
    "trainingSummary until": (
        'trainingSummary(period: MONTH, until: "1900-01-01") { runCount }', 90,
    ),
}  # fmt: skip
"""Fields of an athlete, and of how many activities' athletes they are asked for at once."""
_OF_JOB = {
    "problems": "problems { stravaId code message }",
    "what it changed": "result { changedActivityIds deletedActivityIds changedDistances }",
    "importReport(first: 1000)": (
        "importReport(first: 1000) { edges { cursor node { path outcome message } } }"
    ),
    "importReport > activity": "importReport(first: 500) { nodes { activity { id name } } }",
    "importReport, last": "importReport(last: 1) { nodes { path } }",
    "importReport totalCount": "importReport(first: 1) { totalCount }",
    "importReport, none of its outcomes": (
        "importReport(first: 1, outcomes: [UPDATED]) { totalCount nodes { path } }"
    ),
    "30 x importReport, none of its outcomes": aliased(
        "importReport(first: 1, outcomes: [UPDATED]) { totalCount nodes { path } }"
    ),
}


def part_shapes() -> Iterator[Shape]:
    """List what activities, athletes and jobs hold, and answers in parts."""
    yield from _of_activities()
    yield from _of_athletes()
    yield from _of_jobs()
    yield from _by_id()
    yield from _in_parts()


def _of_activities() -> Iterator[Shape]:
    for name, (selection, at_once) in _OF_ACTIVITY.items():
        yield Shape(f"activity > {name}", f'{{ activity(id: "$activity") {{ {selection} }} }}')
        listed = f"activities(first: {at_once}) {{ nodes {{ {selection} }} }}"
        yield Shape(f"{at_once} x activity > {name}", of_athlete(listed))
    for name, arguments in (
        ("of all points", "maxPoints: 4000"),
        ("of a range", "from: 3600, until: 7200, maxPoints: 500"),
        ("of an empty range", "from: 1000000, maxPoints: 4000"),
    ):
        yield Shape(
            f"activity > streams {name}",
            f'{{ activity(id: "$activity") {{ streams({arguments}) {{ {_COLUMNS} }} }} }}',
        )
    yield Shape(
        "30 x activity > streams of a range",
        f'{{ activity(id: "$activity") {{ {aliased("streams(from: 3600.%, maxPoints: 100) { timeSeconds }")} }} }}',
    )


def _of_athletes() -> Iterator[Shape]:
    for name, (selection, at_once) in _OF_ATHLETE.items():
        yield Shape(f"athlete > {name}", of_athlete(selection))
        yield Shape(f"30 x athlete > {name}", of_athlete(aliased(selection)))
        yield Shape(
            f"{at_once} x activity > athlete > {name}",
            of_athlete(f"activities(first: {at_once}) {{ nodes {{ athlete {{ {selection} }} }} }}"),
        )


def _of_jobs() -> Iterator[Shape]:
    for name, selection in _OF_JOB.items():
        yield Shape(f"job > {name}", f'{{ job(id: "$job") {{ {selection} }} }}', is_own=True)
    for name, selection in (
        ("problems", "problems { code }"),
        ("what it changed", "result { changedActivityIds deletedActivityIds changedDistances }"),
        ("importReport", "importReport(first: 20) { nodes { path } }"),
        ("importReport totalCount", "importReport(first: 1) { totalCount }"),
    ):
        yield Shape(
            f"100 x job > {name}",
            of_athlete(f"jobs(first: 100) {{ nodes {{ {selection} }} }}"),
            is_own=True,
        )
    yield Shape(
        "the first event of jobUpdated",
        'subscription { jobUpdated(id: "$job") { id status } }',
        is_own=True,
        headers=STREAM,
    )
    yield Shape(
        "the first event of jobUpdated, with problems and the report",
        'subscription { jobUpdated(id: "$job") { problems { code } '
        "importReport(first: 1000) { nodes { path } } } }",
        is_own=True,
        headers=STREAM,
    )


def _by_id() -> Iterator[Shape]:
    yield Shape("node: an activity", '{ node(id: "$activity") { id ... on Activity { name } } }')
    for name, selection in (
        ("an activity's heart rate zones", "... on Activity { heartRateZones { number seconds } }"),
        ("a pair of shoes", "... on Gear { name distanceMeters }"),
        ("an athlete's runs", "... on Athlete { activities(first: 1) { totalCount } }"),
    ):
        node = (
            "$gear"
            if "Gear" in selection
            else "$athlete"
            if "Athlete" in selection
            else "$activity"
        )
        yield Shape(f"node: {name}", f'{{ node(id: "{node}") {{ id {selection} }} }}')
        yield Shape(
            f"30 x node: {name}", f'{{ {aliased(f"""node(id: "{node}") {{ id {selection} }}""")} }}'
        )
    yield Shape(
        "viewer > apiTokens", "{ viewer { scopes apiTokens { id name hint scopes lastUsedAt } } }"
    )
    for page in ("first: 20, after: null", "last: 20, before: null"):
        yield Shape(
            f"stravaQuota, {page.split(':')[0]} that wait",
            f"{{ stravaQuota {{ limits {{ used left }} waiting({page}) {{ nodes {{ id }} }} }} }}",
        )
    yield Shape(
        "ageGrade",
        "{ ageGrade(input: { distanceMeters: 5000, elapsedTimeSeconds: 1200, sex: FEMALE, age: 40, "
        "table: ROAD_2015 }) { percent } }",
    )
    grade = (
        "ageGrade(input: { distanceMeters: 5%01, elapsedTimeSeconds: 1200, sex: MALE, age: 40, "
        "table: null }) { percent ageGradedTimeSeconds }"
    )
    yield Shape("30 x ageGrade", f"{{ {aliased(grade)} }}")


def _in_parts() -> Iterator[Shape]:
    few = " ".join(
        f"... @defer {{ a{n}: bestEfforts(distance: KM5, first: {n + 1}) {{ nodes {{ id }} }} }}"
        for n in range(16)
    )
    names = "... @defer { name } ... @defer { distanceMeters } ... @defer { startedAt }"
    nested = "... @defer { name ... @defer { bestEfforts { id } } }"
    for name, selection in (
        ("16 fragments", few),
        ("a fragment of 1000 runs", "activities(first: 1000) { nodes { id ... @defer { name } } }"),
        ("3 fragments of 900 runs", f"activities(first: 900) {{ nodes {{ id {names} }} }}"),
        ("a fragment in another", f"activities(first: 900) {{ nodes {{ id {nested} }} }}"),
        ("1000 entries", "activities(first: 1000) { nodes @stream(initialCount: 1) { id name } }"),
        ("lists in a list", "activities(first: 200) { nodes { bestEfforts @stream { id } } }"),
    ):
        yield Shape(f"in parts: {name}", of_athlete(selection), headers=PARTS)
