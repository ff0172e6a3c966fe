"""Writes `old_database.sql`: a dump as the older service's database would give, with all that is
hard about it.

Deterministic: `python tests/legacy/adoption/make_dump.py` writes the committed file again.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

FILE = Path(__file__).parent / "old_database.sql"
ATHLETES, RUNS_EACH = 16, 18
FIRST_STRAVA_ACTIVITY = 7_000_000_000

_SCHEMA = """\
-- A dump of the older service's database (made by make_dump.py; nobody in it is real).
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TYPE public.activity_source AS ENUM ('strava', 'garmin', 'manual');

CREATE TABLE public.alembic_version (version_num character varying(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));

CREATE TABLE public.athlete (
    id uuid NOT NULL PRIMARY KEY,
    created_at timestamp with time zone DEFAULT now(),
    email text UNIQUE,
    display_name text,
    birthdate date,
    sex text,
    subscription_tier text DEFAULT 'free',
    onboarding_completed boolean DEFAULT false,
    strava_athlete_id bigint,
    strava_access_token text,
    strava_refresh_token text,
    last_strava_sync timestamp with time zone,
    durability_index double precision
);

CREATE TABLE public.activity (
    id uuid NOT NULL PRIMARY KEY,
    athlete_id uuid REFERENCES public.athlete (id) ON DELETE CASCADE,
    name text,
    start_time timestamp without time zone,
    start_time_local timestamp without time zone,
    timezone text,
    sport text,
    source public.activity_source,
    provider text,
    external_activity_id text,
    duration_s integer,
    moving_time_s integer,
    distance_m numeric,
    avg_hr double precision,
    max_hr double precision,
    total_elevation_gain numeric,
    average_speed numeric(8,4),
    performance_percentage double precision,
    is_race_candidate boolean,
    user_verified_race boolean,
    created_at timestamp without time zone DEFAULT now()
);
CREATE INDEX ix_activities_athlete_id_started_at ON public.activity (athlete_id, start_time);

CREATE TABLE public.activity_split (
    id uuid NOT NULL PRIMARY KEY,
    activity_id uuid NOT NULL REFERENCES public.activity (id) ON DELETE CASCADE,
    split_number integer NOT NULL,
    distance numeric,
    elapsed_time integer,
    moving_time integer,
    average_heartrate double precision,
    gap_seconds_per_mile double precision
);

CREATE TABLE public.best_effort (
    id uuid NOT NULL PRIMARY KEY,
    athlete_id uuid NOT NULL REFERENCES public.athlete (id) ON DELETE CASCADE,
    activity_id uuid NOT NULL REFERENCES public.activity (id) ON DELETE CASCADE,
    distance_category text NOT NULL,
    distance_meters double precision,
    elapsed_time integer,
    achieved_at timestamp with time zone,
    strava_effort_id bigint,
    UNIQUE (activity_id, distance_category, strava_effort_id)
);

CREATE TABLE public.personal_best (
    id uuid NOT NULL PRIMARY KEY,
    athlete_id uuid NOT NULL REFERENCES public.athlete (id) ON DELETE CASCADE,
    activity_id uuid REFERENCES public.activity (id) ON DELETE SET NULL,
    distance_category text NOT NULL,
    distance_meters double precision,
    time_seconds integer,
    pace_per_mile double precision,
    achieved_at timestamp with time zone,
    age_at_achievement integer,
    is_race boolean DEFAULT false,
    UNIQUE (athlete_id, distance_category)
);

CREATE TABLE public.activity_feedback (
    id uuid NOT NULL PRIMARY KEY,
    activity_id uuid NOT NULL REFERENCES public.activity (id) ON DELETE CASCADE,
    athlete_id uuid NOT NULL REFERENCES public.athlete (id) ON DELETE CASCADE,
    perceived_effort integer,
    leg_feel text,
    mood_pre text,
    notes text,
    submitted_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.feedback (
    id uuid NOT NULL PRIMARY KEY,
    athlete_id uuid REFERENCES public.athlete (id) ON DELETE SET NULL,
    message text,
    email text,
    created_at timestamp with time zone DEFAULT now()
);

CREATE VIEW public.weekly_volume AS SELECT athlete_id, date_trunc('week', start_time) AS week,
    sum(distance_m) AS distance_m FROM public.activity GROUP BY 1, 2;
"""

_STANDARD = {"400m": 400, "800m": 800, "1k": 1000, "mile": 1609, "5k": 5000, "10k": 10000}
_NAMES = (
    "Ana Silva", "Zoë  van 't Hoff", "李 小龙", "O'Brien \\ \"Rob\"", "Σίσυφος", "Jean-Luc", "علي حسن", "🏃 Runner 🏃",
    "  spaced   out  ", "%s; DROP TABLE activity; --", "Ñandú :name {x}", "\tTab\nNewline",
)  # fmt: skip


class Dump:
    def __init__(self) -> None:
        self._random = Random(4711)
        self._number = 0
        self.lines = [_SCHEMA, "INSERT INTO public.alembic_version VALUES ('add_pb_age_0042');"]
        self.rows: dict[str, list[str]] = {}

    def id(self) -> str:
        self._number += 1
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def add(self, table: str, *values: Any) -> None:
        self.rows.setdefault(table, []).append(f"({', '.join(map(_literal, values))})")

    def text(self) -> str:
        lines = self.lines
        for table, rows in self.rows.items():
            for start in range(0, len(rows), 100):
                lines.append(
                    f"INSERT INTO public.{table} VALUES\n"
                    + ",\n".join(rows[start : start + 100])
                    + ";"
                )
        return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, datetime):
        value = value.isoformat(sep=" ")
    return "'" + str(value).replace("'", "''") + "'"


def write() -> str:
    dump = Dump()
    athletes = [_athlete(dump, number) for number in range(ATHLETES)]
    for number, athlete in enumerate(athletes):
        _runs(dump, athlete, number)
    _hard_athletes(dump, athletes[0])
    _hard_activities(dump, athletes)
    _hard_feedback(dump, athletes)
    return dump.text()


def _athlete(dump: Dump, number: int) -> str:
    athlete = dump.id()
    dump.add(
        "athlete", athlete, datetime(2024, 1, 1 + number % 28, 8, tzinfo=UTC), f"runner{number}@example.com",
        _NAMES[number % len(_NAMES)], None if number % 7 == 3 else f"{1955 + number}-0{1 + number % 9}-15",
        ("M", "F", "male", "Female", None, "X")[number % 6], "free", True,
        1000 + number if number % 4 else None, f"{number:040x}" if number % 4 else None,
        f"{number + 900:040x}" if number % 4 else None, datetime(2025, 12, 1, 6, tzinfo=UTC), 0.5,
    )  # fmt: skip
    return athlete


def _runs(dump: Dump, athlete: str, number: int) -> None:
    random = dump._random
    bests: dict[str, int] = {}
    for run in range(RUNS_EACH):
        distance_m = random.choice([3000.4, 5020.0, 8046.7, 10050.0, 21110.0])
        pace = 290 + random.random() * 60
        moving_s = round(distance_m / 1000 * pace)
        start = datetime(2025, 1, 6, 6) + timedelta(days=13 * run, minutes=number)  # noqa: DTZ001 - the column has no zone
        activity = dump.id()
        zone = ("Europe/Lisbon", "(GMT-05:00) America/New_York", None)[run % 3]
        is_run = run % 9 != 5
        dump.add(
            "activity", activity, athlete, f"Run {run} 🏃" if run % 5 else None, start, None, zone,
            "run" if is_run else "ride", "strava", "strava", str(FIRST_STRAVA_ACTIVITY + number * 1000 + run),
            moving_s + 30, moving_s, distance_m, 150.5 if run % 2 else None, 180 if run % 2 else None, 12.5,
            round(distance_m / moving_s, 4), None, False, None, start + timedelta(hours=3),
        )  # fmt: skip
        for name, meters in _STANDARD.items():
            if is_run and meters <= distance_m and run % 2 == 0:
                elapsed_s = round(meters / 1000 * pace) + 2
                at = start.replace(tzinfo=UTC)
                dump.add(
                    "best_effort",
                    dump.id(),
                    athlete,
                    activity,
                    name,
                    meters,
                    elapsed_s,
                    at,
                    10**10 + dump._number,
                )
                bests[name] = min(bests.get(name, elapsed_s), elapsed_s)
        if run % 6 == 0:
            for split in range(1, 3):
                dump.add("activity_split", dump.id(), activity, split, 1000, 300, 298, 150.0, 480.0)
            dump.add(
                "activity_feedback",
                dump.id(),
                activity,
                athlete,
                7,
                "heavy",
                "ok",
                "windy; it's fine",
                start,
            )
    for name, elapsed_s in bests.items():
        # One of them was never an effort's: it is told as a difference.
        told = elapsed_s - 60 if number == 1 and name == "5k" else elapsed_s
        at = datetime(2025, 6, 1, tzinfo=UTC)
        dump.add(
            "personal_best",
            dump.id(),
            athlete,
            None,
            name,
            _STANDARD[name],
            told,
            480.0,
            at,
            40,
            False,
        )


def _hard_athletes(dump: Dump, somebody: str) -> None:
    nothing = [None] * 8
    dump.add("athlete", dump.id(), None, None, None, *nothing, None)
    # The same runner a second time, by Strava's id; and values that have no place here.
    dump.add("athlete", dump.id(), None, "again@example.com", "Zoë again", None, None, None, None, 1001, "a" * 40, "b" * 40, None, None)  # fmt: skip # noqa: E501
    dump.add("athlete", dump.id(), None, "old@example.com", "Methuselah", "0969-01-01", "M", None, None, -5, "c", "d", None, "NaN")  # fmt: skip # noqa: E501
    dump.add("athlete", dump.id(), "infinity", "later@example.com", "Later", "infinity", "F", None, None, 4000, None, None, "infinity", None)  # fmt: skip # noqa: E501
    # Encrypted with a key of the older service that is not in the ring.
    dump.add("athlete", dump.id(), None, "sealed@example.com", "Sealed", "1990-01-01", "F", None, None, 4001, "gAAAAABsealed", "gAAAAABsealed", None, None)  # fmt: skip # noqa: E501


def _hard_activities(dump: Dump, athletes: list[str]) -> None:
    one, two = athletes[1], athletes[2]
    start = datetime(2025, 3, 1, 7, 30)  # noqa: DTZ001 - the column has no zone

    def add(**changed: Any) -> str:
        values = {
            "id": dump.id(), "athlete_id": one, "name": "hard", "start_time": start, "start_time_local": None,
            "timezone": None, "sport": "run", "source": None, "provider": "strava", "external_activity_id": None,
            "duration_s": 1800, "moving_time_s": 1790, "distance_m": 5005, "avg_hr": None, "max_hr": None,
            "total_elevation_gain": None, "average_speed": None, "performance_percentage": None,
            "is_race_candidate": None, "user_verified_race": None, "created_at": None,
        } | changed  # fmt: skip
        dump.add("activity", *values.values())
        return str(values["id"])

    number = 8_000_000_000
    add(name="the same twice", external_activity_id=str(number + 1))
    add(name="the same twice, second row", external_activity_id=str(number + 1), distance_m=5100)
    add(name="the same at another athlete", athlete_id=two, external_activity_id=str(number + 1))
    add(name="nobody's", athlete_id=None, external_activity_id=str(number + 2))
    add(name="no start", start_time=None, external_activity_id=str(number + 3))
    add(name="local only", start_time=None, start_time_local=start, timezone="Asia/Tokyo")
    add(name="never ends", start_time="infinity")
    add(name="year 9999", start_time="9999-12-31 23:59:59")
    add(name="before Christ", start_time="0044-03-15 12:00:00 BC")
    add(name="negative distance", distance_m=-5)
    add(name="not a number", distance_m="NaN")
    add(name="endless digits", distance_m="1" + "0" * 400)
    add(name="negative time", duration_s=-1)
    add(
        name="zero",
        distance_m=0,
        duration_s=0,
        moving_time_s=0,
        external_activity_id=str(number + 4),
    )
    add(
        name="nothing known",
        distance_m=None,
        duration_s=None,
        moving_time_s=None,
        sport=None,
        provider=None,
    )
    add(name="bad heart", avg_hr="NaN", max_hr="Infinity", total_elevation_gain="NaN")
    add(name="no such zone", timezone="Mars/Olympus", external_activity_id=str(number + 5))
    add(name="a number that is none", external_activity_id="abc; --")
    add(name="a number too long", external_activity_id="9" * 40)
    add(name="of a watch", provider="garmin", source="garmin", external_activity_id="12345")
    add(name="typed in", provider=None, source="manual", sport="Trail Run")
    add(name=":bind %s {} \\ ' \" \u202e 𝕏 \x01", external_activity_id=str(number + 6))  # noqa: RUF001
    effort = add(name="bad efforts", external_activity_id=str(number + 7))
    for index, (meters, elapsed_s) in enumerate(
        [(400, 90), (400, -1), (400, 0), (None, 100), ("NaN", 100), (5000, None)]
    ):
        dump.add(
            "best_effort",
            dump.id(),
            one,
            effort,
            "400m" if index < 3 else "??",
            meters,
            elapsed_s,
            None,
            index,
        )


def _hard_feedback(dump: Dump, athletes: list[str]) -> None:
    at = datetime(2025, 5, 1, tzinfo=UTC)
    dump.add(
        "feedback", dump.id(), athletes[0], "It's good; DROP TABLE feedback;", "ana@example.com", at
    )
    dump.add("feedback", dump.id(), None, "from nobody", None, None)
    dump.add("feedback", dump.id(), None, "", "x", at)
    dump.add("feedback", dump.id(), None, "y" * 5001, "x", at)
    dump.add("feedback", dump.id(), None, "long address", "z" * 201, at)


if __name__ == "__main__":
    FILE.write_text(write())
