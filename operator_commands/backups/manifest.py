"""What a backup says of itself: what it is of, and the checksums of its files."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr, ValidationError

from operator_commands.backups.errors import BackupUnusable

NAME = "manifest.json"
DATABASE, ORIGINALS, BUCKET, HOME = "database", "originals", "bucket", "home"
"""The folders of a backup."""
_FORMAT = 1
_PIECE_BYTES = 2**20
_SHOWN = 16


class FileFacts(NamedTuple):
    """A file's length and its SHA-256."""

    bytes: int
    sha256: str


class BackupManifest(BaseModel):
    """The facts of a backup. `keys` are fingerprints of those that its tokens need.

    Of originals it counts those whose files are missing, and those `originals_in_s3` that were left
    there.
    """

    format: int = _FORMAT
    made_at: str
    pacegraph: str
    postgres: int
    migration: str
    keys: list[str]
    extensions: list[str]
    rows: dict[str, int]
    missing_originals: int = 0
    missing_in_s3: int = 0
    originals_in_s3: int = 0
    files: dict[str, FileFacts] = {}

    @classmethod
    def from_folder(cls, folder: Path) -> "BackupManifest":
        """Read it. Raises BackupUnusable."""
        try:
            content = json.loads((folder / NAME).read_bytes())
        except FileNotFoundError:
            raise BackupUnusable(
                f"{folder}: this is no whole backup, for it has no {NAME}"
            ) from None
        except (OSError, ValueError) as error:
            raise BackupUnusable(f"{folder / NAME}: cannot be read ({error})") from None
        found = content.get("format") if isinstance(content, dict) else None
        if isinstance(found, int) and found > _FORMAT:
            raise BackupUnusable(f"{folder}: a newer pacegraph made it. Update this one")
        try:
            return cls.model_validate(content)
        except ValidationError:
            raise BackupUnusable(f"{folder / NAME}: is damaged. Take another backup") from None

    def add_files(self, folder: Path) -> None:
        """Take the facts of all files that are there."""
        self.files = {name: facts_of(folder / name) for name in names_in(folder)}

    def write(self, folder: Path) -> None:
        """Write it. Raises OSError."""
        (folder / NAME).write_text(json.dumps(self.model_dump(), indent=1, sort_keys=True) + "\n")

    def check_files(self, folder: Path) -> None:
        """Compare each file with its facts. Raises BackupUnusable."""
        there = set(names_in(folder))
        if missing := sorted(self.files.keys() - there):
            raise BackupUnusable(f"{folder}: {missing[0]} is missing. Take another backup")
        if others := sorted(there - self.files.keys()):
            raise BackupUnusable(f"{folder}: {others[0]} does not belong to it. Remove it")
        for name, facts in self.files.items():
            if facts_of(folder / name) != facts:
                raise BackupUnusable(f"{folder}: {name} is damaged. Take another backup")


def facts_of(file: Path) -> FileFacts:
    """Read a file and give its facts. Raises BackupUnusable where it cannot be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE_BYTES):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise BackupUnusable(f"{file}: cannot be read ({error.strerror})") from None
    return FileFacts(size, digest.hexdigest())


def names_in(folder: Path) -> Iterator[str]:
    """Give the files of a backup, but its manifest, as paths within it."""
    for each in sorted(folder.rglob("*")):
        name = each.relative_to(folder).as_posix()
        if name != NAME and not each.is_dir():
            yield name


def fingerprints(keys: Sequence[SecretStr]) -> list[str]:
    """Tell keys apart without naming them: they are random, so no one finds them by a digest."""
    return [_fingerprint(key.get_secret_value()) for key in keys]


def _fingerprint(key: str) -> str:
    return hashlib.sha256(b"pacegraph key: " + key.encode()).hexdigest()[:_SHOWN]


def described(manifest: BackupManifest) -> dict[str, Any]:
    """Give what a user is told of a backup."""
    return {
        "made_at": manifest.made_at,
        "migration": manifest.migration,
        "rows": sum(manifest.rows.values()),
        "bytes": sum(facts.bytes for facts in manifest.files.values()),
    }
