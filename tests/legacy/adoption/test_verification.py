"""`pacegraph adopt --verify` finds every difference and says which; `--undo` removes what the
adoption alone made.
"""

import pytest

from db.encryption import KeyRing
from tests import factories as make

ONE = "(SELECT new_id FROM legacy.ids JOIN activity ON id::text = old_id WHERE name = 'zero')"
RUNNER = "(SELECT athlete_id FROM strava_connections WHERE strava_athlete_id = 1002)"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (f"UPDATE activities SET distance_m = distance_m + 1 WHERE id = {ONE}", "distance_m is 1, not 0"),
        (f"UPDATE activities SET name = 'x' WHERE id = {ONE}", "name is 'x', not 'zero'"),
        (f"UPDATE activities SET visibility = 'EVERYONE' WHERE id = {ONE}", "visibility is 'EVERYONE', not 'ONLY_ME'"),
        (f"UPDATE activities SET started_at = started_at + interval '1 s' WHERE id = {ONE}", "started_at is"),
        (f"UPDATE activities SET athlete_id = {RUNNER} WHERE id = {ONE}", "athlete_id is"),
        ("UPDATE activities SET given_efforts = NULL", "given_efforts is None, not"),
        (f"DELETE FROM activities WHERE id = {ONE}", "1 adopted activities are gone"),
        (f"DELETE FROM athletes WHERE id = {RUNNER}", "which is gone"),
        (f"DELETE FROM accounts WHERE athlete_id = {RUNNER}", "has no account"),
        (f"DELETE FROM strava_connections WHERE athlete_id = {RUNNER}", "there is none"),
        (f"UPDATE strava_connections SET scopes = '{{}}' WHERE athlete_id = {RUNNER}", "scopes"),
        (f"UPDATE athletes SET birth_date = '2000-01-01' WHERE id = {RUNNER}", "birth_date is '2000-01-01'"),
        ("UPDATE feedback SET message = 'other' WHERE message = 'from nobody'", "message is 'other', not"),
        ("DELETE FROM feedback WHERE message = 'from nobody'", "which is gone"),
        (f"DELETE FROM legacy.ids WHERE kind = 'activity' AND new_id = {ONE}", "is not adopted"),
        ("DELETE FROM legacy.kept_aside WHERE NOT adopted", "neither adopted nor kept aside"),
        ("UPDATE activity SET name = 'later' WHERE name = 'zero'", "changes of the older service are not carried over"),
    ],
)  # fmt: skip
def test_every_difference_is_found_and_mended(world, damage, told):
    world.adopt()
    assert world.run(verify=True)[0] == 0
    assert world.write(damage) > 0
    code, lines = world.run(verify=True)
    assert code == 1
    assert any(told in line for line in lines), lines
    assert not any("token" in line and "gAAAA" in line for line in lines)


def test_feedback_that_is_deleted_because_of_its_age_is_no_difference(world):
    """The reconciler does that within a minute of the adoption."""
    world.adopt()
    assert world.write("DELETE FROM feedback WHERE created_at < now() - interval '365 days'") == 2
    code, lines = world.run(verify=True)
    assert (code, lines[-1]) == (0, "no difference")
    assert "feedback (deleted by its age) 2" in lines[1]
    world.settings = world.settings.model_copy(update={"feedback_retention_days": 0})
    assert world.run(verify=True)[1][-1] == "2 differences"


def test_a_rescan_mends_what_was_changed_past_pacegraph(world):
    world.adopt()
    world.write(f"UPDATE activities SET distance_m = 77, visibility = 'EVERYONE' WHERE id = {ONE}")
    world.adopt(rescan=True)
    assert world.run(verify=True)[0] == 0
    assert world.activity("zero")["distance_m"] == 0.0


def test_what_pacegraph_changed_or_deleted_itself_is_no_difference(world, db_of_world):
    world.adopt()
    world.write(f"UPDATE activities SET name = 'of Strava', updated_at = now() WHERE id = {ONE}")
    runner = world.value(f"SELECT {RUNNER}")
    world.write(
        "DELETE FROM activities WHERE id IN (SELECT id FROM activities WHERE athlete_id = %s LIMIT 2)",
        runner,
    )
    make.create_job(db_of_world, runner, activities_deleted=2)
    code, lines = world.run(verify=True)
    assert code == 0, lines
    assert (
        "pacegraph's own since, and so not compared: activities (deleted) 2, activities.name 1"
        in lines
    )
    world.adopt(rescan=True)  # neither comes back
    assert world.activity("zero")["name"] == "of Strava"
    assert world.run(verify=True)[0] == 0


# --- undoing


def test_undoing_leaves_nothing_but_the_old_tables(world):
    before = world.old_contents()
    world.adopt(batch_size=50)
    world.recalculate()
    lines = world.adopt(undo=True, batch_size=17)
    assert lines[:3] == ["feedback: 3 removed", "activity: 301 removed", "athlete: 20 removed"]
    for table in (
        "athletes",
        "activities",
        "best_efforts",
        "personal_bests",
        "accounts",
        "feedback",
        "strava_connections",
    ):
        assert world.value(f"SELECT count(*) FROM {table}") == 0
    assert world.old_contents() == before
    assert world.value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pacegraph%%'") == 0
    assert (
        world.value(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'legacy'::regnamespace AND relkind = 'r'"
        )
        == 2
    )
    world.adopt()
    assert world.run(verify=True)[0] == 0


def test_undoing_leaves_what_is_pacegraphs_own(world, db_of_world):
    """Who was here before, who signed in since, and what a sync has changed."""
    here = make.create_athlete(db_of_world, first_name="Here")
    make.create_connection(db_of_world, here, strava_athlete_id=1003)
    own = make.create_activity(db_of_world, here, name="own")
    world.adopt()
    signed_in = world.value(f"SELECT {RUNNER}")
    world.write("UPDATE accounts SET last_signed_in_at = now() WHERE athlete_id = %s", signed_in)
    synced = world.value(
        "SELECT id FROM activities WHERE athlete_id = %s ORDER BY id LIMIT 1", signed_in
    )
    world.write(
        "UPDATE activities SET visibility = 'EVERYONE', updated_at = now() WHERE id = %s", synced
    )
    lines = world.adopt(undo=True)
    assert "  1 left: pacegraph has changed it since, so it stays" in lines
    assert any("has signed in to pacegraph" in line for line in lines)
    assert {row["id"] for row in world.rows("SELECT id FROM activities")} == {own, synced}
    assert {row["id"] for row in world.rows("SELECT id FROM athletes")} == {here, signed_in}
    world.recalculate()
    world.adopt()  # what was left is met again
    assert (
        world.value(
            "SELECT count(*) FROM activities WHERE strava_id = "
            "(SELECT strava_id FROM activities WHERE id = %s) AND athlete_id = %s",
            synced,
            signed_in,
        )
        == 1
    )
    assert world.activity("zero")
    code, lines = world.run(verify=True)
    assert code == 0, lines


def test_undoing_does_not_touch_tokens_of_a_later_sign_in(world):
    world.adopt()
    keys = KeyRing(world.settings.token_encryption_keys)
    fresh = keys.encrypt(type(world.settings.token_encryption_keys[0])("fresh"))
    world.write(
        "UPDATE strava_connections SET refresh_token = %s WHERE strava_athlete_id = 1002", fresh
    )
    world.adopt(undo=True)
    assert (
        world.value("SELECT refresh_token FROM strava_connections WHERE strava_athlete_id = 1002")
        == fresh
    )
