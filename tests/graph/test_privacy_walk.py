"""Each field of the schema shows its value to whom `exposure.py` says, on every path, and to nobody
else.

A walk by introspection asks everything there is of one athlete, as everybody who could ask.
"""

from dataclasses import dataclass

import pytest
from graphql import is_required_argument

from tests import factories as make
from tests.graph.api import serve
from tests.graph.exposed_athlete import MARKS, ExposedAthlete, create_exposed_athlete
from tests.graph.exposure import Exposure, classified, fields_of
from tests.graph.observation import Observation, ask_everything, observations, text_of
from tests.graph.walk import REQUIRED, SCHEMA, types_below

pytestmark = pytest.mark.anyio

E = Exposure
EXPOSURES = classified()
_ALL = {E.SHARED, E.DERIVED, E.AGE, E.OWNER}


@dataclass(frozen=True)
class Asking:
    """Who asks, where the operator and the athlete allow what, and the fields that show then."""

    who: str
    sharing: bool
    shares: bool
    shares_age_grades: bool
    shown: frozenset[Exposure]


def asking(
    who: str, shown: set[Exposure], *, sharing=True, shares=True, ages=True, whole: bool = False
):
    """One case; those that are `whole` are left to `make test-whole`, the others are a sample."""
    words = [
        who,
        *(["SHARING"] if sharing else []),
        *(["shares"] if shares else []),
        *(["ages"] if ages else []),
    ]
    marks = [pytest.mark.whole] if whole else []
    case = Asking(who, sharing, shares, ages, frozenset(shown))
    return pytest.param(case, id=", ".join(words), marks=marks)


ASKING = [
    asking("owner", _ALL, sharing=False, shares=False, ages=False),
    asking("owner", _ALL, whole=True),
    asking("admin", _ALL, sharing=False, shares=False, ages=False, whole=True),
    asking("admin", _ALL, whole=True),
    asking("stranger", set(), sharing=False),
    asking("stranger", set(), shares=False, whole=True),
    asking("stranger", {E.SHARED, E.DERIVED}, ages=False),
    asking("stranger", {E.SHARED, E.DERIVED, E.AGE}, whole=True),
    asking("signed out", set()),
    asking("admin without the scope", set(), sharing=False),
    asking("admin without the scope", {E.SHARED, E.DERIVED, E.AGE}, whole=True),
    asking("admin scope without an administrator's account", set(), sharing=False, whole=True),
    asking(
        "admin scope without an administrator's account",
        {E.SHARED, E.DERIVED},
        ages=False,
        whole=True,
    ),
    asking("account without an athlete", set(), whole=True),
]


def token_of(db, who: str, owner: make.Person) -> str | None:
    everything = ("admin", "read", "sync")
    make_token = {
        "owner": lambda: owner.token,
        "admin": lambda: make.create_admin(db).token,
        "stranger": lambda: make.create_person(db, first_name="Bare").token,
        "signed out": lambda: None,
        "admin without the scope": lambda: make.create_person(db, is_admin=True).token,
        "admin scope without an administrator's account": lambda: (
            make.create_person(db, scopes=everything).token
        ),
        "account without an athlete": lambda: make.create_token(
            db, make.create_account(db, athlete_id=None)
        ),
    }
    return make_token[who]()


def test_the_walk_knows_every_argument_that_must_be_given():
    for type_ in types_below(SCHEMA.query_type).values():
        required = {
            name
            for f in type_.fields.values()
            for name, a in f.args.items()
            if is_required_argument(a)
        }
        assert required <= {*REQUIRED, "id", "ids"}, type_.name


def test_every_field_is_classified():
    fields = fields_of(SCHEMA)
    new = sorted(".".join(each) for each in fields - EXPOSURES.keys())
    assert not new, f"Who gets the value of {', '.join(new)}? Say so in tests/graph/exposure.py."
    gone = sorted(".".join(each) for each in EXPOSURES.keys() - fields)
    assert not gone, (
        f"{', '.join(gone)}: not in the schema any more. Take it out of tests/graph/exposure.py."
    )


@dataclass(frozen=True)
class Seen:
    """All that one asking saw; `own` is what the athlete sees of the same."""

    case: Asking
    exposed: ExposedAthlete
    observations: set[Observation]
    text: str
    own: set[Observation]

    @property
    def of_athlete(self) -> list[Observation]:
        return [
            each for each in self.observations if each.of in self.exposed.ids and each.is_something
        ]


@pytest.mark.parametrize("case", ASKING)
async def test_each_field_shows_to_whom_it_is_for(settings, db, case):
    exposed = create_exposed_athlete(
        db, shares=case.shares, shares_age_grades=case.shares_age_grades
    )
    token = token_of(db, case.who, exposed.person)
    async with serve(
        settings.model_copy(update={"sharing": "on" if case.sharing else "off"})
    ) as api:
        answers = await ask_everything(api, token, exposed)
        own = (
            answers
            if case.who == "owner" or not case.shown
            else await ask_everything(api, exposed.person.token, exposed)
        )
    seen = Seen(case, exposed, observations(answers), text_of(answers), observations(own))
    check_nothing_shows_that_may_not(seen)
    check_all_shows_that_may(seen)
    check_values_are_the_athletes(seen)
    check_the_caller_is_nobody_else(seen)
    check_only_admins_see_the_servers(seen)


def check_nothing_shows_that_may_not(seen: Seen) -> None:
    shown = seen.case.shown | {E.WAY}
    wrong = [each for each in seen.of_athlete if EXPOSURES[each.type_name, each.field] not in shown]
    assert not wrong, f"{seen.case.who} gets what is not for them: {wrong}"
    marks: set[str] = set()
    if E.OWNER not in seen.case.shown:
        marks = (
            {*MARKS, *seen.exposed.ids}
            if E.SHARED not in seen.case.shown
            else {*MARKS[1:], *hidden(seen.exposed)}
        )
    assert [mark for mark in marks if mark in seen.text] == []


def check_all_shows_that_may(seen: Seen) -> None:
    """On some path at least. What stands apart: types that only others' own rows have, and lists of
    athletes.
    """
    apart = {"Subscription", "AthleteChanges", "AthleteConnection", "AthleteEdge"}
    if E.OWNER not in seen.case.shown:
        apart |= {
            f"{name}{kind}"
            for name in ("Job", "DeletedActivity")
            for kind in ("Connection", "Edge")
        }
    expected = {(type_name, field) for (type_name, field), exposure in EXPOSURES.items()
                if exposure in seen.case.shown and type_name not in apart}  # fmt: skip
    missing = expected - {(each.type_name, each.field) for each in seen.of_athlete}
    assert not missing, f"{seen.case.who} does not get {sorted(missing)}, on no path"
    if E.SHARED in seen.case.shown and E.OWNER not in seen.case.shown:
        assert {each.of for each in seen.of_athlete} == {
            each for ids in seen.exposed.shown.values() for each in ids
        }


def check_values_are_the_athletes(seen: Seen) -> None:
    """A field of an object has one value on all paths; what is not derived has the value that the
    athlete sees.
    """
    own = values(seen.own)
    for place, found in values(seen.observations).items():
        _, type_name, field = place
        if place[0] not in seen.exposed.ids or (type_name, field) in SEVERAL:
            continue
        assert len(found) == 1, (place, found)
        if EXPOSURES[type_name, field] in seen.case.shown - {E.DERIVED} and place in own:
            assert found == own[place], place


def check_the_caller_is_nobody_else(seen: Seen) -> None:
    of_caller = [
        each for each in seen.observations if EXPOSURES[each.type_name, each.field] is E.CALLER
    ]
    assert {"Query", "RateLimit"} <= {each.type_name for each in of_caller}
    if seen.case.who != "owner":
        assert not [each for each in of_caller if seen.exposed.ids & flat(each.value)]


def check_only_admins_see_the_servers(seen: Seen) -> None:
    of_server = {
        each.field
        for each in seen.observations
        if each.is_something and EXPOSURES[each.type_name, each.field] is E.ADMIN
    }
    of_all = {field for (_, field), exposure in EXPOSURES.items() if exposure is E.ADMIN}
    assert of_server == (of_all - {"blockedUntil"} if seen.case.who == "admin" else set())


def hidden(exposed: ExposedAthlete) -> set[str]:
    return {each for found in exposed.hidden.values() for each in found}


def values(seen: set[Observation]) -> dict[tuple[str | None, str, str], set]:
    found: dict[tuple[str | None, str, str], set] = {}
    for each in seen:
        found.setdefault((each.of, each.type_name, each.field), set()).add(each.value)
    return found


def flat(value) -> set:
    return {part for each in value for part in flat(each)} if isinstance(value, tuple) else {value}


SEVERAL = {
    (type_.name, name)
    for type_ in types_below(SCHEMA.query_type).values()
    for name, field in type_.fields.items()
    if field.args
    or type_.name
    in {
        "HeartRateZone",
        "HeartRateZoneTime",
        "PageInfo",
        "RacePrediction",
        "TrainingLoadDay",
        "TrainingSummary",
    }
    or type_.name.endswith(("Connection", "Edge"))
}
"""Fields of which an object has several: by arguments, or by what hangs on it without an id."""
