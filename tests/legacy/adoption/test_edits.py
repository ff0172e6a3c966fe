"""What athletes edit and delete here stands, whatever the older service has."""

from db.statements.activities import deleted_activity
from legacy.adoption.placement import DELETED_HERE
from tests import factories as make

HIDE = "source_visibility = visibility, visibility = 'ONLY_ME'"
SHOW = "source_visibility = NULL, visibility = source_visibility"
EDITS = {
    "zero": "name = 'Mine', edited = '{name}'",
    "bad heart": HIDE,
    "typed in": "notes = 'Left knee'",
    "of a watch": "excluded = true",
}


def edit(world, row, values: str) -> None:
    """Set what `updateActivity` sets, which leaves `updated_at`."""
    assert world.write(f"UPDATE activities SET {values} WHERE id = %s", row["id"]) == 1


def delete(db, row) -> None:
    for statement in deleted_activity.delete_activity():
        db.execute(statement, {"activity": row["id"]})


def test_edits_stand_and_all_else_follows_the_older_service(world):
    world.write("ALTER TABLE activity ADD COLUMN visibility text DEFAULT 'everyone'")
    world.adopt()
    before = {name: world.activity(name) for name in EDITS}
    for name, values in EDITS.items():
        edit(world, before[name], values)
    assert world.run(verify=True)[0] == 0
    world.write(
        "UPDATE activity SET max_hr = 190, visibility = 'followers_only' WHERE name = ANY(%s)",
        list(EDITS),
    )
    for _ in range(2):
        world.adopt(rescan=True)
        after = {name: world.activity(name) for name in EDITS}
        assert {name: row["id"] for name, row in after.items()} == {
            name: row["id"] for name, row in before.items()
        }
        assert {row["max_heart_rate_bpm"] for row in after.values()} == {190}
        assert (after["zero"]["name"], after["zero"]["visibility"]) == ("Mine", "FOLLOWERS_ONLY")
        hidden = after["bad heart"]
        assert (hidden["visibility"], hidden["source_visibility"]) == ("ONLY_ME", "FOLLOWERS_ONLY")
        assert (after["typed in"]["notes"], after["of a watch"]["excluded"]) == ("Left knee", True)
        assert world.run(verify=True)[0] == 0
    edit(world, hidden, SHOW)
    assert world.activity("bad heart")["visibility"] == "FOLLOWERS_ONLY"
    assert world.run(verify=True)[0] == 0
    edit(world, hidden, HIDE)
    world.write("DELETE FROM activity WHERE name IN ('zero', 'bad heart')")
    world.adopt()
    lines = world.adopt(undo=True)
    assert "  2 left: its athlete has edited it here, so it stays" in lines
    left = {row["id"] for row in world.rows("SELECT id FROM activities")}
    assert left == {row["id"] for row in before.values()}


def test_what_was_deleted_here_stays_so_until_it_is_restored(world, db_of_world):
    world.adopt()
    zero, typed, twice = (world.activity(each) for each in ("zero", "typed in", "the same twice"))
    for row in (zero, typed, twice):
        delete(db_of_world, row)
    for _ in range(2):
        code, lines = world.run(verify=True)
        assert code == 0, lines
        assert "pacegraph's own since, and so not compared: activities (deleted) 3" in lines
        world.adopt(rescan=True)
        assert [world.activity(name) for name in ("zero", "typed in", "the same twice")] == [
            None
        ] * 3
    for row in (typed, twice):
        db_of_world.execute(deleted_activity.restore(), {"activity": row["id"]})
    synced = make.create_activity(db_of_world, twice["athlete_id"], strava_id=twice["strava_id"])
    code, lines = world.run(verify=True)
    assert code == 1
    assert any(
        "2 adopted activities are gone: `pacegraph adopt --rescan`" in line for line in lines
    )
    world.adopt(rescan=True)
    assert world.activity("typed in")
    assert world.activity("the same twice")["id"] == synced
    assert world.run(verify=True)[0] == 0
    # as if it were adopted for the first time
    world.adopt(undo=True)
    world.adopt()
    assert (world.activity("zero"), world.aside("zero")) == (None, [DELETED_HERE])
    code, lines = world.run(verify=True)
    assert code == 0, lines
    db_of_world.execute(deleted_activity.restore(), {"activity": zero["id"]})
    world.adopt()
    assert world.activity("zero")["strava_id"] == zero["strava_id"]
