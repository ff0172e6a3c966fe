"""The whole adoption of the dump: what is adopted, what is kept aside, and that nothing is lost or
doubled.
"""

from datetime import UTC, datetime

import pytest

from db.encryption import KeyRing
from local.generated_secrets import new_encryption_key
from tests import factories as make
from tests.legacy.adoption.make_dump import FILE, write


def test_the_dump_is_what_its_script_writes():
    assert FILE.read_text() == write()
    assert len(FILE.read_bytes()) < 300_000


def test_every_old_row_is_adopted_joined_or_kept_aside(world):
    before = world.old_contents()
    world.adopt(batch_size=37)
    for kind, table in {
        "athlete": "athlete",
        "activity": "activity",
        "feedback": "legacy.feedback",
    }.items():
        fates = world.one(
            f"SELECT count(*) AS rows, count(a.old_id) AS adopted, count(k.old_id) AS aside FROM {table} t "
            "LEFT JOIN legacy.adopted a ON a.kind = %s AND a.old_id = t.id::text "
            "LEFT JOIN (SELECT DISTINCT old_id FROM legacy.kept_aside WHERE source = %s AND NOT adopted) k "
            "ON k.old_id = t.id::text",
            kind,
            kind,
        )
        assert fates["adopted"] + fates["aside"] == fates["rows"] > 0
        assert fates["adopted"] > 0
    assert world.old_contents() == before
    assert world.run(verify=True) == (
        0,
        ["compared: activity 302, athlete 21, feedback 3", "no difference"],
    )


def test_a_row_kept_aside_is_there_as_json_with_the_reason(world):
    world.adopt()
    aside = world.one(
        "SELECT * FROM legacy.kept_aside WHERE old_row ->> 'name' = 'negative distance'"
    )
    assert aside["reason"] == "distance_m is not between 0 and 1000000000"
    assert aside["old_row"]["distance_m"] == -5
    secrets = world.value(
        "SELECT count(*) FROM legacy.kept_aside WHERE old_row::text ~ 'aaaaaaaa|gAAAA|token'"
    )
    assert secrets == 0


def test_the_report_counts_every_old_table(world):
    lines = world.adopt()
    tables = [line for line in lines if line.startswith(("public.", "legacy."))]
    assert len(tables) == 8
    assert (
        "public.activity_split: 96 rows, kept where they are: pacegraph has no table for them"
        in tables
    )
    assert (
        "public.activity: 311 rows, 301 adopted, 1 joined to rows that were there, 9 kept aside"
        in tables
    )
    assert any(
        "columns that stay in the old table alone: email, subscription_tier" in line
        for line in lines
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody's", "its athlete is not adopted"),
        ("no start", "start_time is missing, or no time between 1900 and 2200"),
        ("never ends", "start_time is missing, or no time between 1900 and 2200"),
        ("year 9999", "start_time is missing, or no time between 1900 and 2200"),
        ("before Christ", "start_time is missing, or no time between 1900 and 2200"),
        ("negative distance", "distance_m is not between 0 and 1000000000"),
        ("not a number", "distance_m is not between 0 and 1000000000"),
        ("endless digits", "distance_m is not between 0 and 1000000000"),
        ("negative time", "duration_s is not between 0 and 2147483647"),
    ],
)
def test_what_cannot_be_is_kept_aside(world, name, reason):
    world.adopt()
    assert world.activity(name) is None
    assert reason in world.aside(name)


def test_values_that_cannot_be_are_left_out(world):
    world.adopt()
    heart = world.activity("bad heart")
    assert (
        heart["average_heart_rate_bpm"]
        is heart["max_heart_rate_bpm"]
        is heart["elevation_gain_m"]
        is None
    )
    assert len(world.aside("bad heart")) == 3 + 1  # no Strava id either
    zero = world.activity("zero")
    assert (zero["distance_m"], zero["elapsed_time_s"], zero["strava_id"]) == (
        0.0,
        0,
        8_000_000_004,
    )
    nothing = world.activity("nothing known")
    assert (nothing["distance_m"], nothing["sport_type"], nothing["source"]) == (
        0.0,
        "Workout",
        "FILE",
    )
    assert world.activity("a number too long")["source"] == "FILE"
    assert world.activity("of a watch")["source"] == "FILE"
    assert world.activity("typed in")["sport_type"] == "TrailRun"
    odd = world.one("SELECT name FROM activity WHERE name LIKE ':bind%%'")["name"]
    assert world.activity(odd)["name"] == odd


def test_times(world):
    world.adopt()
    tokyo = world.activity("local only")
    assert tokyo["started_at"] == datetime(2025, 2, 28, 22, 30, tzinfo=UTC)
    assert tokyo["started_at_local"] == datetime(2025, 3, 1, 7, 30)  # noqa: DTZ001
    assert tokyo["timezone"] == "Asia/Tokyo"
    assert world.activity("no such zone")["timezone"] == "UTC"
    # July: New York is four hours behind, whatever Strava's text says.
    summer = world.one(
        "SELECT * FROM activities WHERE timezone = 'America/New_York' AND name = 'Run 13 🏃' LIMIT 1"
    )
    assert (
        summer["started_at"].replace(tzinfo=None) - summer["started_at_local"]
    ).total_seconds() == 4 * 3600


def test_times_without_a_zone_are_read_as_told(world):
    world.adopt(naive_zone="Europe/Lisbon")
    summer = world.one(
        "SELECT o.start_time, n.started_at, n.started_at_local, n.timezone FROM activity o "
        "JOIN legacy.ids ON old_id = o.id::text JOIN activities n ON n.id = new_id "
        "WHERE o.name = 'Run 14 🏃' ORDER BY o.id LIMIT 1"
    )
    assert summer["timezone"] == "Europe/Lisbon"
    assert summer["started_at_local"] == summer["start_time"]
    assert (
        summer["start_time"] - summer["started_at"].replace(tzinfo=None)
    ).total_seconds() == 3600
    assert world.run(verify=True)[0] == 0  # the zone is remembered
    contents = world.new_contents()
    world.adopt(rescan=True)
    assert world.new_contents() == contents


def test_the_same_strava_id_is_one_row_an_athlete(world):
    world.adopt(batch_size=1000)
    same = world.rows(
        "SELECT n.id, o.name FROM activity o JOIN legacy.ids i ON i.old_id = o.id::text "
        "JOIN activities n ON n.id = i.new_id WHERE o.name LIKE 'the same%%' ORDER BY o.name"
    )
    other, one, twin = (each["id"] for each in same)
    assert one == twin != other
    assert world.value("SELECT count(*) FROM activities WHERE strava_id = 8000000001") == 2


def test_nobody_else_sees_what_had_no_visibility(world):
    world.adopt()
    assert world.rows("SELECT DISTINCT visibility FROM activities") == [{"visibility": "ONLY_ME"}]
    assert world.rows("SELECT DISTINCT shares FROM athletes") == [{"shares": False}]


def test_names_come_back_as_they_were_shown(world):
    world.adopt()
    shown = world.rows(
        "SELECT btrim(n.first_name || ' ' || n.last_name) AS new, o.display_name AS old FROM athlete o "
        "JOIN legacy.adopted a ON a.kind = 'athlete' AND a.old_id = o.id::text "
        "JOIN legacy.ids i ON i.kind = a.kind AND i.old_id = a.old_id JOIN athletes n ON n.id = i.new_id "
        "WHERE NOT joined"
    )
    assert len(shown) == 20
    assert all(each["new"] == (each["old"] or "Athlete").strip() for each in shown)


# --- signing in


def connection_of(world, strava_id):
    return world.one("SELECT * FROM strava_connections WHERE strava_athlete_id = %s", strava_id)


def test_tokens_are_encrypted_and_open_with_the_ring(world):
    world.adopt()
    found = connection_of(world, 1001)
    old = world.one(
        "SELECT * FROM athlete WHERE strava_athlete_id = 1001 AND birthdate IS NOT NULL"
    )
    keys = KeyRing(world.settings.token_encryption_keys)
    assert (
        keys.decrypt(bytes(found["access_token"])).get_secret_value() == old["strava_access_token"]
    )
    assert (
        keys.decrypt(bytes(found["refresh_token"])).get_secret_value()
        == old["strava_refresh_token"]
    )
    assert found["refused_at"] is None
    assert found["token_expires_at"] < datetime.now(UTC)  # it is refreshed before its first use
    assert found["last_synced_at"] == old["last_strava_sync"]
    everything = world.value(
        "SELECT string_agg(a::text || i::text, '') FROM legacy.adopted a, legacy.ids i"
    )
    assert old["strava_refresh_token"] not in everything


def test_athletes_without_usable_tokens_are_found_by_their_next_sign_in(world):
    world.adopt()
    for strava_id in (4000, 4001):  # none, and sealed with an unknown key
        found = connection_of(world, strava_id)
        assert found["refused_at"] is not None
        assert (
            world.value("SELECT count(*) FROM accounts WHERE athlete_id = %s", found["athlete_id"])
            == 1
        )


def test_tokens_sealed_with_the_old_key_are_opened_once_it_is_in_the_ring(world):
    from cryptography.fernet import Fernet

    old_key = new_encryption_key()
    sealed = Fernet(old_key).encrypt(b"the refresh token").decode()
    world.write(
        "UPDATE athlete SET strava_access_token = %s, strava_refresh_token = %s WHERE strava_athlete_id = 4001",
        sealed,
        sealed,
    )
    world.adopt()
    assert connection_of(world, 4001)["refused_at"] is not None
    ring = (
        *world.settings.token_encryption_keys,
        type(world.settings.token_encryption_keys[0])(old_key),
    )
    world.settings = world.settings.model_copy(update={"token_encryption_keys": ring})
    world.adopt()
    found = connection_of(world, 4001)
    assert found["refused_at"] is None
    first_key_alone = KeyRing(ring[:1])
    assert (
        first_key_alone.decrypt(bytes(found["refresh_token"])).get_secret_value()
        == "the refresh token"
    )
    assert world.run(verify=True)[0] == 0


def test_who_signed_in_to_pacegraph_before_is_joined(world, db_of_world):
    athlete_id = make.create_athlete(
        db_of_world, first_name="Here", last_name="First", birth_date=None
    )
    make.create_connection(db_of_world, athlete_id, strava_athlete_id=1002)
    synced = make.create_activity(
        db_of_world, athlete_id, strava_id=7_000_002_003, name="synced by pacegraph"
    )
    world.adopt()
    assert (
        world.value(
            "SELECT new_id FROM legacy.ids JOIN athlete ON id::text = old_id WHERE strava_athlete_id = 1002"
        )
        == athlete_id
    )
    assert (
        world.one("SELECT first_name, birth_date FROM athletes WHERE id = %s", athlete_id)[
            "first_name"
        ]
        == "Here"
    )
    assert world.value("SELECT count(*) FROM activities WHERE strava_id = 7000002003") == 1
    assert world.value("SELECT name FROM activities WHERE id = %s", synced) == "synced by pacegraph"
    assert world.value("SELECT count(*) FROM activities WHERE athlete_id = %s", athlete_id) > 10
    assert (
        world.value("SELECT access_token FROM strava_connections WHERE athlete_id = %s", athlete_id)
        == b"ciphertext of an access token"
    )
    assert world.run(verify=True)[0] == 0


# --- efforts and bests


def test_old_best_efforts_are_given_efforts_and_bests_follow(world):
    world.adopt()
    world.recalculate()
    assert world.rows("SELECT DISTINCT provenance FROM best_efforts ORDER BY 1") == [
        {"provenance": "STRAVA"},
        {"provenance": "WHOLE_ACTIVITY"},
    ]
    assert world.value("SELECT count(*) FROM activities WHERE efforts_version IS NULL") == 0
    lines = world.adopt()
    assert "  91 the same as pacegraph's (within 1 s)" in lines
    assert "  1 pacegraph's is slower: the old one is of no adopted effort" in lines
    assert any(line.endswith("KM5: 1484 s in the old table, here 1508.0") for line in lines), lines


def test_best_efforts_that_cannot_be_are_kept_aside(world):
    world.adopt()
    assert world.activity("bad efforts")["given_efforts"] == [
        {"distance_m": 400.0, "elapsed_s": 90.0, "start_offset_s": 0.0}
    ]
    assert world.value("SELECT count(*) FROM legacy.kept_aside WHERE source = 'best_effort'") == 5


# --- again


def test_twice_in_a_row_changes_nothing(world):
    world.adopt(batch_size=50)
    contents, jobs = world.new_contents(), world.value("SELECT count(*) FROM jobs")
    versions = world.rows(
        "SELECT id, xmin::text FROM activities UNION ALL SELECT id, xmin::text FROM athletes"
    )
    world.adopt(batch_size=7)
    world.adopt(rescan=True)
    assert world.new_contents() == contents
    assert (
        world.rows(
            "SELECT id, xmin::text FROM activities UNION ALL SELECT id, xmin::text FROM athletes"
        )
        == versions
    )
    assert world.value("SELECT count(*) FROM jobs") == jobs


def test_a_dry_run_writes_nothing_and_tells_the_same(world):
    code, lines = world.run(dry_run=True)
    assert code == 0
    assert world.value("SELECT to_regclass('legacy.ids')") is None
    assert "public.activity: 311 rows, 302 would be adopted, 9 kept aside" in lines
    for table in ("athletes", "activities", "feedback"):
        assert world.value(f"SELECT count(*) FROM {table}") == 0
