"""A process that dies at any moment: the next goes on, and nothing is doubled or lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from legacy.adoption.batch import Adopter
from settings import Settings, child_environment

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[3]


@pytest.fixture
def reference(world) -> str:
    """What an adoption leaves that nobody interrupts; ids are numbered as rows are adopted, so they
    are left out.
    """
    world.adopt(batch_size=20)
    contents = outcome(world)
    world.adopt(undo=True)
    assert world.value("SELECT count(*) FROM activities") == 0
    assert world.value("SELECT to_regclass('legacy.ids')") is None
    world.write("DELETE FROM jobs")
    return contents


def outcome(world) -> str:
    activities = world.rows(
        "SELECT to_jsonb(n) - ARRAY['id', 'athlete_id', 'updated_at', 'created_at', 'confirmed_at', "
        "'data_version', 'listed_json'] AS row, i.old_id "
        "FROM activities n JOIN legacy.ids i ON i.kind = 'activity' AND i.new_id = n.id ORDER BY i.old_id"
    )
    athletes = world.rows(
        "SELECT n.first_name, n.last_name, n.birth_date, c.strava_athlete_id, i.old_id FROM athletes n "
        "JOIN legacy.ids i ON i.kind = 'athlete' AND i.new_id = n.id "
        "LEFT JOIN strava_connections c ON c.athlete_id = n.id ORDER BY i.old_id"
    )
    aside = world.rows(
        "SELECT source, old_id, reason, adopted FROM legacy.kept_aside ORDER BY 1, 2, 3"
    )
    totals = [
        world.value(f"SELECT count(*) FROM {table}")
        for table in ("athletes", "accounts", "activities", "feedback")
    ]
    return repr((activities, athletes, aside, totals))


def command(settings: Settings, *arguments: str) -> subprocess.Popen:
    environment = child_environment(
        DATABASE_URL=settings.database_url.get_secret_value(),
        REDIS_URL=settings.redis_url.get_secret_value(),
        TOKEN_ENCRYPTION_KEYS=",".join(
            key.get_secret_value() for key in settings.token_encryption_keys
        ),
    )
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "adopt", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Killed(Exception):
    pass


def test_ended_before_and_after_the_commit_of_every_batch(world, reference, monkeypatch):
    """Every batch dies once before its commit; the next run does it, and dies in the one that
    follows.
    """
    adopt, deaths = Adopter.adopt, []

    def dying(self, connection, kind, rows):
        counts = adopt(self, connection, kind, rows)
        batch = (kind, tuple(row.old_id for row in rows))
        if batch not in deaths:
            deaths.append(batch)
            raise Killed
        return counts

    monkeypatch.setattr(Adopter, "adopt", dying)
    for _ in range(100):
        try:
            world.adopt(batch_size=20)
        except Killed:
            continue
        break
    assert len(deaths) >= (311 + 21 + 5) / 20
    assert outcome(world) == reference
    assert world.run(verify=True)[0] == 0


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments(world, reference, seed):
    random = Random(seed)
    kills = 0
    for _ in range(40):
        process = command(world.settings, "--batch-size", "3")
        deadline = time.monotonic() + 30
        # From the first row on: the start of Python is nobody's concern.
        start = world.value("SELECT coalesce(to_regclass('legacy.adopted')::oid::int, 0)")
        rows = world.value("SELECT count(*) FROM legacy.adopted") if start else 0
        while process.poll() is None and time.monotonic() < deadline:
            if world.value("SELECT to_regclass('legacy.adopted') IS NOT NULL") and (
                world.value("SELECT count(*) FROM legacy.adopted") > rows
            ):
                time.sleep(random.random() * 0.15)
                break
            time.sleep(0.005)
        if process.poll() is None and kills < 4:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
            kills += 1
            continue
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        break
    assert kills >= 2
    assert outcome(world) == reference
    assert world.run(verify=True)[0] == 0


def test_two_at_once_take_turns(world, reference):
    both = [command(world.settings, "--batch-size", "5") for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outcome(world) == reference
    assert world.run(verify=True)[0] == 0


def test_its_connections_are_ended(world, reference):
    """PostgreSQL ends every connection of it, twice a second: batches are tried again."""
    process = command(world.settings, "--batch-size", "3")
    ended = 0
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if ended < 3:
            ended += world.value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'pacegraph-adopt' AND datname = current_database()"
            )
        time.sleep(0.2)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert ended
    assert outcome(world) == reference


def test_the_log_tells_each_batch_with_its_speed(world):
    process = command(world.settings, "--batch-size", "100")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    batches = [line for line in output.splitlines() if "a batch is adopted" in line]
    assert len(batches) >= 5
    assert all('"rows_per_s"' in line and '"done"' in line for line in batches)
    assert "gAAAA" not in output
