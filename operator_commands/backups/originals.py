"""Originals that stand in a folder, copied to a backup and back."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from runtime.original_folder import OriginalFolder

_STAGED = ".restored-"


def copy_all(folder: OriginalFolder, to: Path) -> None:
    """Copy what is there. A file that an erasure takes away is left out. Raises OSError."""
    to.mkdir(mode=0o700)
    for number in folder.ids():
        try:
            shutil.copyfile(folder.path_of(number), to / str(number))
        except FileNotFoundError:
            (to / str(number)).unlink(missing_ok=True)


@contextmanager
def staged(source: Path, folder: OriginalFolder) -> Iterator[Path | None]:
    """Copy a backup's files to where they are to be, in a folder beside; gone after the block.

    What a restore that was killed left there goes too: nothing else would delete it.
    Yields None where the backup has no originals. Raises OSError.
    """
    place = folder.path
    for left in place.glob(f"{_STAGED}*"):
        shutil.rmtree(left)
    if not source.is_dir() or not any(source.iterdir()):
        yield None
        return
    folder.make()
    beside = Path(mkdtemp(prefix=_STAGED, dir=place))
    try:
        for each in source.iterdir():
            shutil.copyfile(each, beside / each.name)
            (beside / each.name).chmod(0o600)
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def put_in_place(beside: Path | None, folder: OriginalFolder) -> None:
    """Move the staged files to their places. Raises OSError."""
    if beside is not None:
        for each in beside.iterdir():
            os.replace(each, folder.path_of(int(each.name)))  # noqa: PTH105 - in its place at once
