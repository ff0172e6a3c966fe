"""Mutations for `bench.work_per_point`: each of the schema.

No worker runs, so jobs stay queued. Mutations that would change what others measure are refused:
their ids are of nothing.
"""

from collections.abc import Iterator

from bench.work_shape import Shape
from db.models.base import FIRST_RANDOM_ID
from graph.global_id import encode_id

_NOTHING, _NO_GEAR = (encode_id(each, FIRST_RANDOM_ID) for each in ("Activity", "Gear"))
_CHANGES = "personalBestChanges { distance personalBest { id } }"
_ERRORS = "userErrors { field code message }"
_ZONES = (
    'heartRateZones: { validFrom: "2001-01-01", lowestBeatsPerMinute: [0, 115, 135, 155, 175] }'
)
_NO_ORIGINAL = encode_id("Original", FIRST_RANDOM_ID)
_JOBS = {
    "syncStrava": 'athleteId: "$athlete", mode: FULL, since: "2025-01-01", until: "2025-02-01"',
    "recalculatePersonalBests": 'athleteId: "$athlete"',
    "recalculateAgeGrades": 'athleteId: "$athlete"',
    "exportAthlete": 'athleteId: "$athlete"',
    "retrySyncProblems": 'athleteId: "$athlete", stravaId: "1"',
    "cancelJob": 'id: "$job"',
    "retryJob": 'id: "$job"',
}


def mutation_shapes() -> Iterator[Shape]:
    """List the mutations; the one that ends the connection comes last."""
    yield from _of_rows()
    yield from _of_activities()
    yield from _of_jobs()
    yield from _of_accounts()


def _of_rows() -> Iterator[Shape]:
    yield Shape(
        "excludeBestEffort",
        'mutation($$on: Boolean!) { excludeBestEffort(input: { bestEffortId: "$effort", '
        f"excluded: $$on }}) {{ bestEffort {{ rank }} {_CHANGES} {_ERRORS} }} }}",
        is_own=True,
        vary=lambda n: {"on": n % 2 == 0},
    )
    yield Shape("30 x excludeBestEffort", "mutation { $efforts }", is_own=True)
    for name in ("chooseRecording", "separateRecording"):
        yield Shape(
            name,
            f'mutation($$undo: Boolean!) {{ {name}(input: {{ activityId: "$recording", '
            f"undo: $$undo }}) {{ activity {{ recordings {{ id }} }} recordings {{ id }} "
            f"{_CHANGES} "
            f"{_ERRORS} }} }}",
            is_own=True,
            vary=lambda n: {"undo": n % 2 == 1},
        )
    yield Shape(
        "deleteOriginal of nothing",
        f'mutation {{ deleteOriginal(input: {{ id: "{_NO_ORIGINAL}" }}) {{ deletedId '
        f"activities {{ id }} {_ERRORS} }} }}",
        is_own=True,
    )
    yield Shape(
        "updateAthlete",
        'mutation($$city: String!) { updateAthlete(input: { athleteId: "$athlete", city: $$city }) '
        f"{{ athlete {{ id }} {_ERRORS} }} }}",
        is_own=True,
        vary=lambda n: {"city": f"City {n}"},
    )
    yield Shape(
        "updateAthlete, heart rate zones",
        f'mutation {{ updateAthlete(input: {{ athleteId: "$athlete", {_ZONES} }}) {{ '
        f'athlete {{ heartRateZones(on: "2001-02-01") {{ number }} }} {_ERRORS} }} }}',
        is_own=True,
    )
    yield Shape(
        "updateAthlete, all that is told",
        'mutation { updateAthlete(input: { athleteId: "$athlete", firstName: "Owner", '
        'lastName: "Measured", sex: FEMALE, birthDate: "1980-05-17", country: "PT", '
        "measurementSystem: METRIC, shares: true, sharesAgeGrades: true, "
        f"hiddenRadiusMeters: 200, restingHeartRate: 50, maxHeartRate: 190 }}) {{ "
        f"athlete {{ id }} {_ERRORS} }} }}",
        is_own=True,
    )


def _of_activities() -> Iterator[Shape]:
    yield Shape(
        "updateActivity",
        'mutation($$on: Boolean!) { updateActivity(input: { activityId: "$activity", name: "Run", '
        'description: "It rained.", notes: "Slow.", isRace: $$on, gearId: "$gear", hidden: $$on, '
        f"excluded: $$on }}) {{ activity {{ name hidden excluded notes }} recordings {{ "
        f"id }} {_CHANGES} {_ERRORS} }} }}",
        is_own=True,
        vary=lambda n: {"on": n % 2 == 0},
    )
    yield Shape(
        "deleteActivity of one of nobody",
        f'mutation {{ deleteActivity(input: {{ activityId: "{_NOTHING}" }}) '
        f"{{ recordings {{ id }} {_CHANGES} {_ERRORS} }} }}",
        is_own=True,
    )
    yield Shape(
        "restoreActivity of one that is there",
        'mutation { restoreActivity(input: { activityId: "$activity", idempotencyKey: "measured" }) '
        f"{{ job {{ id }} {_ERRORS} }} }}",
        is_own=True,
    )
    yield Shape(
        "createGear",
        'mutation { createGear(input: { athleteId: "$athlete", name: "Measured", '
        f'idempotencyKey: "measured" }}) {{ gear {{ id }} {_ERRORS} }} }}',
        is_own=True,
    )
    yield Shape(
        "updateGear",
        'mutation($$name: String!) { updateGear(input: { gearId: "$gear", name: $$name, '
        f"retired: false }}) {{ gear {{ id }} {_ERRORS} }} }}",
        is_own=True,
        vary=lambda n: {"name": f"Pair {n}"},
    )
    yield Shape(
        "deleteGear of nobody",
        f'mutation {{ deleteGear(input: {{ gearId: "{_NO_GEAR}", replacementId: "$gear" }}) '
        f"{{ activityCount athlete {{ id }} {_ERRORS} }} }}",
        is_own=True,
    )


def _of_jobs() -> Iterator[Shape]:
    for name, values in _JOBS.items():
        yield Shape(
            name,
            f"mutation {{ {name}(input: {{ {values} }}) {{ job {{ id status }} {_ERRORS} }} }}",
            is_own=True,
        )
    yield Shape(
        "syncStrava of one activity, under a key",
        'mutation { syncStrava(input: { athleteId: "$athlete", activityId: "$activity", '
        f'idempotencyKey: "measured" }}) {{ job {{ id }} {_ERRORS} }} }}',
        is_own=True,
    )
    for by in ('id: "$activity"', 'stravaId: "1"'):
        yield Shape(
            f"syncStrava of one activity by {by.split(':')[0]}",
            'mutation { syncStrava(input: { athleteId: "$athlete", '
            f"activity: {{ {by} }} }}) {{ job {{ id }} {_ERRORS} }} }}",
            is_own=True,
        )
    files = ", ".join(f'{{ name: "run{n}.fit", sizeBytes: 1000 }}' for n in range(20))
    yield Shape(
        "stageUploads",
        f'mutation {{ stageUploads(input: {{ athleteId: "$athlete", files: [{files}] }}) '
        f"{{ uploads {{ id url }} {_ERRORS} }} }}",
        is_own=True,
    )
    absent = ", ".join(f'"{n}"' for n in range(100))
    yield Shape(
        "importActivities of no uploads",
        f'mutation {{ importActivities(input: {{ athleteId: "$athlete", uploadIds: [{absent}], '
        f"visibility: ONLY_ME }}) {{ job {{ id }} {_ERRORS} }} }}",
        is_own=True,
    )


def _of_accounts() -> Iterator[Shape]:
    yield Shape("connectStrava", f"mutation {{ connectStrava {{ authorizationUrl {_ERRORS} }} }}")
    yield Shape(
        "connectStrava that leads back",
        'mutation { connectStrava(input: { returnTo: "/graphiql" }) '
        f"{{ authorizationUrl {_ERRORS} }} }}",
    )
    for name, values in (
        ("", '"measured", scopes: [READ], expiresAt: "2100-01-01T00:00:00Z"'),
        (" of a bad name", '"", scopes: [READ]'),
    ):
        yield Shape(
            f"createApiToken{name}",
            f"mutation {{ createApiToken(input: {{ name: {values} }}) {{ {_ERRORS} }} }}",
        )
    yield Shape(
        "revokeApiToken of a revoked one",
        f'mutation {{ revokeApiToken(input: {{ id: "$token" }}) {{ revokedWithIt {{ id }} {_ERRORS} }} }}',
        is_own=True,
    )
    yield Shape(
        "submitFeedback",
        'mutation { submitFeedback(input: { message: "measured", contact: "nobody" }) '
        f"{{ {_ERRORS} }} }}",
    )
    yield Shape(
        "disconnectStrava",
        'mutation { disconnectStrava(input: { athleteId: "$athlete", keepData: true }) '
        f"{{ job {{ id }} {_ERRORS} }} }}",
        is_own=True,
    )
