"""A runner whose secret home is moved: all that others see is the same, all that is hidden is not."""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import cos, radians, sin

from sqlalchemy import Connection, select

from athletics.age_grade_table import Sex
from db.models import Activity, BestEffort
from db.stream_codec import Samples
from db.stream_encoding import rounded
from jobs.activity_laps import LapRow, write_laps
from jobs.sync.derived_parts import write_parts
from jobs.sync.derived_rows import Runner, derive_rows
from jobs.sync.personal_bests import write_efforts
from jobs.sync.prepared_parts import prepare_parts
from jobs.sync.stored_streams import EncodedStreams, store_streams
from tests import factories as make
from tests.factories import NOON
from tests.graph.exposed_athlete import ExposedAthlete

M = 0.110574  # a millionth of a degree of latitude
HIDDEN_S, HIDDEN_M = 1800, 1500
"""The hidden start and end together: the whole run's time and distance tell so much."""
HIDDEN_M_PER_S = 1.6
"""The most of each hidden part, whose steps are at most twice as long: all are shorter than steps
that are seen, so the times of best efforts, which others know, do not depend on them.
"""
BETWEEN_S, BETWEEN_M = 250, 400
SEEN_S = 1300
"""Of each of two stretches, 5.3 km: no standard distance is longer than what is seen of a run, with
what is between, and shorter than the run.
"""
RUNNER = Runner(Sex.FEMALE, date(1985, 3, 4))

Place = tuple[float, float]
"""Meters north and east of the middle of the hidden circle."""


@dataclass(frozen=True)
class Stretch:
    """Samples of one second each, in steps from the sample before."""

    places: list[Place]
    steps_m: list[float]
    heart_rate_bpm: list[float]
    altitude_m: list[float]

    def __add__(self, other: "Stretch") -> "Stretch":
        mine, others = vars(self), vars(other)
        return Stretch(**{name: mine[name] + others[name] for name in mine})


class HiddenHome:
    """An athlete who hides `radius_m`, with runs from home.

    `move` gives them another home that hides behind the same circle, and other ways from it to
    where the runs are seen.
    """

    def __init__(self, db: Connection, chance: random.Random, radius_m: int) -> None:
        self._db, self._chance, self._radius_m = db, chance, radius_m
        self._north = round(400 * radius_m / M)
        self._narrow = M * cos(radians(self._north / 1e6))
        self._east = round(round(70_000 / radius_m) * radius_m / self._narrow)
        person = make.create_person(db, shares=True, hidden_radius_m=radius_m, sex="FEMALE",
                                    birth_date=RUNNER.birth_date)  # fmt: skip
        self.exposed = ExposedAthlete(person)
        self.exposed.add("Athlete", person.athlete_id, is_shown=True)
        self._seen = [(self._seen_stretch(n), self._seen_stretch(n + 3)) for n in range(3)]
        self.runs = [self._create_run(day) for day in range(3)]
        self.again = self._create_run(0, duplicate_of_id=self.runs[0], distance_m=9000.0)
        self.treadmill = self._create_run(9, trainer=True)
        self.move()
        self._write(
            self.treadmill, Samples([*range(900)], [3.0 * n for n in range(900)], [120] * 900)
        )
        make.recalculate_bests(db, person.athlete_id)
        of_one = select(BestEffort.id).where(BestEffort.activity_id == self.runs[0])
        for effort in db.execute(of_one).scalars():
            self.exposed.add("BestEffort", effort, is_shown=True)
            self.exposed.add("PersonalBest", effort, is_shown=True)
        self._create_rival()

    def move(self) -> None:
        """Give all runs another hidden part."""
        chance, r = self._chance, self._radius_m
        home = (chance.uniform(-0.49, 0.49) * r, chance.uniform(-0.49, 0.49) * r)
        for number, (run, (out, back)) in enumerate(zip(self.runs, self._seen, strict=True)):
            share = chance.uniform(0.1, 0.9)
            first_s = round(HIDDEN_S * share)
            most_m, rest_m = HIDDEN_M_PER_S * first_s, HIDDEN_M_PER_S * (HIDDEN_S - first_s)
            first_m = round(chance.uniform(max(200, HIDDEN_M - rest_m), min(1300, most_m)))
            gates = [self._gate(number), self._gate(number + 3)]
            start = self._hidden(home, gates[0], first_s, first_m)
            between = self._hidden(gates[0], gates[1], BETWEEN_S, BETWEEN_M, by=home)
            end = self._hidden(gates[1], home, HIDDEN_S - first_s, HIDDEN_M - first_m)
            way = start + out + between + back + end
            self._write(run, self._samples(way))
            if number == 0:
                self._write(self.again, replace(self._samples(way), latitude=None, longitude=None))
        make.recalculate_bests(self._db, self.exposed.person.athlete_id)

    # --- ways

    def _gate(self, number: int) -> Place:
        """Where all ways from home pass, hidden but out of the radius around it."""
        angle, far = number * 1.05, 1.25 * self._radius_m + 20
        return far * sin(angle), far * cos(angle)

    def _seen_stretch(self, number: int) -> Stretch:
        """From a gate out into the open, and in again."""
        chance, angle = random.Random(number), number * 1.05
        near = 1.25 * self._radius_m + 20
        radii = [near + 2.5 * n for n in range(SEEN_S // 2)]
        way = [(radius, angle + 0.0002 * n) for n, radius in enumerate([*radii, *radii[::-1]])]
        places = [(radius * sin(turn), radius * cos(turn)) for radius, turn in way]
        steps = [round(3.6 + chance.random(), 2) for _ in places]
        rates = [120.0 + n % 50 for n in range(len(places))]
        heights = [round(400 + 30 * sin(n / 90), 1) for n in range(len(places))]
        return Stretch(places, steps, rates, heights)

    def _hidden(
        self, start: Place, end: Place, count: int, whole_m: int, by: Place | None = None
    ) -> Stretch:
        chance = self._chance
        corner = by or (start[0] + chance.uniform(-20, 20), start[1] + chance.uniform(-20, 20))
        half = count // 2
        places = [_between(start, corner, n / half) for n in range(half)]
        places += [_between(corner, end, n / (count - half)) for n in range(count - half)]
        weights = [chance.uniform(0.1, 1) for _ in places]
        steps = [round(whole_m * each / sum(weights), 2) for each in weights]
        steps[-1] += round(whole_m - sum(steps), 2)
        rates = [float(chance.randint(60, 200)) for _ in places]
        heights = [round(chance.uniform(0, 900), 1) for _ in places]
        return Stretch(places, steps, rates, heights)

    def _samples(self, way: Stretch) -> Samples:
        distances, total = [], 0.0
        for step in way.steps_m:
            total += step
            distances.append(total)
        return rounded(
            Samples(
                range(len(distances)), distances, way.heart_rate_bpm, altitude_m=way.altitude_m,
                speed_m_per_s=way.steps_m,
                latitude=[(self._north + y / M) / 1e6 for y, _ in way.places],
                longitude=[(self._east + x / self._narrow) / 1e6 for _, x in way.places],
            )
        )  # fmt: skip

    # --- rows

    def _create_run(self, day: int, **columns) -> int:
        of = self.exposed.person.athlete_id
        started_at = NOON + timedelta(days=day)
        run = make.create_activity(self._db, of, started_at=started_at, **columns)
        self.exposed.add("Activity", run, is_shown=True)
        return run

    def _create_rival(self) -> None:
        """Somebody with the same times, who began a few minutes after."""
        effort = select(BestEffort).join(Activity, Activity.id == BestEffort.activity_id)
        best = self._db.execute(
            effort.where(BestEffort.distance == "KM1").order_by(BestEffort.elapsed_s)
        ).first()
        started_at = best.achieved_at + timedelta(seconds=60 - best.elapsed_s)
        rival = make.create_athlete(self._db, shares=True)
        make.create_best(self._db, rival, best.elapsed_s, distance="KM1", started_at=started_at)

    def _write(self, activity_id: int, samples: Samples) -> None:
        """Store the samples of a run with all that jobs derive of them, and laps of a kilometer."""
        db = self._db
        activity = db.execute(select(Activity.__table__).where(Activity.id == activity_id)).one()
        total = {"distance_m": samples.distance_m[-1], "elapsed_time_s": samples.time_s[-1]}
        activity = dict(activity._mapping) | total
        activity = type("Row", (), activity)
        db.execute(Activity.__table__.update().where(Activity.id == activity_id).values(**total))
        store_streams(db, activity, EncodedStreams.from_samples(samples))
        derived = derive_rows(activity, RUNNER, samples)
        with db.engine.execution_options(isolation_level="READ COMMITTED").begin() as transaction:
            assert not write_parts(transaction, [(activity, prepare_parts(derived.run, samples))])
        write_efforts(db, [activity_id], derived.rows)
        marks = [
            n
            for n, m in enumerate(samples.distance_m)
            if m // 1000 > samples.distance_m[n - 1] // 1000
        ]
        laps = [LapRow(start_offset_s=a, elapsed_time_s=b - a, distance_m=1000.0)
                for a, b in zip([0, *marks], marks, strict=False)]  # fmt: skip
        write_laps(db, activity.athlete_id, activity_id, laps)


def _between(start: Place, end: Place, share: float) -> Place:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
