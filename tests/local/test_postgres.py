"""The private PostgreSQL: first and second start, after a crash, in a long path, twice."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local.postgres import start_postgres
from local.processes import as_user
from local.service import ServiceFailed
from local.sockets import LONGEST_FOLDER
from settings import child_environment

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="pacegraph-test-"))
    yield home
    shutil.rmtree(home)


def family_of(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def test_keeps_its_data_and_leaves_no_process(home):
    first = start_postgres(home)
    try:
        family = family_of(first.process.pid)
        with psycopg.connect(first.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'grüße' AS word")
            assert connection.info.dbname == "pacegraph"
            (addresses,) = connection.execute("SHOW listen_addresses").fetchone()
            (upper,) = connection.execute("SELECT upper(word) FROM kept").fetchone()
            (fsync,) = connection.execute("SHOW fsync").fetchone()
        assert (addresses, upper, fsync) == ("", "GRÜßE", "on")
    finally:
        first.stop()
    assert not psutil.wait_procs(family, timeout=1)[1]

    started = time.monotonic()
    second = start_postgres(home)
    try:
        assert time.monotonic() - started < 1.5
        with psycopg.connect(second.url) as connection:
            assert connection.execute("SELECT word FROM kept").fetchone() == ("grüße",)
    finally:
        second.stop()


def test_starts_after_a_crash(home):
    first = start_postgres(home, durable=False)
    first.process.kill()
    first.process.wait()
    assert (home / "postgres" / "postmaster.pid").exists()
    second = start_postgres(home, durable=False)
    second.stop()


def test_a_pid_file_with_the_number_of_another_program_is_stale(home):
    start_postgres(home, durable=False).stop()
    data = home / "postgres"
    # A program of the same user, for PostgreSQL itself sees through those of others.
    owner = pwd.getpwuid(data.stat().st_uid) if os.geteuid() == 0 else None
    with subprocess.Popen(["/bin/sleep", "60"], **as_user(owner)) as other:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n0\n5432\n\n\n0 0\nready\n")
        start_postgres(home, durable=False).stop()
        assert other.poll() is None
        other.kill()


def test_a_second_one_on_the_same_folder_names_the_first(home):
    first = start_postgres(home, durable=False)
    try:
        with pytest.raises(ServiceFailed, match=f"is served by process {first.process.pid} already"):
            start_postgres(home, durable=False)
        psycopg.connect(first.url).close()
    finally:
        first.stop()


def test_an_interrupted_first_start_is_begun_anew(home):
    (home / "postgres.new").mkdir()
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    start_postgres(home, durable=False).stop()
    assert not (home / "postgres.new").exists()


def test_a_long_path_gets_a_short_folder_for_the_socket(home):
    deep = home / ("deep and wide " * 8).strip()
    assert len(str(deep)) > LONGEST_FOLDER
    service = start_postgres(deep, durable=False)
    sockets = service.temporary_folder
    assert sockets
    assert sockets.is_dir()
    psycopg.connect(service.url).close()
    service.stop()
    assert not sockets.exists()


def test_a_path_with_spaces_and_percent_signs_works(home):
    service = start_postgres(home / "a 100% path", durable=False)
    try:
        assert service.temporary_folder is None
        psycopg.connect(service.url).close()
    finally:
        service.stop()


def test_a_foreign_folder_is_refused_with_its_log(home):
    (home / "postgres").mkdir()
    with pytest.raises(ServiceFailed, match="PostgreSQL") as failure:
        start_postgres(home)
    assert "logs/postgres.log" in str(failure.value)


def test_dies_with_a_killed_starter(home):
    script = f"""
import time
from pathlib import Path
from local.postgres import start_postgres
print(start_postgres(Path({str(home)!r}), durable=False).process.pid, flush=True)
time.sleep(600)
"""
    starter = subprocess.Popen(
        [sys.executable, "-c", script], env=child_environment(PYTHONPATH=str(ROOT)), stdout=subprocess.PIPE, text=True
    )
    family = family_of(int(starter.stdout.readline()))
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    assert not psutil.wait_procs(family, timeout=5)[1]
