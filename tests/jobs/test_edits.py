"""What athletes edit and delete here stands, whatever syncs bring."""

from datetime import timedelta

from sqlalchemy import text

from db.statements.activities import activity_deletion, activity_edit, deleted_activity, gear
from jobs.source_retention import delete_due
from jobs.sync.personal_bests import withdraw_hidden
from strava.client import StravaClient
from tests import factories as make
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.originals import create_original

SHOWN = """SELECT a.name, description, is_race, g.strava_id AS gear, visibility, source_visibility
    FROM activities a LEFT JOIN gear g ON g.id = gear_id WHERE a.strava_id = :id"""


def edit(world, strava_id: int, hidden: bool | None = None, **values) -> None:
    row = world.value("SELECT id FROM activities WHERE strava_id = :id", id=strava_id)
    with world.database.write() as connection:
        if values:
            connection.execute(activity_edit.edit(values), {"changed_activity_id": row})
        if hidden is not None:
            connection.execute(activity_edit.set_hidden(hidden=hidden), {"run": row})


def delete(world, strava_id: int) -> None:
    row = world.value("SELECT id FROM activities WHERE strava_id = :id", id=strava_id)
    with world.database.write() as connection:
        for statement in deleted_activity.delete_activity():
            connection.execute(statement, {"activity": row})


def test_edits_stand_and_all_else_follows_strava(world):
    runner = world.connect()
    strava_id = world.strava.activities()[0]["id"]
    world.strava.change(strava_id, gear_id="g7", visibility="everyone")
    world.sync(runner)
    edit(world, strava_id, name="Mine", is_race=True)
    edit(world, strava_id, description="My words", gear_id=None)
    edit(world, strava_id, hidden=True)
    told = {"name": "Theirs", "gear_id": "g8", "description": "Their words", "trainer": True}
    world.strava.change(strava_id, **told)
    for arguments in ({"mode": "FULL"}, {"activity_id": strava_id}):
        world.sync(runner, **arguments)
        assert world.one(SHOWN, id=strava_id) == {
            "name": "Mine", "description": "My words", "is_race": True, "gear": None,
            "visibility": "ONLY_ME", "source_visibility": "EVERYONE",
        }  # fmt: skip
        trainer = "SELECT trainer FROM activities WHERE strava_id = :id"
        assert world.value(trainer, id=strava_id) is True
    world.strava.change(strava_id, visibility="followers_only")
    world.sync(runner, mode="FULL")
    edit(world, strava_id, hidden=False)
    row = world.one(SHOWN, id=strava_id)
    assert (row["visibility"], row["source_visibility"]) == ("FOLLOWERS_ONLY", None)
    assert world.sync(runner, mode="FULL")["activities_updated"] == 0


def test_no_sync_brings_back_what_was_deleted_here(world):
    runner = world.connect()
    world.sync(runner)
    best = "SELECT a.strava_id FROM personal_bests p JOIN activities a ON a.id = p.activity_id WHERE p.is_current LIMIT 1"
    gone = world.value(best)
    delete(world, gone)
    world.strava.change(gone, name="Changed")
    world.strava.forget_requests()
    for arguments in ({"mode": "FULL"}, {}, {"activity_id": gone}):
        job = world.sync(runner, **arguments)
        assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 0)
        assert world.value("SELECT count(*) FROM activities") == RUNS - 1
    assert world.strava.requests(f"/activities/{gone}") == 0
    bests = "SELECT count(*) FROM personal_bests WHERE is_current AND activity_id NOT IN (SELECT id FROM activities)"
    assert world.value(bests) == 0
    world.write("DELETE FROM deleted_activities")  # as `restoreActivity` does
    assert world.sync(runner, activity_id=gone)["activities_created"] == 1
    efforts = "SELECT count(*) FROM best_efforts e JOIN activities a ON a.id = activity_id WHERE a.strava_id = :id"
    assert world.value(efforts, id=gone) > 0


def test_what_is_deleted_while_strava_is_asked_for_it_is_not_noted_as_changed(world, monkeypatch):
    runner = world.connect()
    known = "SELECT id FROM activities WHERE strava_id = :id"
    forget = "UPDATE athlete_changes SET activity_ids = array_remove(activity_ids, :id)"
    gone = []

    def delete_meanwhile(asked: str, strava_id: int) -> None:
        ask = getattr(StravaClient, asked)

        def delete_and_ask(client, token, number, *rest):
            if number == strava_id:
                gone.append(world.value(known, id=strava_id))
                delete(world, strava_id)
                world.write(forget, id=gone[-1])
            return ask(client, token, number, *rest)

        monkeypatch.setattr(StravaClient, asked, delete_and_ask)

    for asked, run in zip(("streams", "details"), world.strava.activities(), strict=False):
        delete_meanwhile(asked, run["id"])
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert len(gone) == 2
    noted = "SELECT count(*) FROM athlete_changes WHERE activity_ids && :gone"
    assert world.value(noted, gone=gone) == 0


def test_edited_gear_stands(world):
    runner = world.connect()
    strava_id = world.strava.activities()[0]["id"]
    world.strava.change(strava_id, gear_id="g7")
    world.sync(runner)
    row = world.value("SELECT id FROM gear")
    with world.database.write() as connection:
        for values in ({"name": "Blue"}, {"retired": True}):
            connection.execute(gear.edit(values), {"changed_gear_id": row})
    world.write("UPDATE gear SET asked_at = NULL")
    told = {"name": "Theirs", "distance": 5.0, "retired": False}
    world.strava.control("PUT", "/athletes/1001/gear/g7", json=told)
    world.sync(runner)
    shown = world.one("SELECT name, source_name, retired, stated_distance_m FROM gear")
    assert shown == {
        "name": "Blue", "source_name": "Theirs", "retired": True, "stated_distance_m": 5.0,
    }  # fmt: skip


def test_shoes_stay_retired_and_renamed_when_strava_tells_of_their_namesake(world):
    runner = world.connect()
    world.write("INSERT INTO gear (athlete_id, name) VALUES (:id, 'shoes G7')", id=runner)
    row = world.value("SELECT id FROM gear")
    with world.database.write() as connection:
        statement = gear.edit({"name": "Mine", "retired": True})
        connection.execute(statement, {"changed_gear_id": row})
    world.strava.change(world.strava.activities()[0]["id"], gear_id="g7")
    world.sync(runner)
    world.sync(runner)
    shown = world.one("SELECT strava_id, name, source_name, retired, edited FROM gear")
    assert shown == {
        "strava_id": "g7", "name": "Mine", "source_name": "Shoes g7", "retired": True,
        "edited": ["retired", "name"],
    }  # fmt: skip


def test_disconnecting_with_the_data_forgets_what_was_deleted_of_strava(world):
    runner = world.connect()
    world.sync(runner)
    delete(world, world.strava.activities()[0]["id"])
    file = {"id": 2**62 + 1, "athlete": runner}
    world.write("INSERT INTO deleted_activities (id, athlete_id) VALUES (:id, :athlete)", **file)
    world.work(world.create(runner, "ERASE_ATHLETE"))
    assert world.rows("SELECT id FROM deleted_activities") == [{"id": 2**62 + 1}]


def test_a_sync_notes_what_it_changed(world):
    runner = world.connect()
    job = world.sync(runner)
    noted = "SELECT DISTINCT unnest(activity_ids) AS id FROM athlete_changes WHERE job_id = :job"
    assert world.rows(noted + " ORDER BY 1", job=job["id"]) == world.rows(
        "SELECT id FROM activities ORDER BY 1"
    )
    distances = "SELECT DISTINCT unnest(distances) AS distance FROM athlete_changes ORDER BY 1"
    bests = "SELECT distance FROM personal_bests WHERE is_current ORDER BY 1"
    assert world.rows(distances) == world.rows(bests)
    gone = world.strava.activities()[0]["id"]
    row = world.value("SELECT id FROM activities WHERE strava_id = :id", id=gone)
    world.strava.delete(gone)
    job = world.sync(runner, mode="FULL")
    deleted = "SELECT deleted_ids FROM athlete_changes WHERE job_id = :job AND deleted_ids <> '{}'"
    assert world.value(deleted, job=job["id"]) == [row]
    world.work(world.create(runner, "ERASE_ATHLETE"))
    assert world.value("SELECT count(*) FROM athlete_changes WHERE activity_ids <> '{}'") == 0


CHOICES = "SELECT visibility, source_visibility, excluded FROM activities WHERE strava_id = :id"
CHOSEN = {"visibility": "ONLY_ME", "source_visibility": "EVERYONE", "excluded": True}


def test_what_was_hidden_and_excluded_comes_back_so(world):
    runner = world.connect()
    chosen, other = (each["id"] for each in world.strava.activities()[:2])
    for each in (chosen, other):
        world.strava.change(each, visibility="everyone")
    world.sync(runner)
    edit(world, chosen, hidden=True, excluded=True)
    delete(world, chosen)
    world.write("DELETE FROM deleted_activities")  # as `restoreActivity` does
    world.sync(runner, activity_id=chosen)
    assert world.one(CHOICES, id=chosen) == CHOSEN
    assert not world.rows("SELECT * FROM kept_choices")
    for each in (chosen, other):
        world.strava.change(each, visibility="only_me")  # Strava lists them no longer
    values = {"athlete": runner, "strava_ids": [chosen, other]}
    with world.database.write() as connection:
        gone = connection.execute(activity_deletion.delete_by_strava_id(), values).all()
    assert len(gone) == 2
    for each in (chosen, other):
        world.strava.change(each, visibility="everyone")
    world.sync(runner, mode="FULL")
    assert world.one(CHOICES, id=chosen) == CHOSEN
    assert world.one(CHOICES, id=other) == {
        "visibility": "EVERYONE", "source_visibility": None, "excluded": False,
    }  # fmt: skip
    world.write("UPDATE activities SET confirmed_at = now() - interval '11 days'")
    kept_10_days = world.settings.model_copy(update={"strava_retention_days": 10})
    delete_due(kept_10_days, world.database)
    assert world.value("SELECT count(*) FROM activities") == 0
    world.sync(runner, mode="FULL")
    assert world.one(CHOICES, id=chosen) == CHOSEN
    counting = "SELECT count(*) FROM best_efforts e JOIN activities a ON a.id = activity_id WHERE a.strava_id = :id AND counts"
    assert world.value(counting, id=chosen) == 0
    world.work(world.create(runner, "ERASE_ATHLETE"))
    assert not world.rows("SELECT * FROM kept_choices")


ALL = """SELECT a.name, description, notes, is_race, g.strava_id AS gear, recording_choice, a.edited,
    (SELECT array_agg(distance) FROM best_efforts e WHERE e.activity_id = a.id AND e.excluded) AS out
    FROM activities a LEFT JOIN gear g ON g.id = gear_id WHERE a.strava_id = :id"""
EXCLUDE = """UPDATE best_efforts SET excluded = true WHERE distance = 'KM1'
    AND activity_id = (SELECT id FROM activities WHERE strava_id = :id)"""


def go(world, athlete_id: int, *strava_ids: int) -> None:
    """As where Strava does not find them for a while."""
    values = {"athlete": athlete_id, "strava_ids": list(strava_ids)}
    with world.database.write() as connection:
        connection.execute(activity_deletion.delete_by_strava_id(), values).all()


def test_all_that_was_chosen_and_edited_comes_back(world):
    runner = world.connect()
    chosen, other = (each["id"] for each in world.strava.activities()[:2])
    world.strava.change(chosen, gear_id="g7", description="Theirs")
    world.sync(runner)
    gear_id = world.value("SELECT id FROM gear")
    edit(world, chosen, name="Mine", description=None, notes="Only for me", is_race=True)
    edit(world, chosen, gear_id=gear_id)
    world.write(EXCLUDE, id=chosen)
    choose = "UPDATE activities SET recording_choice = 'SEPARATE' WHERE strava_id = :id"
    world.write(choose, id=chosen)
    world.strava.change(chosen, gear_id=None, name="Renamed there")
    before = world.one(ALL, id=chosen)
    assert (before["out"], before["gear"]) == (["KM1"], "g7")
    go(world, runner, chosen, other)
    assert [row["strava_id"] for row in world.rows("SELECT * FROM kept_choices")] == [chosen]
    world.sync(runner, activity_id=chosen)
    after = world.one(ALL, id=chosen)
    assert sorted(after.pop("edited")) == sorted(before.pop("edited"))
    assert after == before
    assert world.rows("SELECT * FROM kept_choices") == []
    world.write("DELETE FROM gear")
    world.write("UPDATE best_efforts SET excluded = false")
    go(world, runner, chosen)
    world.sync(runner, mode="FULL")
    again = world.one(ALL, id=chosen)
    assert (again["name"], again["gear"], again["out"]) == ("Mine", None, None)
    assert world.one(ALL, id=other)["edited"] == []


def test_an_exclusion_waits_for_the_effort(world):
    runner = world.connect()
    chosen = world.strava.activities()[0]["id"]
    world.sync(runner)
    world.write(EXCLUDE, id=chosen)
    go(world, runner, chosen)
    with world.database.write() as db:  # it is back, its efforts are not derived yet
        make.create_activity(db, runner, strava_id=chosen)
    edit(world, chosen, excluded=True)
    go(world, runner, chosen)
    world.sync(runner, mode="FULL")
    assert world.one(ALL, id=chosen)["out"] == ["KM1"]
    assert world.one(CHOICES, id=chosen)["excluded"] is True
    assert world.rows("SELECT * FROM kept_choices") == []


def test_what_was_deleted_of_an_archive_does_not_come_from_strava(world):
    runner = world.connect()
    of_file, of_both = (each["id"] for each in world.strava.activities()[:2])
    world.sync(runner, activity_id=of_both)
    for strava_id in (of_file, of_both):
        with world.database.write() as db:
            activity = make.create_activity(db, runner, source="FILE", strava_id=None)
            create_original(db, runner, activity, str(strava_id).encode())
            told = "UPDATE imported_files SET strava_id = :told WHERE activity_id = :id"
            db.execute(text(told), {"told": strava_id, "id": activity})
            for statement in deleted_activity.delete_activity():
                db.execute(statement, {"activity": activity})
    world.strava.change(of_both, name="Followed")
    world.sync(runner)
    world.sync(runner, activity_id=of_file)
    there = "SELECT name FROM activities WHERE strava_id = :id"
    assert world.rows(there, id=of_file) == []
    assert world.value(there, id=of_both) == "Followed"  # only the file's recording was deleted
    world.write("DELETE FROM deleted_activities")  # as `restoreActivity` does
    assert world.sync(runner, activity_id=of_file)["activities_created"] == 1


def join_file(world, strava_id: int) -> tuple[int, int]:
    """Make another activity a recording of the same run, from a file; returns the ids of both."""
    first = world.value("SELECT id FROM activities WHERE strava_id = :id", id=strava_id)
    other = world.value(
        "SELECT max(id) FROM activities WHERE id <> :first AND source = 'STRAVA'", first=first
    )
    joined = "source = 'FILE', strava_id = NULL, duplicate_of_id = :first"
    world.write(f"UPDATE activities SET {joined} WHERE id = :other", first=first, other=other)
    return first, other


def test_the_recording_that_takes_over_is_noted(world):
    runner = world.connect()
    world.sync(runner)
    noted = "SELECT activity_ids, deleted_ids FROM athlete_changes WHERE deleted_ids <> '{}' ORDER BY id DESC LIMIT 1"
    strava_ids = world.rows("SELECT strava_id FROM activities ORDER BY id LIMIT 3")
    gone, due, erased = (each["strava_id"] for each in strava_ids)
    first, other = join_file(world, gone)
    world.strava.delete(gone)
    world.sync(runner, mode="FULL")
    assert world.one(noted) == {"activity_ids": [other], "deleted_ids": [first]}
    first, other = join_file(world, due)
    aged = "UPDATE activities SET confirmed_at = now() - interval '11 days' WHERE id = :id"
    world.write(aged, id=first)
    kept_10_days = world.settings.model_copy(update={"strava_retention_days": 10})
    delete_due(kept_10_days, world.database)
    assert world.one(noted) == {"activity_ids": [other], "deleted_ids": [first]}
    first, other = join_file(world, erased)
    world.work(world.create(runner, "ERASE_ATHLETE"))
    assert other in world.one(noted)["activity_ids"]


def test_a_new_recording_of_a_hidden_run_is_hidden_at_once(world):
    runner = world.connect()
    with world.database.write() as db:
        file = {"source": "FILE", "strava_id": None, "visibility": "EVERYONE"}
        hidden, new, later = (
            make.create_activity(db, runner, started_at=make.NOON + timedelta(seconds=n), **file)
            for n in (0, 2, 7 * 86_400)
        )
        db.execute(activity_edit.set_hidden(hidden=True), {"run": hidden})
        withdraw_hidden(db, runner, None, [new, later])
    shown = "SELECT id, visibility, source_visibility FROM activities WHERE id <> :id ORDER BY started_at"
    assert world.rows(shown, id=hidden) == [
        {"id": new, "visibility": "ONLY_ME", "source_visibility": "EVERYONE"},
        {"id": later, "visibility": "EVERYONE", "source_visibility": None},
    ]
    assert new in world.value("SELECT activity_ids FROM athlete_changes")
