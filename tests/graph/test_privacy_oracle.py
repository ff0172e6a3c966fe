"""Who sees what of random athletes is what the rules say in a few lines of Python; what is hidden
changes no answer.
"""

import json
import random
from base64 import b64decode, urlsafe_b64decode
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from athletics.personal_best import DatedEffort, counting, personal_bests
from db.models.base import FIRST_RANDOM_ID
from db.statements.performance.best_effort import GRADE_COLUMNS
from graph.global_id import encode_id
from tests import factories as make
from tests.graph.exposed_athlete import create_exposed_athlete
from tests.graph.observation import ask_everything

pytestmark = pytest.mark.anyio

START = datetime(2024, 12, 20, tzinfo=UTC)
QUERY = """{ athletes(first: 100) { totalCount nodes { id birthDate
    runs: activities(first: 100) { totalCount nodes { id duplicateOf { id } bestEfforts { id } } }
    standing: activities(first: 100, filter: {includeDuplicates: false}) { totalCount nodes { id } }
    personalBests { id ageGrade { ageOnDay } }
    personalBestHistory(distance: KM5, first: 100) { totalCount nodes { id improvementSeconds previous { id } } }
    all: bestEfforts(distance: KM5, includeExcluded: true, first: 100) { nodes { id rank isPersonalBest } }
    bestEfforts(distance: KM5, first: 100) { totalCount nodes { id } }
    trainingSummary(period: YEAR) { periodStart runCount } } }
  activities(first: 100) { totalCount nodes { id } }
  byTime: leaderboard(distance: KM5, first: 100) { totalCount nodes { id } }
  byGrade: leaderboard(distance: KM5, by: AGE_GRADE, first: 100) { totalCount nodes { id } }
  old: leaderboard(distance: KM5, filter: {minAge: 50}, first: 100) { totalCount nodes { id } } }"""


@dataclass(frozen=True)
class Run:
    """A run with its effort over 5 km; `stands_for` is the id of the run that stands for it, often
    itself.
    """

    id: int
    effort_id: int
    day: int
    elapsed_s: float
    stands_for: int
    is_public: bool
    flagged: bool
    excluded: bool
    implied: bool

    @property
    def effort(self) -> DatedEffort:
        achieved_at = START + timedelta(days=self.day, seconds=self.elapsed_s)
        return DatedEffort(self.effort_id, achieved_at, self.elapsed_s, self.implied)


@dataclass(frozen=True)
class Runner:
    person: make.Person
    age: int
    shares: bool
    shares_age_grades: bool
    runs: list[Run]


def create_runner(db, chance: random.Random) -> Runner:
    consents = {"shares": chance.random() < 0.7, "shares_age_grades": chance.random() < 0.5}
    person, age = make.create_person(db, **consents), chance.randint(40, 60)
    runs: list[Run] = []
    for _ in range(chance.randint(3, 12)):
        runs.append(create_run(db, chance, person, age, runs))
    make.recalculate_bests(db, person.athlete_id)
    return Runner(person, age, **consents, runs=runs)


def create_run(db, chance: random.Random, person: make.Person, age: int, earlier: list[Run]) -> Run:
    originals = [each for each in earlier if each.stands_for == each.id and not each.flagged]
    original = chance.choice(originals).id if originals and chance.random() < 0.4 else None
    public, day = chance.random() < 0.6, chance.randint(0, 30)
    flagged = original is None and chance.random() < 0.1
    activity = make.create_activity(
        db, person.athlete_id, visibility="EVERYONE" if public else chance.choice(["ONLY_ME", "FOLLOWERS_ONLY"]),
        started_at=START + timedelta(days=day), flagged=flagged, duplicate_of_id=original,
    )  # fmt: skip
    effort = {"excluded": chance.random() < 0.15, "implied": chance.random() < 0.3,
              "elapsed_s": 1200.0 + chance.randint(0, 8)}  # fmt: skip
    effort_id = make.create_best_effort(db, activity, age_on_day=age, **effort)
    return Run(
        activity,
        effort_id,
        day,
        stands_for=original or activity,
        is_public=public,
        flagged=flagged,
        **effort,
    )


class Oracle:
    """What a viewer sees, by the rules alone."""

    def __init__(
        self, runners: list[Runner], viewer: Runner | None, *, is_admin: bool, sharing: bool, grades
    ) -> None:
        self._viewer, self._is_admin, self._sharing, self._grades = (
            viewer,
            is_admin,
            sharing,
            grades,
        )
        self.visible = [each for each in runners if self._sees(each)]

    def answer(self):
        by_start = sorted(
            (run for each in self.visible for run in self._runs(each)), key=_newest_first
        )
        bests = [(each, personal_bests(self._candidates(each))) for each in self.visible]
        current = [(each, history[-1].effort) for each, history in bests if history]
        shown = [
            (each, effort)
            for each, effort in current
            if self._sees_all(each) or each.shares_age_grades
        ]
        by_grade = sorted(
            (effort for _, effort in shown),
            key=lambda each: (-self._grades[each.effort_id], each.achieved_at, each.effort_id),
        )
        by_time = sorted((effort for _, effort in current), key=_fastest_first)
        old = sorted((effort for each, effort in shown if each.age >= 50), key=_fastest_first)
        return {
            "athletes": {
                "totalCount": len(self.visible),
                "nodes": [self._athlete(each) for each in self.visible],
            },
            "activities": _page("Activity", [run.id for run in by_start]),
            "byTime": _page("PersonalBest", [each.effort_id for each in by_time]),
            "byGrade": _page("PersonalBest", [each.effort_id for each in by_grade]),
            "old": _page("PersonalBest", [each.effort_id for each in old]),
        }

    def _sees_all(self, runner: Runner) -> bool:
        return self._is_admin or runner is self._viewer

    def _sees(self, runner: Runner) -> bool:
        return self._sees_all(runner) or (
            self._viewer is not None and self._sharing and runner.shares
        )

    def _runs(self, runner: Runner) -> list[Run]:
        return sorted(
            (run for run in runner.runs if run.is_public or self._sees_all(runner)),
            key=_newest_first,
        )

    def _original(self, runner: Runner, run: Run) -> int:
        """Of the visible recordings of a run the one that stands for all, else the earliest."""
        group = [each for each in self._runs(runner) if each.stands_for == run.stands_for]
        return min(group, key=lambda each: (each.id != run.stands_for, each.day, each.id)).id

    def _candidates(self, runner: Runner) -> list[DatedEffort]:
        return [
            run.effort
            for run in self._runs(runner)
            if not run.flagged and not run.excluded and self._represents(runner, run)
        ]

    def _represents(self, runner: Runner, run: Run) -> bool:
        """Whether the efforts of all visible recordings that stand before this one are excluded."""
        group = [each for each in self._runs(runner) if each.stands_for == run.stands_for]
        group.sort(key=lambda each: (each.id != run.stands_for, each.implied, each.day, each.id))
        return all(each.excluded for each in group[: group.index(run)])

    def _athlete(self, runner: Runner):
        runs, counted = self._runs(runner), counting(self._candidates(runner))
        standing = [run for run in runs if self._original(runner, run) == run.id]
        history = personal_bests(self._candidates(runner))[::-1]
        listed = [run.effort for run in runs if not run.implied or run.effort in counted]
        listed.sort(key=_fastest_first)
        years = Counter((START + timedelta(days=run.day)).year for run in standing)
        is_graded = self._sees_all(runner) or runner.shares_age_grades
        return {
            "id": runner.person.id,
            "birthDate": "1980-05-17" if self._sees_all(runner) else None,
            "runs": {
                "totalCount": len(runs),
                "nodes": [self._run(runner, run, listed) for run in runs],
            },
            "standing": _page("Activity", [run.id for run in standing]),
            "personalBests": [
                _node("PersonalBest", best.effort.effort_id)
                | {"ageGrade": {"ageOnDay": runner.age} if is_graded else None}
                for best in history[:1]
            ],
            "personalBestHistory": {
                "totalCount": len(history),
                "nodes": [_best(best) for best in history],
            },
            "all": {"nodes": [self._ranked(effort, counted, history) for effort in listed]},
            "bestEfforts": _page(
                "BestEffort", [effort.effort_id for effort in listed if effort in counted]
            ),
            "trainingSummary": [
                {"periodStart": f"{year}-01-01", "runCount": count}
                for year, count in sorted(years.items(), reverse=True)
            ],
        }

    def _run(self, runner: Runner, run: Run, listed: list[DatedEffort]):
        original = self._original(runner, run)
        return {
            "id": encode_id("Activity", run.id),
            "duplicateOf": None if original == run.id else _node("Activity", original),
            "bestEfforts": [_node("BestEffort", run.effort_id)] if run.effort in listed else [],
        }

    @staticmethod
    def _ranked(effort: DatedEffort, counted: list[DatedEffort], history):
        rank = 1 + sum(each.elapsed_s < effort.elapsed_s for each in counted)
        return _node("BestEffort", effort.effort_id) | {
            "rank": rank, "isPersonalBest": bool(history) and effort == history[0].effort,
        }  # fmt: skip


def _fastest_first(effort: DatedEffort) -> tuple:
    """Of equal times the earlier achieved stands first."""
    return effort.elapsed_s, effort.achieved_at, effort.effort_id


def _newest_first(run: Run):
    return -run.day, -run.id


def _node(type_name: str, number: int):
    return {"id": encode_id(type_name, number)}


def _page(type_name: str, numbers: list[int]):
    return {"totalCount": len(numbers), "nodes": [_node(type_name, number) for number in numbers]}


def _best(best):
    previous = _node("PersonalBest", best.previous.effort_id) if best.previous else None
    return _node("PersonalBest", best.effort.effort_id) | {
        "improvementSeconds": best.improvement_s, "previous": previous,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_everybody_sees_what_the_rules_say(api, sharing_api, db, seed):
    chance = random.Random(seed)
    runners = [create_runner(db, chance) for _ in range(3)]
    grades = dict(db.exec_driver_sql("SELECT id, age_grade_percent FROM best_efforts").all())
    admin = make.create_admin(db)
    for viewer, token in [
        (None, None),
        (None, admin.token),
        *((each, each.person.token) for each in runners),
    ]:
        for sharing, served in ((False, api), (True, sharing_api)):
            oracle = Oracle(
                runners, viewer, is_admin=token == admin.token, sharing=sharing, grades=grades
            )
            found, expected = await served.ask(QUERY, token), oracle.answer()
            assert found["athletes"]["totalCount"] == expected["athletes"]["totalCount"]
            for athlete, expected_athlete in zip(
                found.pop("athletes")["nodes"], expected.pop("athletes")["nodes"], strict=True
            ):
                for field, value in expected_athlete.items():
                    assert athlete[field] == value, (field, viewer, sharing)
            assert found == expected


async def test_no_answer_to_others_depends_on_what_is_hidden(sharing_api, db):
    exposed = create_exposed_athlete(db, shares=True)
    token = make.create_person(db).token
    before = await ask_everything(sharing_api, token, exposed)
    athlete_id = exposed.person.athlete_id
    # As an athlete would be who never had it. The second recording of a hidden run stands for
    # itself then.
    for statement in (
        "DELETE FROM activities WHERE visibility <> 'EVERYONE'",
        "DELETE FROM jobs",
        "DELETE FROM strava_connections",
        f"DELETE FROM accounts WHERE athlete_id = {athlete_id}",
        f"UPDATE athletes SET birth_date = NULL WHERE id = {athlete_id}",
        f"UPDATE best_efforts SET {', '.join(f'{name} = NULL' for name in GRADE_COLUMNS)}",
    ):
        db.exec_driver_sql(statement)
    make.recalculate_bests(db, athlete_id)
    assert await ask_everything(sharing_api, token, exposed) == before


VISIBLE = """query($athlete: ID!) { athlete(id: $athlete) {
    activities(first: 200, orderBy: {field: STARTED_AT, direction: ASC}) {
        edges { cursor node { id startedAt bestEfforts { id } } } pageInfo { endCursor } } } }"""


def number_of(global_id: str) -> int:
    return int(b64decode(global_id).decode().partition(":")[2])


def assert_random(numbers: list[int]) -> None:
    """Numbers in the order of their rows are random: none is small or near another, and they ascend
    as often as not. 60 random ones fail with a chance below 1 in 100,000.
    """
    assert min(numbers) >= FIRST_RANDOM_ID
    ordered = sorted(numbers)
    assert min(b - a for a, b in pairwise(ordered)) > 10**9
    assert ordered[0] < 1.25 * FIRST_RANDOM_ID
    assert ordered[-1] > 1.75 * FIRST_RANDOM_ID
    ascents = sum(a < b for a, b in pairwise(numbers))
    deviation = ((len(numbers) + 1) / 12) ** 0.5
    assert abs(ascents - (len(numbers) - 1) / 2) < 5 * deviation


async def test_ids_and_cursors_tell_nothing_of_hidden_runs(sharing_api, db):
    person, stranger = make.create_person(db, shares=True), make.create_person(db)
    chance = random.Random(7)
    for day in range(60):
        for hidden in range(chance.randint(0, 3) + 1):
            visibility = "ONLY_ME" if hidden else "EVERYONE"
            activity = make.create_activity(
                db,
                person.athlete_id,
                visibility=visibility,
                started_at=START + timedelta(days=day, hours=hidden),
            )
            make.create_best_effort(db, activity)
    found = await sharing_api.ask(VISIBLE, stranger.token, athlete=person.id)
    activities = found["athlete"]["activities"]
    nodes = [edge["node"] for edge in activities["edges"]]
    assert len(nodes) == 60
    assert_random([number_of(node["id"]) for node in nodes])
    assert_random([number_of(effort["id"]) for node in nodes for effort in node["bestEfforts"]])
    for edge in activities["edges"]:
        cursor = json.loads(urlsafe_b64decode(edge["cursor"] + "==="))
        node = edge["node"]
        assert cursor == ["started_at", node["startedAt"], number_of(node["id"])]
    assert activities["pageInfo"]["endCursor"] == activities["edges"][-1]["cursor"]


async def test_ids_of_other_rows_tell_nothing_either(db):
    athlete_id = make.create_athlete(db)
    made = {"athletes": [make.create_athlete(db) for _ in range(60)]}
    made["accounts"] = [make.create_account(db) for _ in range(60)]
    made["browser_sessions"] = [make.create_session(db, made["accounts"][0]) for _ in range(60)]
    for _ in range(60):
        make.create_token(db, made["accounts"][0])
        make.create_job(db, athlete_id, status="SUCCEEDED")
    for table in ("api_tokens", "jobs"):
        query = f"SELECT id FROM {table} ORDER BY created_at"
        made[table] = list(db.exec_driver_sql(query).scalars())
    for numbers in made.values():
        assert_random(numbers)
