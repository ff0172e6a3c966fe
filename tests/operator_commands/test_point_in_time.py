"""An archived log recovers a database to a moment, and pacegraph goes on from there."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import NullPool, create_engine

from db.session import SyncDatabase
from jobs.enqueue import queued_ids
from jobs.reconcile import Reconciler
from operator_commands.checks import migrations
from operator_commands.migrations import upgrade
from settings import load_settings
from tests import factories as make
from tests.graph.api import serve
from tests.patience import PATIENCE_S
from tests.replication import Server

pytestmark = [pytest.mark.whole, pytest.mark.anyio]

CITY = "query($id: ID!) { athlete(id: $id) { city activities(first: 5) { totalCount } } }"
MOMENT = "before_the_mistake"


class Archived:
    """A server that archives its log, and the copy of its data that a recovery begins with."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._archive = folder, folder / "archive"
        self._archive.mkdir()
        archiving = {
            "archive_mode": "on",
            "archive_command": f"cp %p {self._archive}/%f",
        }
        self.server = Server(folder / "server", **archiving)
        self.server.give(self._archive)
        self.server.create()
        self.server.start()

    def back_up(self) -> None:
        """Copy the data while the server runs."""
        self.recovered = Server(
            self._folder / "recovered",
            restore_command=f"cp {self._archive}/%f %p",
            recovery_target_name=MOMENT,
            recovery_target_action="promote",
        )
        self.recovered.copy(self.server)

    def recover(self) -> None:
        """Archive the rest, and start the copy, which recovers to MOMENT."""
        self.server.run("SELECT pg_switch_wal()")
        self.server.stop()
        (self.recovered.data / "recovery.signal").touch()
        self.recovered.start()
        until = time.monotonic() + PATIENCE_S
        while self.recovered.run("SELECT pg_is_in_recovery()"):
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.fixture
def archived() -> Iterator[Archived]:
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-archive-"))
    folder.chmod(0o755)
    made = Archived(folder)
    upgrade(load_settings(None, database_url=made.server.url))
    yield made
    made.recovered.stop()
    shutil.rmtree(folder)


async def test_all_before_the_moment_is_there_and_nothing_after_it(archived, settings, redis_url):
    url = archived.server.url.replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    before = settings.model_copy(update={"database_url": SecretStr(archived.server.url)})
    with engine.connect() as db:
        person = make.create_person(db, city="Porto")
        archived.back_up()
        make.create_activity(db, person.athlete_id)
        job = make.create_job(db, person.athlete_id, status="QUEUED", kind="PERSONAL_BESTS")
        archived.server.run(f"SELECT pg_create_restore_point('{MOMENT}')")
        make.create_activity(db, person.athlete_id)
        db.exec_driver_sql("UPDATE athletes SET city = 'nowhere'")
        async with serve(before) as api:  # its answer is in the cache
            answer = await api.answer(CITY, person.token, id=person.id)
            assert answer["data"]["athlete"]["city"] == "nowhere"
    archived.recover()
    after = settings.model_copy(update={"database_url": SecretStr(archived.recovered.url)})
    async with serve(after) as api:
        answer = await api.answer(CITY, person.token, id=person.id)
    assert answer["data"]["athlete"] == {"city": "Porto", "activities": {"totalCount": 1}}
    assert migrations.check(after) == "the database is up to date"
    with psycopg.connect(archived.recovered.url) as recovered:
        recovered.execute("UPDATE jobs SET enqueued_at = now() - interval '1 hour'")
    database = SyncDatabase(after, application_name="tests")
    with Redis.from_url(redis_url) as redis:
        reconciler = Reconciler(after, database, redis)
        for _ in range(2):
            reconciler.run_once()
        assert queued_ids(redis) == {job}
    database.close()
