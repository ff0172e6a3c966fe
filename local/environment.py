"""Make `.venv` match requirements-dev.lock exactly. Make runs it before anything is installed.

    python -I local/environment.py

Imports the standard library only. Does nothing if the environment was made from the same lock file.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".made-from"
# pyproject.toml is one of them because the `pacegraph` command is installed from it.
SOURCES = (ROOT / "requirements-dev.lock", ROOT / "pyproject.toml")


class StepFailed(Exception):
    """A command failed. The message is the end of its output and what to do."""


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - the user's Python may be older
        print(
            "pacegraph needs Python 3.11 or newer; name it with make PYTHON=/path/to/python3.11",
            file=sys.stderr,
        )
        return 1
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make run` may start at once
        if _is_ready():
            return 0
        started = time.monotonic()
        print("environment … ", end="", flush=True)
        try:
            _make()
        except StepFailed as error:
            print(f"failed\n{error}", file=sys.stderr)
            return 1
        print(f"ready ({time.monotonic() - started:.0f} s)", flush=True)
    return 0


def _digest() -> str:
    """Hash of what the environment depends on.

    That is the lock file, the list of packages and the folder, because an environment cannot be
    moved.
    """
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in SOURCES) + bytes(ENVIRONMENT)
    ).hexdigest()


def _is_ready() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == _digest()


def _make() -> None:
    STAMP.unlink(missing_ok=True)
    if not _has_pip():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        _run(
            [sys.executable, "-m", "venv", str(ENVIRONMENT)],
            remedy="Install the venv module of this Python "
            "(Debian and Ubuntu: apt install python3-venv).",
        )
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(
        [
            *pip,
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--no-deps",
            "-r",
            "requirements-dev.lock",
        ],
        remedy="The packages come from the index that pip is configured for: "
        "check the network and pip's settings.",
    )
    _run(
        [*pip, "--no-deps", "--no-build-isolation", "-e", "."],
        remedy="The command `pacegraph` could not be installed from pyproject.toml; "
        "the lines above say why.",
    )
    _add_old_names()
    STAMP.write_text(_digest())


def _add_old_names() -> None:
    """Make `database` and `core` of the older service importable, after everything else.

    Python ignores the entry once legacy/ is deleted.
    """
    for packages in ENVIRONMENT.glob("lib/python3*/site-packages"):
        (packages / "pacegraph-legacy.pth").write_text(f"{ROOT / 'legacy' / 'imports'}\n")


def _has_pip() -> bool:
    """False also if `.venv` was copied from elsewhere or its Python is gone."""
    try:
        return (
            subprocess.run(
                [PYTHON, "-m", "pip", "--version"], capture_output=True, check=False
            ).returncode
            == 0
        )
    except OSError:
        return False


def _run(command: list[str], *, remedy: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise StepFailed(f"{tail}\n{remedy}")


if __name__ == "__main__":
    sys.exit(main())
