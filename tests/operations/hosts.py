"""Hosts of a test: network namespaces, which a bridge in a namespace of the test's own joins.

The thread of the test is in that namespace while a `Network` is open, with all that it starts, so
nothing of the machine's own network is touched. A host has a name, an address and process numbers of
its own; it can be cut off, and killed with all that runs on it. All goes with the processes.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import pytest

from settings import child_environment
from tests.operations.programs import ROOT
from tests.patience import PATIENCE_S

_NETWORK = 0x40000000
"""CLONE_NEWNET, see namespaces(7)."""
_HERE = "/proc/thread-self/ns/net"
_PREFIX = "10.77.0."
HUB = f"{_PREFIX}1"
"""The test's own address."""
_OF_ITS_OWN = ["unshare", "--net", "--uts", "--pid", "--fork", "--mount-proc"]
_libc = ctypes.CDLL(None, use_errno=True)


def require_namespaces() -> None:
    """Skip the test where this user, or a sandbox, may not make hosts."""
    tried = "ip link add name one type veth peer name two && ip link add name hub type bridge"
    made = subprocess.run(
        [*_OF_ITS_OWN, "sh", "-c", tried],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"network namespaces cannot be made here: {made.stderr.strip()}")


class Host:
    """One host, from its start to its end."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        command = [*_OF_ITS_OWN, "--kill-child", "sh", "-c", "echo; exec sleep infinity"]
        self._first = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what unshare says of a death that is wanted
        )
        assert self._first.stdout is not None
        self._first.stdout.readline()
        self._started: list[subprocess.Popen[bytes]] = []
        below = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text()
        self._inside = int(below)

    def connect(self) -> None:
        """Put its cable in, once."""
        name, address = self.name, self.address
        pair = f"link add name {name} type veth peer name eth0 netns {self._inside}"
        _run("ip", *pair.split())
        _run("ip", "link", "set", "dev", name, "master", "hub", "up")
        self.run("hostname", name)
        self.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            self.run("ip", "link", "set", "dev", device, "up")

    def command(self, *command: str) -> list[str]:
        """Make the command that runs a command on this host."""
        spaces = ("--net", "--uts", "--pid", "--mount")
        return ["nsenter", "--target", str(self._inside), *spaces, "--", *command]

    def run(self, *command: str) -> None:
        _run(*self.command(*command))

    def start(
        self, command: list[str], log: Path, *, folder: Path = ROOT, **environment: str
    ) -> None:
        """Run a program in a folder until the host ends; `log` takes what it says."""
        with log.open("ab") as out:
            started = subprocess.Popen(
                self.command("env", f"--chdir={folder}", *command),  # else it is at the root
                env=child_environment(**environment),
                stdout=out,
                stderr=out,
            )
        self._started.append(started)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be on this host's network in this thread: what listens, connects or is started there."""
        outside = os.open(_HERE, os.O_RDONLY)
        try:
            _enter(Path(f"/proc/{self._inside}/ns/net"))
            yield
        finally:
            _set(outside)

    def cut_off(self) -> None:
        """Take the cable out: packets go nowhere, and nobody is told."""
        _run("ip", "link", "set", "dev", self.name, "down")

    def join(self) -> None:
        """Put the cable in again."""
        _run("ip", "link", "set", "dev", self.name, "up")

    def kill(self) -> None:
        """End all that runs on it at once, as a loss of power does; nobody is told of that either."""
        self.cut_off()
        self.end()

    def end(self) -> None:
        if self._first.poll() is None:
            os.kill(self._inside, signal.SIGKILL)
            for each in (self._first, *self._started):
                each.wait(PATIENCE_S)
        assert self._first.stdout is not None
        self._first.stdout.close()


class Network:
    """Hosts by their names, and the test among them, in a `with` block."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._hosts: dict[str, Host] = {}
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        outside = os.open(_HERE, os.O_RDONLY)
        if _libc.unshare(_NETWORK):
            raise OSError(ctypes.get_errno(), "unshare")
        self._ending.callback(_set, outside)
        try:
            _run("ip", "link", "set", "lo", "up")
            _run("ip", "link", "add", "hub", "type", "bridge")
            _run("ip", "address", "add", f"{HUB}/24", "dev", "hub")
            _run("ip", "link", "set", "hub", "up")
            for number, name in enumerate(self._names, start=11):
                self._hosts[name] = host = Host(name, f"{_PREFIX}{number}")
                self._ending.callback(host.end)
                host.connect()
        except BaseException:
            self._ending.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def __getitem__(self, name: str) -> Host:
        return self._hosts[name]


def _enter(namespace: Path) -> None:
    _set(os.open(namespace, os.O_RDONLY))


def _set(namespace: int) -> None:
    """Enter an open namespace with this thread, and close it."""
    try:
        if _libc.setns(namespace, _NETWORK):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(namespace)


def _run(*command: str) -> None:
    """Run a command; again while the kernel still makes what it names."""
    until = time.monotonic() + 5
    while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode:
        assert time.monotonic() < until, (command, done.stderr)
        time.sleep(0.05)
