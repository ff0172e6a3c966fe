"""Runs the real programs of an installation's operations, with the files of `deploy/`."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, create_server

from settings import child_environment

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
WITHIN_S = 20


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def running(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[Path]:
    """Run a program until it listens on `port`; gives its log. It is ended afterwards."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as out:
        given = child_environment(**environment, PATH="/usr/sbin:/usr/bin:/sbin:/bin")
        process = subprocess.Popen(command, env=given, cwd=folder, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + WITHIN_S
            while not _listens(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield log
        finally:
            process.terminate()
            process.wait(WITHIN_S)


def _listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def haproxy(folder: Path, *apis: str) -> Iterator[str]:
    """Run HAProxy in front of two API processes; gives its address."""
    port = free_port()
    environment = {"PROXY_BIND": f"127.0.0.1:{port}"}
    environment |= {f"API_{number}": api for number, api in enumerate(apis, start=1)}
    command = ["haproxy", "-db", "-f", str(DEPLOY / "proxies" / "haproxy.cfg")]
    with running(command, port, folder, **environment):
        yield f"127.0.0.1:{port}"
