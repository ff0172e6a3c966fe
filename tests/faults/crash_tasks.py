"""Tasks whose every point is tried: each makes what is there before, and the job; returns its id."""

from collections.abc import Callable

from tests.jobs.simulated import RUNNER
from tests.jobs.tasks.test_file_import import archive_of, import_job, runs, upload
from tests.jobs.test_strava_sync import even_track
from tests.jobs.world import World
from tests.recordings.run import run_of, tcx_file

Begin = Callable[[World], int]
RETENTION_DAYS = 10
"""For how long activities of Strava are kept that it does not confirm."""


def newest(world: World) -> list[int]:
    return [activity["id"] for activity in world.strava.activities()]


def synced(world: World) -> int:
    athlete = world.connect()
    assert world.sync(athlete)["status"] == "SUCCEEDED"
    return athlete


def make_changes(world: World) -> None:
    first, second, *_ = newest(world)
    world.strava.change(first, name="Changed", distance=5000.0)
    world.strava.delete(second)
    world.strava.add(streams=even_track(5000, 1500), start_date="2026-03-01T06:00:00Z")


def backfill(world: World) -> int:
    world.strava.add(streams=None, start_date="2026-02-01T06:00:00Z", distance=5000.0)
    return world.create(world.connect())


def incremental(world: World) -> int:
    athlete = synced(world)
    make_changes(world)
    return world.create(athlete)


def with_expired_tokens(world: World) -> int:
    athlete = synced(world)
    world.write("UPDATE strava_connections SET token_expires_at = now()")
    return world.create(athlete, activity_id=newest(world)[0])


def nightly(world: World) -> int:
    athlete = synced(world)
    make_changes(world)
    return world.create(athlete, mode="FULL", cause="nightly")


def problems(world: World) -> int:
    athlete = synced(world)
    for strava_id in newest(world)[:2]:
        world.strava.change(strava_id, name="Tried again")
        world.write(
            "INSERT INTO sync_problems (connection_id, athlete_id, strava_id, stage, code, message, job_id, next_try_at) "
            "SELECT id, athlete_id, :i, 'READING', 'INTERNAL', '', 1, now() FROM strava_connections", i=strava_id,
        )  # fmt: skip
    return world.create(athlete, cause="problems")


def webhook(world: World) -> int:
    athlete = synced(world)
    first, second, *_ = newest(world)
    make_changes(world)
    for strava_id in (first, second, newest(world)[0]):
        tell(world, "activity", strava_id)
    return world.create(athlete, "STRAVA_WEBHOOK")


def revoked(world: World) -> int:
    athlete = synced(world)
    world.strava.control("POST", f"/athletes/{RUNNER}/deauthorize")
    tell(world, "athlete", RUNNER)
    return world.create(athlete, "STRAVA_WEBHOOK")


def disconnect(world: World) -> int:
    return world.create(synced(world), "STRAVA_DISCONNECT")


def erase(world: World) -> int:
    return world.create(synced(world), "ERASE_ATHLETE")


def import_files(world: World) -> int:
    athlete = world.athlete()
    export = upload(world, athlete, archive_of(runs(2)))
    one = upload(world, athlete, tcx_file(run_of(400), start_s=1.6e9), "one.tcx")
    return import_job(world, athlete, export, one)


def export(world: World) -> int:
    """The second archive, which takes the first one's place."""
    return world.create(with_files(world), "EXPORT")


def erase_with_files(world: World) -> int:
    return world.create(with_files(world), "ERASE_ATHLETE")


def with_files(world: World) -> int:
    """An athlete with a recording, an archive and a file that waits for its import."""
    athlete = synced(world)
    for job_id in (
        import_job(world, athlete, upload(world, athlete, archive_of(runs(1)))),
        world.create(athlete, "EXPORT"),
    ):
        assert world.work(job_id)["status"] == "SUCCEEDED"
    upload(world, athlete, archive_of(runs(2)))
    return athlete


def long_kept(world: World) -> int:
    """Nothing is kept any longer, but for recordings of files."""
    athlete = with_files(world)
    world.write(
        "UPDATE activities SET confirmed_at = now() - make_interval(days => :days)",
        days=RETENTION_DAYS + 1,
    )
    world.write("UPDATE strava_connections SET refused_at = now()")  # no sync confirms them
    world.write("UPDATE uploads SET expires_at = now()")
    world.write("UPDATE exports SET expires_at = now()")
    world.write(
        "UPDATE jobs SET created_at = now() - interval '1 year', finished_at = now() - interval '1 year'"
    )
    world.write(
        "INSERT INTO feedback (message, created_at) VALUES ('old', now() - interval '2 years')"
    )
    return athlete


def tell(world: World, kind: str, number: int) -> None:
    world.write(
        "INSERT INTO strava_events (connection_id, object_type, object_id) "
        "SELECT id, :kind, :number FROM strava_connections", kind=kind, number=number,
    )  # fmt: skip


TASKS: dict[str, Begin] = {
    each.__name__: each
    for each in (
        backfill,
        incremental,
        with_expired_tokens,
        nightly,
        problems,
        webhook,
        revoked,
        disconnect,
        erase,
        import_files,
        export,
        erase_with_files,
    )
}
