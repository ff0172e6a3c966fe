"""Builds the image of `deploy/container/Containerfile`, and runs its processes by podman.

No registry of images is asked: the base is a Debian with its Python, made by debootstrap. The
build uses no namespaces, which also works in a machine of CI. Containers share the network of the
machine, where PostgreSQL and Redis of the tests are.
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.operations.programs import DEPLOY, ROOT

IMAGE = "localhost/pacegraph"
_BASE = "localhost/base"
_CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
_BUILT_WITHIN_S = 1200
_HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
"""What compose.yaml and the manifests of Kubernetes ask for."""
_BOUNDS = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
"""podman's own are higher than what a machine may allow."""


class Engine:
    """Images and containers in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places = [
            f"--root={folder / 'storage'}",
            f"--runroot={folder / 'run'}",
            "--storage-driver=overlay",
        ]

    def build(self) -> None:
        """Make the base, and the image from what git has of this checkout."""
        root, context = self._folder / "debian", self._folder / "context"
        packages = "--include=python3,python3-venv,ca-certificates"
        _run("debootstrap", "--variant=minbase", packages, "bookworm", root)
        (root / "usr/bin/python").symlink_to("python3")
        shutil.copy(Path("/") / _CERTIFICATES, root / _CERTIFICATES)
        self._commit_base(root)
        archive = self._folder / "context.tar"
        _run("git", "archive", f"--output={archive}", "HEAD", cwd=ROOT)
        shutil.unpack_archive(archive, context, filter="data")
        self._buildah(
            "build",
            "--isolation=chroot",
            "--network=host",
            "--pull=never",
            "--format=docker",
            f"--build-arg=BASE={_BASE}",
            f"--file={DEPLOY / 'container' / 'Containerfile'}",
            f"--tag={IMAGE}",
            context,
        )

    def run(self, *arguments: str, environment: dict[str, str]) -> str:
        """Run a command of the image to its end; gives what it printed. Raises AssertionError."""
        return self._podman("run", "--rm", *self._options(environment), IMAGE, *arguments)

    @contextmanager
    def running(self, *arguments: str, environment: dict[str, str]) -> Iterator[str]:
        """Run a process of the image; gives the container's id. It is removed afterwards."""
        options = self._options(environment)
        container = self._podman("run", "--detach", *options, IMAGE, *arguments).strip()
        try:
            yield container
        finally:
            self._podman("rm", "--force", container)

    def within(self, container: str, *command: str) -> subprocess.CompletedProcess[str]:
        return self._asked("exec", container, *command)

    def stop(self, container: str) -> int:
        """Send the image's stop signal; gives the exit code of its process."""
        self._podman("stop", "--time=20", container)
        return int(self._podman("inspect", "--format={{.State.ExitCode}}", container))

    def facts(self, form: str) -> str:
        """What the image says of itself, in podman's form."""
        return self._podman("image", "inspect", f"--format={form}", IMAGE).strip()

    def logs(self, container: str) -> str:
        found = self._asked("logs", container)
        return found.stdout + found.stderr

    def remove(self) -> None:
        with suppress(AssertionError):
            self._podman("rm", "--all", "--force")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _commit_base(self, root: Path) -> None:
        made = self._buildah("from", "scratch").strip()
        self._buildah("add", "--quiet", made, root, "/")
        certificates = f"PIP_CERT=/{_CERTIFICATES}"
        path = "PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
        self._buildah("config", f"--env={certificates}", f"--env={path}", made)
        self._buildah("commit", "--quiet", made, _BASE)
        self._buildah("rm", made)

    @staticmethod
    def _options(environment: dict[str, str]) -> list[str]:
        given = [f"--env={name}={value}" for name, value in environment.items()]
        return ["--network=host", "--tmpfs=/tmp", *_HARDENED, *_BOUNDS, *given]

    def _buildah(self, *arguments: str | Path) -> str:
        return _run("buildah", *self._places, *arguments)

    def _podman(self, *arguments: str) -> str:
        ended = self._asked(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def _asked(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["podman", *self._places, "--runtime=runc", "--cgroup-manager=cgroupfs"]
        return _ended([*command, *arguments])


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    ended = _ended(command, cwd)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-4000:]
    return ended.stdout


def _ended(
    command: Sequence[str | Path], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_BUILT_WITHIN_S
    )
