"""While rows are adopted the old service goes on writing, and pacegraph's API goes on serving:
nothing is lost.
"""

import threading
import time
from contextlib import suppress
from random import Random
from uuid import UUID

import psycopg
import pytest

from db import transaction_runner
from legacy.adoption.batch import Adopter
from legacy.adoption.command import AdoptionOptions, adopt
from legacy.adoption.walk import TableWalk
from tests import factories as make

pytestmark = pytest.mark.whole


class OldService(threading.Thread):
    """Inserts, changes and deletes at random, as the old service's own role, which may not see
    schema legacy.
    """

    MOST_TRANSACTIONS = 100

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._url, self._random, self._end = url, Random(seed), threading.Event()
        self.errors: list[str] = []
        self.longest_s = 0.0
        self.transactions = 0

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("SET ROLE old_service")
            while not self._end.is_set() and self.transactions < self.MOST_TRANSACTIONS:
                began = time.monotonic()
                try:
                    with connection.transaction():
                        for _ in range(self._random.randint(1, 4)):
                            self._write(connection)
                    self.transactions += 1
                except (psycopg.errors.DeadlockDetected, psycopg.errors.ForeignKeyViolation):
                    pass  # with another of its own kind
                except psycopg.Error as error:
                    self.errors.append(repr(error))
                    return
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                time.sleep(0.03)

    def stop(self) -> None:
        self._end.set()
        self.join(20)

    def _write(self, connection) -> None:
        random = self._random
        new_id = str(UUID(int=random.getrandbits(128), version=4))
        some = "(SELECT id FROM {} OFFSET floor(random() * (SELECT count(*) FROM {})) LIMIT 1)"
        activity, athlete = some.format("activity", "activity"), some.format("athlete", "athlete")
        number, token = random.randint(1, 60), random.random()
        statements = [
            f"UPDATE activity SET name = 'renamed {token}', distance_m = {number * 100 - 200} WHERE id = {activity}",
            f"UPDATE activity SET athlete_id = {athlete} WHERE id = {activity}",
            f"UPDATE activity SET external_activity_id = '{number}' WHERE id = {activity}",
            f"DELETE FROM activity WHERE id = {activity}",
            f"""INSERT INTO activity
                (id, athlete_id, name, start_time, sport, provider, external_activity_id, duration_s, distance_m)
                VALUES ('{new_id}', {athlete}, 'new', now(), 'run', 'strava', '{number}', 1800, 5000)""",
            f"INSERT INTO athlete (id, strava_athlete_id) VALUES ('{new_id}', {9000 + number // 3})",
            f"""UPDATE athlete SET birthdate = '19{number + 20}-01-01', strava_refresh_token = '{token}',
                strava_access_token = 'x' WHERE id = {athlete}""",
            f"UPDATE athlete SET strava_athlete_id = {random.choice(['NULL', '9001', '9002'])} WHERE id = {athlete}",
            f"DELETE FROM athlete WHERE id = {athlete} AND random() < 0.3",
            f"""INSERT INTO best_effort
                (id, athlete_id, activity_id, distance_category, distance_meters, elapsed_time, strava_effort_id)
                SELECT '{new_id}', athlete_id, id, '400m', 400, 90, {random.getrandbits(40)} FROM activity
                WHERE id = {activity} AND athlete_id IS NOT NULL""",
            f"DELETE FROM best_effort WHERE id = {some.format('best_effort', 'best_effort')}",
            f"INSERT INTO feedback VALUES ('{new_id}', {athlete}, 'more', NULL, now())",
        ]
        connection.execute(random.choice(statements))


@pytest.fixture
def old_service(world, settings):
    """Starts writers; all of them are stopped at the end."""
    url = settings.database_url.get_secret_value()
    # The old service sees its feedback by a view here, as it may not see schema legacy.
    with suppress(psycopg.errors.DuplicateObject):
        world.write("CREATE ROLE old_service")
    world.write("CREATE SCHEMA old_path")
    world.write("CREATE VIEW old_path.feedback AS SELECT * FROM legacy.feedback")
    world.write("GRANT USAGE ON SCHEMA old_path TO old_service")
    world.write(
        "GRANT ALL ON old_path.feedback, athlete, activity, best_effort, personal_best TO old_service"
    )
    world.write("GRANT ALL ON activity_split, activity_feedback TO old_service")
    started = []

    def start(seed: int) -> OldService:
        started.append(
            OldService(
                f"{url}&options=-csearch_path%3Dold_path,public" if "?" in url else url, seed
            )
        )
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.mark.parametrize("seed", range(2))
def test_what_the_old_service_writes_meanwhile_is_carried_over(
    world, old_service, monkeypatch, seed
):
    adopt = Adopter.adopt

    def slow(self, *arguments):
        time.sleep(0.01)  # so that much is written between two batches, and inside one
        counts = adopt(self, *arguments)
        time.sleep(0.01)
        return counts

    monkeypatch.setattr(Adopter, "adopt", slow)
    writers = [old_service(seed * 10 + each) for each in range(2)]
    for batch_size in (20, 100):
        world.adopt(batch_size=batch_size)
    for writer in writers:
        writer.stop()
    assert [writer.errors for writer in writers] == [[], []]
    assert sum(writer.transactions for writer in writers) > 30
    # nobody was held up longer than a lock's timeout
    assert max(writer.longest_s for writer in writers) < 2.5
    world.adopt(finish=True)
    code, lines = world.run(verify=True)
    assert code == 0, lines
    assert_is_equal(world)
    world.recalculate()
    assert world.run(verify=True)[0] == 0


def assert_is_equal(world):
    """Not by the code under test: what can be said in one statement."""
    missing = world.value(
        "SELECT count(*) FROM activity o LEFT JOIN legacy.ids i ON i.kind = 'activity' AND i.old_id = o.id::text "
        "LEFT JOIN activities n ON n.id = i.new_id WHERE n.id IS NULL AND NOT EXISTS "
        "(SELECT FROM legacy.kept_aside k WHERE k.source = 'activity' AND k.old_id = o.id::text)"
    )
    assert missing == 0
    too_many = world.value(
        "SELECT count(*) FROM activities n WHERE NOT EXISTS (SELECT FROM legacy.ids i JOIN activity o "
        "ON o.id::text = i.old_id WHERE i.kind = 'activity' AND i.new_id = n.id)"
    )
    assert too_many == 0
    differ = world.value(
        "SELECT count(*) FROM activity o JOIN legacy.adopted a ON a.kind = 'activity' AND a.old_id = o.id::text "
        "JOIN legacy.ids i USING (kind, old_id) JOIN activities n ON n.id = i.new_id "
        "WHERE NOT joined AND o.distance_m >= 0 AND (n.name <> coalesce(o.name, '') OR n.distance_m <> o.distance_m)"
    )
    assert differ == 0


def test_a_change_an_insertion_and_a_deletion(world):
    world.adopt()
    first = world.value("SELECT id FROM activity WHERE name = 'zero'")
    world.write("UPDATE activity SET name = 'renamed', distance_m = 5000 WHERE id = %s", first)
    world.write("DELETE FROM activity WHERE name = 'bad heart'")
    gone = world.value("SELECT count(*) FROM activities WHERE name = 'bad heart'")
    world.write(
        "INSERT INTO activity (id, athlete_id, name, start_time, sport, distance_m) "
        "SELECT gen_random_uuid(), id, 'brand new', now(), 'run', 1 FROM athlete WHERE strava_athlete_id = 1003"
    )
    code, lines = world.run(verify=True)
    assert code == 1
    assert any("name is 'zero', not 'renamed'" in line for line in lines)
    world.adopt()
    assert world.activity("renamed")["distance_m"] == 5000.0
    assert world.activity("brand new")
    assert (gone, world.value("SELECT count(*) FROM activities WHERE name = 'bad heart'")) == (1, 0)
    assert world.run(verify=True)[0] == 0


def test_an_athlete_who_comes_later_brings_the_activities(world):
    world.adopt()
    world.write(
        "INSERT INTO athlete (id, display_name) VALUES ('00000000-0000-4000-8000-000000000001', 'Late')"
    )
    world.write(
        "UPDATE activity SET athlete_id = '00000000-0000-4000-8000-000000000001' WHERE name = 'nobody''s'"
    )
    world.adopt()
    assert world.activity("nobody's")["athlete_id"] == world.value(
        "SELECT id FROM athletes WHERE first_name = 'Late'"
    )
    world.write("DELETE FROM athlete WHERE display_name = 'Late'")
    world.adopt()
    assert world.value("SELECT count(*) FROM athletes WHERE first_name = 'Late'") == 0
    assert world.run(verify=True)[0] == 0


def test_the_first_of_two_equal_rows_goes_and_the_other_stands_for_itself(world):
    world.adopt()
    kept = world.value(
        "SELECT o.name FROM activity o JOIN legacy.adopted ON old_id = o.id::text AND joined "
        "WHERE o.name LIKE 'the same twice%%'"
    )
    world.write("DELETE FROM activity WHERE name LIKE 'the same twice%%' AND name <> %s", kept)
    world.adopt()
    assert world.activity(kept)["name"] == kept
    assert world.run(verify=True)[0] == 0


def test_an_emptied_table(world):
    world.adopt()
    world.write("TRUNCATE best_effort")
    world.write("TRUNCATE legacy.feedback")
    world.adopt()
    assert world.value("SELECT count(*) FROM activities WHERE given_efforts IS NOT NULL") == 0
    assert world.value("SELECT count(*) FROM feedback") == 0
    assert world.run(verify=True)[0] == 0


def test_what_pacegraph_changed_stands_and_the_rest_is_carried_over(world):
    world.adopt()
    ours = world.activity("zero")["id"]
    world.write(
        "UPDATE activities SET name = 'of Strava', visibility = 'EVERYONE', updated_at = now() WHERE id = %s",
        ours,
    )
    world.write("UPDATE activity SET name = 'of the old service', avg_hr = 150 WHERE name = 'zero'")
    world.adopt()
    row = world.activity("of the old service")
    assert (row["name"], row["visibility"], row["average_heart_rate_bpm"]) == (
        "of Strava",
        "EVERYONE",
        150.0,
    )
    world.write(
        "UPDATE activity SET name = 'once more', max_hr = 190 WHERE name = 'of the old service'"
    )
    world.adopt()
    row = world.activity("once more")
    assert (row["name"], row["max_heart_rate_bpm"]) == ("of Strava", 190.0)
    assert world.run(verify=True)[0] == 0


def test_tokens_that_the_old_service_refreshed_are_taken_until_pacegraph_has_its_own(world):
    from db.encryption import KeyRing

    keys = KeyRing(world.settings.token_encryption_keys)
    world.adopt()

    def refresh(token):
        world.write(
            "UPDATE athlete SET strava_refresh_token = %s WHERE strava_athlete_id = 1002", token
        )
        world.adopt()
        stored = world.value(
            "SELECT refresh_token FROM strava_connections WHERE strava_athlete_id = 1002"
        )
        return keys.decrypt(bytes(stored)).get_secret_value()

    assert refresh("second") == "second"
    own = keys.encrypt(type(world.settings.token_encryption_keys[0])("own"))
    world.write(
        "UPDATE strava_connections SET refresh_token = %s WHERE strava_athlete_id = 1002", own
    )
    assert refresh("third") == "own"
    assert world.run(verify=True)[0] == 0


def test_after_the_end_nothing_is_noted_and_adopting_again_begins_anew(world):
    world.adopt(finish=True)
    assert world.value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pacegraph%%'") == 0
    assert world.run(verify=True)[0] == 0
    world.write("UPDATE activity SET name = 'late change' WHERE name = 'zero'")
    world.write("DELETE FROM activity WHERE name = 'bad heart'")
    assert world.run(verify=True)[0] == 1
    world.adopt()
    assert world.activity("late change")["name"] == "late change"
    assert world.run(verify=True)[0] == 0


def test_a_trigger_that_was_dropped_is_noticed(world):
    world.adopt()
    world.write("DROP TRIGGER pacegraph_adoption ON activity")
    world.write("UPDATE activity SET name = 'unseen' WHERE name = 'zero'")
    code, lines = world.run(verify=True)
    assert code == 1
    assert any("its trigger is gone" in line for line in lines)
    world.adopt()
    assert world.activity("unseen")["name"] == "unseen"
    assert world.run(verify=True)[0] == 0


def test_an_api_serves_what_was_adopted_so_far(world, db_of_world):
    """A row is either there whole, with its athlete, or not: each batch is one transaction."""
    world.adopt(batch_size=10)
    orphans = world.value(
        "SELECT count(*) FROM activities a LEFT JOIN athletes b ON b.id = a.athlete_id WHERE b.id IS NULL"
    )
    assert orphans == 0
    assert make.create_activity(db_of_world)  # pacegraph's own ids go on


def test_one_who_dies_when_the_trigger_is_back_leaves_the_walk_to_the_next(world, monkeypatch):
    world.adopt(finish=True)
    world.write("UPDATE activity SET name = 'late change' WHERE name = 'zero'")

    def die(*_):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(TableWalk, "_copy", die)
        with pytest.raises(SystemExit):
            world.adopt()
    world.adopt()
    assert world.activity("late change")["name"] == "late change"


def test_json_that_jsonb_refuses_stops_neither_the_old_service_nor_the_adoption(world):
    raw = r'{"text": "a\u0000b", "half": "\ud83d"}'
    world.write("ALTER TABLE activity ADD COLUMN payload json")
    world.write("UPDATE activity SET payload = %s WHERE name IN ('zero', 'negative distance')", raw)
    world.adopt()
    assert world.activity("zero")
    aside = world.one(
        "SELECT old_row FROM legacy.kept_aside WHERE old_row ->> 'name' = 'negative distance'"
    )
    assert aside["old_row"]["payload"]["text"] == "a\N{REPLACEMENT CHARACTER}b"
    world.write(
        "UPDATE activity SET name = 'noted', payload = %s WHERE name = 'zero'",
        raw.replace("b", "c"),
    )
    world.adopt()
    assert world.activity("noted")["name"] == "noted"
    assert world.run(verify=True)[0] == 0


def test_a_table_that_is_held_is_told(world, settings, monkeypatch, capsys):
    """Writers who come later wait for 2 s at most, and are let by between two attempts."""
    monkeypatch.setattr(transaction_runner, "ATTEMPTS", 2)
    url = settings.database_url.get_secret_value()
    with psycopg.connect(url) as holder:
        holder.execute("UPDATE activity SET name = name WHERE name = 'zero'")
        code = adopt(settings, AdoptionOptions())
        holder.rollback()
    assert code == 1
    assert "another transaction held a table of the older service" in capsys.readouterr().err
    world.adopt()
    assert world.run(verify=True)[0] == 0


def test_undone_while_bests_are_recalculated(world):
    world.adopt()
    world.write("UPDATE jobs SET status = 'RUNNING', lease_until = now() + interval '1 hour'")
    lines = world.adopt(undo=True)
    assert any("recalculatePersonalBests(input: {})" in line for line in lines), lines
    assert not any("run `pacegraph adopt`" in line for line in lines)
