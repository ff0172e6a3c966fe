"""The `pacegraph` command of a given folder, run with given packages."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

import httpx

from settings import child_environment
from tests.patience import PATIENCE_S


def pacegraph(
    where: Path, *arguments: str, packages: Path | None = None, **environment: str
) -> subprocess.CompletedProcess:
    """Run the command that is in `where`. `packages` is the only folder of other packages.

    `-I` and `-S` keep this checkout from being found instead.
    """
    return subprocess.run(
        command(where, *arguments, packages=packages),
        cwd=where.parent,
        env=child_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def command(where: Path, *arguments: str, packages: Path | None = None) -> list[str]:
    code = (
        f"import sys; sys.path[:0] = [{str(where)!r}]; sys.path += {_packages(packages)!r};"
        "import cli; sys.exit(cli.main())"
    )
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def _packages(folder: Path | None) -> list[str]:
    """List the folders of other packages: `folder`, or else those of this process."""
    if folder is not None:
        return [str(folder)]
    of_python = Path(os.__file__).parent / "site-packages"
    return [
        str(path)
        for path in map(Path, sys.path)
        if path.name == "site-packages" and path != of_python
    ]


@contextmanager
def serving(
    where: Path, *, packages: Path | None = None, **environment: str
) -> Iterator[httpx.Client]:
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = child_environment(PORT=str(port), **environment)
    process = subprocess.Popen(
        command(where, "api", packages=packages),
        cwd=where.parent,
        env=given,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            ends = time.monotonic() + PATIENCE_S
            while True:
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < ends
                try:
                    http.get("/healthz")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield http
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
