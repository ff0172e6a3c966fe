"""The manifest of trusted documents: a JSON file that a client's build wrote, read anew when it changes.

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

from settings import InvalidSettings

APOLLO_FORMAT = "apollo-persisted-query-manifest"
SHA256_PREFIX = "sha256:"
_MAX_SHOWN = 80  # characters of an id in a message

Check = Callable[[str], str | None]
"""Tells what is wrong with a document's text; None where nothing is."""

logger = logging.getLogger(__name__)


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
        """Get a text by its id in the manifest, or by its own hash, as hexadecimal digits or `sha256:<digits>`."""
        found = self.texts.get(identifier)
        return found if found is not None else self._by_hash.get(identifier.removeprefix(SHA256_PREFIX))

    def __contains__(self, text: object) -> bool:
        return text in self._known


class TrustedDocuments:
    """The manifest at `path`. Raises InvalidSettings, at start; later a file that cannot be used is logged once."""

    def __init__(self, path: Path, check: Check, look_every_s: float = 1.0) -> None:
        self._path, self._check, self._look_every_s = path, check, look_every_s
        self._signature = _signature(path)
        self.manifest = read_manifest(path, check)
        self._is_stale = False
        self._next_look = monotonic() + self._look_every_s
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the file has changed since it was read. It is looked at every `look_every_s` seconds at most."""
        if not self._is_stale and monotonic() >= self._next_look:
            self._next_look = monotonic() + self._look_every_s
            self._is_stale = _signature(self._path) != self._signature
        return self._is_stale

    async def refresh(self) -> None:
        """Read the file again, in a thread; requests that come meanwhile wait for the same reading."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self._read_again))
            self._reading.add_done_callback(self._note_read)
        await asyncio.shield(self._reading)

    def _read_again(self) -> None:
        self._signature = _signature(self._path)
        try:
            self.manifest = read_manifest(self._path, self._check)
        except InvalidSettings as error:
            logger.warning("the manifest has changed and cannot be used: the one before stays (%s)", error)
        else:
            logger.info("the manifest has changed", extra={"documents": len(self.manifest.texts)})

    def _note_read(self, _: object) -> None:
        self._reading, self._is_stale = None, False


def read_manifest(path: Path, check: Check) -> Manifest:
    """Read a manifest. Raises InvalidSettings naming the file, the entry and the remedy."""
    texts: dict[str, str] = {}
    for identifier, text in _entries(_parse(path), path):
        if identifier in texts:
            raise _wrong(path, f"the id {_shown(identifier)} occurs twice. Give each document one id of its own.")
        if identifier.startswith(SHA256_PREFIX) and identifier != SHA256_PREFIX + hash_of(text):
            raise _wrong(path, f"the id {_shown(identifier)} is not the SHA-256 of its text. Build the manifest anew.")
        if fault := check(text):
            raise _wrong(path, f"the document {_shown(identifier)} cannot be used: {fault}")
        texts[identifier] = text
    if not texts:
        raise _wrong(path, "has no documents. Build it from a client that has some.")
    return Manifest(texts)


def hash_of(text: str) -> str:
    """Make the SHA-256 of a text's UTF-8, in hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=lambda pairs: _members(pairs, path))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _wrong(path, f"cannot be read ({reason}). Give the path of a file that the API may read.") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise _wrong(path, f"is not JSON ({reason}). Give the file that Relay, Apollo or Codegen wrote.") from None


def _members(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _wrong(path, f"the id {_shown(twice)} occurs twice. Give each document one id of its own.")
    return members


def _entries(found: Any, path: Path) -> Iterable[tuple[str, str]]:
    if isinstance(found, dict) and ("format" in found or "operations" in found):
        entries = _operations(found, path)
    elif isinstance(found, dict):
        entries = list(found.items())
    else:
        raise _wrong(path, 'is not a manifest: expected {"<id>": "<text>"}, or the object that Apollo writes.')
    for identifier, text in entries:
        if not isinstance(identifier, str) or not identifier:
            raise _wrong(path, f"has a document without an id: {_shown(str(text))}. Give each an id.")
        if not isinstance(text, str) or not text.strip():
            raise _wrong(path, f"the document {_shown(identifier)} has no text. Expected GraphQL, as a string.")
        yield identifier, text


def _operations(found: dict[str, Any], path: Path) -> list[tuple[Any, Any]]:
    if found.get("format") != APOLLO_FORMAT or found.get("version") != 1:
        expected = f'"format": "{APOLLO_FORMAT}", "version": 1'
        raise _wrong(path, f"is of a format that is not known. Of those with `operations`, expected {expected}.")
    operations = found.get("operations")
    if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
        raise _wrong(path, "`operations` must be a list of objects with `id` and `body`.")
    return [(each.get("id"), each.get("body")) for each in operations]


def _signature(path: Path) -> tuple[int, ...] | None:
    """What changes with the file; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _shown(text: str) -> str:
    """A text on one line, and not too much of it."""
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")


def _wrong(path: Path, what: str) -> InvalidSettings:
    return InvalidSettings(f"TRUSTED_DOCUMENTS_MANIFEST: {path}: {what}")
