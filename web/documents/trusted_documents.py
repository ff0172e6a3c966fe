"""The manifest of trusted documents: JSON files of clients' builds, read again when changed.

Three tools' formats are told apart by their shape:

- Relay's persisted queries and GraphQL Codegen's `persisted-documents.json`: `{"<id>": "<text>", …}`;
- Apollo's: `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": […]}`, each operation
  `{"id", "name", "type", "body"}`.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

from runtime.errors import PacegraphError
from runtime.single_flight import SingleFlight
from settings import InvalidSettings

APOLLO_FORMAT = "apollo-persisted-query-manifest"
SHA256_PREFIX = "sha256:"
_SETTING = "TRUSTED_DOCUMENTS_MANIFEST"
_MAX_SHOWN = 80  # characters of an id in a message

Check = Callable[[str], str | None]
"""Describes what is wrong with a document's text; None if nothing is."""

logger = logging.getLogger(__name__)


class ManifestUnusable(PacegraphError):
    """A manifest cannot be used. The message names the file, the entry and the remedy."""


@dataclass(frozen=True)
class Manifest:
    """The trusted documents' texts by id."""

    texts: Mapping[str, str]

    @cached_property
    def _by_hash(self) -> dict[str, str]:
        return {hash_of(text): text for text in self.texts.values()}

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.texts.values())

    def find(self, identifier: str) -> str | None:
        """Get a text by its id, or its hash as hexadecimal digits or `sha256:<digits>`; or None."""
        found = self.texts.get(identifier)
        return (
            found
            if found is not None
            else self._by_hash.get(identifier.removeprefix(SHA256_PREFIX))
        )

    def __contains__(self, text: object) -> bool:
        return text in self._known


class TrustedDocuments:
    """The manifest at `path`.

    Raises InvalidSettings at start; an unusable later file is logged once.
    """

    def __init__(self, path: Path, check: Check, look_every_s: float = 1.0) -> None:
        self._path, self._check, self._look_every_s = path, check, look_every_s
        self._signature = _signature(path)
        try:
            self.manifest = read_manifest(path, check)
        except ManifestUnusable as error:
            raise InvalidSettings(f"{_SETTING}: {error}") from None
        self._is_stale = False
        self._next_look = monotonic() + self._look_every_s
        self._reading = SingleFlight[None, None](self._note_read)

    @property
    def is_stale(self) -> bool:
        """Whether the file changed since it was read. Checked every `look_every_s` s at most."""
        if not self._is_stale and monotonic() >= self._next_look:
            self._next_look = monotonic() + self._look_every_s
            self._is_stale = _signature(self._path) != self._signature
        return self._is_stale

    async def refresh(self) -> None:
        """Read the file again, in a thread. Concurrent requests share one reading."""
        await self._reading.run(None, lambda: asyncio.to_thread(self._read_again))

    def _read_again(self) -> None:
        self._signature = _signature(self._path)
        try:
            self.manifest = read_manifest(self._path, self._check)
        except ManifestUnusable as error:
            logger.warning(
                "the manifest has changed and cannot be used: the one before stays (%s: %s)",
                _SETTING,
                error,
            )
        else:
            logger.info("the manifest has changed", extra={"documents": len(self.manifest.texts)})

    def _note_read(self, _key: None, _task: object) -> None:
        self._is_stale = False


def read_manifest(path: Path, check: Check) -> Manifest:
    """Read a manifest, or all manifests of a folder: each client's build writes its own.

    Raises ManifestUnusable.
    """
    if not path.is_dir():
        return Manifest(_texts(path, check))
    texts: dict[str, str] = {}
    for file in _files(path):
        of_file = _texts(file, check)
        for identifier, text in of_file.items():
            if texts.get(identifier, text) != text:
                raise _wrong(
                    file,
                    f"the id {_shown(identifier)} has another text in another file of the folder. "
                    "Use hashes of the texts as ids.",
                )
        texts |= of_file
    if not texts:
        raise _wrong(path, "is a folder without a file `*.json`. Put the manifests there.")
    return Manifest(texts)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def _texts(path: Path, check: Check) -> dict[str, str]:
    """Read the texts of a file by their ids. Raises ManifestUnusable."""
    texts: dict[str, str] = {}
    for identifier, text in _entries(_parse(path), path):
        if identifier in texts:
            raise _wrong(
                path,
                f"the id {_shown(identifier)} occurs twice. Give each document its own id.",
            )
        if identifier.startswith(SHA256_PREFIX) and identifier != SHA256_PREFIX + hash_of(text):
            raise _wrong(
                path,
                f"the id {_shown(identifier)} is not the SHA-256 of its text. Build the manifest "
                "again.",
            )
        if fault := check(text):
            raise _wrong(path, f"the document {_shown(identifier)} cannot be used: {fault}")
        texts[identifier] = text
    if not texts:
        raise _wrong(path, "has no documents. Build it from a client that has some.")
    return texts


def hash_of(text: str) -> str:
    """Get the SHA-256 of a text's UTF-8, in hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=lambda pairs: _members(pairs, path))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _wrong(path, f"cannot be read ({reason}). Name a file that can be read.") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise _wrong(
            path, f"is not JSON ({reason}). Use the file that Relay, Apollo or Codegen wrote."
        ) from None


def _members(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _wrong(path, f"the id {_shown(twice)} occurs twice. Give each document its own id.")
    return members


def _entries(found: Any, path: Path) -> Iterable[tuple[str, str]]:
    if isinstance(found, dict) and ("format" in found or "operations" in found):
        entries = _operations(found, path)
    elif isinstance(found, dict):
        entries = list(found.items())
    else:
        raise _wrong(
            path,
            'is not a manifest. Expected {"<id>": "<text>"}, or the object that Apollo writes.',
        )
    for identifier, text in entries:
        if not isinstance(identifier, str) or not identifier:
            raise _wrong(
                path, f"has a document without an id: {_shown(str(text))}. Give each an id."
            )
        if not isinstance(text, str) or not text.strip():
            raise _wrong(
                path,
                f"the document {_shown(identifier)} has no text. Expected GraphQL, as a string.",
            )
        yield identifier, text


def _operations(found: dict[str, Any], path: Path) -> list[tuple[Any, Any]]:
    if found.get("format") != APOLLO_FORMAT or found.get("version") != 1:
        expected = f'"format": "{APOLLO_FORMAT}", "version": 1'
        raise _wrong(
            path,
            f"has an unknown format. A manifest with `operations` must have {expected}.",
        )
    operations = found.get("operations")
    if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
        raise _wrong(path, "`operations` must be a list of objects with `id` and `body`.")
    return [(each.get("id"), each.get("body")) for each in operations]


def _signature(path: Path) -> tuple[object, ...] | None:
    """Get a value that changes with the file, or those of the folder; None if there is none."""
    try:
        if path.is_dir():
            return tuple((each.name, *_stamp(each)) for each in _files(path))
        return _stamp(path)
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _shown(text: str) -> str:
    """Shorten a text to one line."""
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")


def _wrong(path: Path, what: str) -> ManifestUnusable:
    return ManifestUnusable(f"{path}: {what}")
