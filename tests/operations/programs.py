"""Runs the real programs of an installation's operations, with the files of `deploy/`."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
            try:
                process.wait(WITHIN_S)
            finally:
                process.kill()


def _listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


Proxy = Callable[..., AbstractContextManager[str]]
"""Runs a proxy with its logs in a folder, in front of two API processes; gives its address."""


@contextmanager
def haproxy(folder: Path, *apis: str) -> Iterator[str]:
    port = free_port()
    environment = _apis(apis) | {"PROXY_BIND": f"127.0.0.1:{port}"}
    command = ["haproxy", "-db", "-f", str(DEPLOY / "proxies" / "haproxy.cfg")]
    with running(command, port, folder, **environment):
        yield f"127.0.0.1:{port}"


@contextmanager
def caddy(folder: Path, *apis: str) -> Iterator[str]:
    port = free_port()
    environment = _apis(apis) | {"PROXY_SITE": f"http://127.0.0.1:{port}", "HOME": str(folder)}
    config = str(DEPLOY / "proxies" / "Caddyfile")
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", config]
    with running(command, port, folder, **environment):
        yield f"127.0.0.1:{port}"


@contextmanager
def nginx(folder: Path, *apis: str) -> Iterator[str]:
    """nginx reads no environment: the addresses are replaced."""
    port = free_port()
    config = (DEPLOY / "proxies" / "nginx.conf").read_text()
    for written, real in zip(("127.0.0.1:8000", "127.0.0.1:8001"), apis, strict=True):
        assert f"server {written} " in config
        config = config.replace(f"server {written} ", f"server {real} ")
    assert config.count("listen 80;") == 1
    config = config.replace("listen 80;", f"listen 127.0.0.1:{port};")
    if apis[0] == apis[1]:
        config = config.replace(f"    server {apis[1]} max_fails=1 fail_timeout=2s;\n", "", 1)
    temporary = "".join(
        f"{each}_temp_path {folder}/{each};\n"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"user root;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{config}}}\n"
    )
    with running(["nginx", "-p", str(folder), "-c", str(whole)], port, folder):
        yield f"127.0.0.1:{port}"


def _apis(addresses: tuple[str, ...]) -> dict[str, str]:
    return {f"API_{number}": each for number, each in enumerate(addresses, start=1)}


PROXIES: dict[str, Proxy] = {"haproxy": haproxy, "nginx": nginx, "caddy": caddy}
