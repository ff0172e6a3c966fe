"""Finds the text that a request asks to run: sent, trusted (manifest) or registered (APQ).

A request may name its document

- by `query`, its text;
- by `extensions.persistedQuery` (`{"version": 1, "sha256Hash": …}`), Apollo's protocol, with or without `query`; as a text
  it is an id;
- by `documentId` (`sha256:<hex>`, as the draft of an appendix to GraphQL over HTTP has it, or an id of the
  manifest), Relay's `doc_id` or `id`.

Ids of the manifest always work. With TRUSTED_DOCUMENTS=enforce nothing else runs, except for
administrators, who explore with GraphiQL; `log` is for finding out what is missing there. Queries
are registered only while TRUSTED_DOCUMENTS is off, and only by `register`: after the operation was
sound and paid for.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from graphql import GraphQLError, parse
from redis.asyncio import Redis

from graph.document.errors import too_many_characters
from graph.document.limits import DocumentLimits
from graph.document.measure import DocumentMeasure, limit_errors
from graph.errors import CallerError
from settings import InvalidSettings, Settings
from web.documents.automatic_persisted_queries import PersistedQueries
from web.documents.trusted_documents import SHA256_PREFIX, Check, TrustedDocuments, hash_of

_VERSION = 1
_MAX_IDENTIFIER = 1024  # characters
_IDS = ("documentId", "doc_id", "id")
_LOG_EVERY_S = 60.0
_MAX_LOGGED = 1000  # different documents a minute
_NAME = re.compile(r"\b(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]{0,99})", re.ASCII)

logger = logging.getLogger(__name__)


class DocumentError(CallerError):
    """The document of a request cannot be had. `status` is HTTP's."""

    status = 422


class NoDocument(DocumentError):
    """The request names no document, or in an unknown form."""

    code = "BAD_REQUEST"


class PersistedQueryNotFound(DocumentError):
    """No text has this id. Clients know the message, and send the text."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class PersistedQueryNotSupported(DocumentError):
    """This server registers no queries. Clients know the message, and send texts from then on."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


class PersistedQueryHashMismatch(DocumentError):
    """Text and hash do not match."""

    code = "PERSISTED_QUERY_HASH_MISMATCH"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"`{field}` is not the SHA-256 of `query`, as 64 lower-case hexadecimal digits.", field
        )


class UntrustedDocument(DocumentError):
    """TRUSTED_DOCUMENTS=enforce, and the document is not in the manifest."""

    code, status = "UNTRUSTED_DOCUMENT", 403

    def __init__(self) -> None:
        super().__init__(
            "This server runs only the documents of its manifest. Send the id or the exact text "
            "of one of them."
        )


@dataclass(frozen=True, slots=True)
class _Named:
    """A document's id as a request gives it, and the field that gave it."""

    identifier: str
    field: str

    @property
    def digest(self) -> str | None:
        """The text's SHA-256, if the id is one."""
        if self.field == _HASH_FIELD:
            return self.identifier
        prefix, found, digest = self.identifier.partition(":")
        return digest if found and prefix + found == SHA256_PREFIX else None


_ID_FIELD = "extensions.persistedQuery"
_HASH_FIELD = f"{_ID_FIELD}.sha256Hash"


class PersistedDocuments:
    """Finds the texts of requests: trusted, registered, or sent."""

    def __init__(
        self,
        mode: Literal["off", "log", "enforce"],
        trusted: TrustedDocuments | None,
        queries: PersistedQueries | None,
    ) -> None:
        self._mode, self._trusted = mode, trusted
        self.queries = queries if mode == "off" else None
        self._logged: dict[str, float] = {}
        self.untrusted = 0
        """How many documents outside the manifest ran (log) or were refused (enforce)."""

    @classmethod
    def from_settings(cls, settings: Settings, redis: Redis) -> "PersistedDocuments":
        """Read the manifest. Raises InvalidSettings, also if one is required and missing."""
        path = settings.trusted_documents_manifest
        if settings.trusted_documents == "enforce" and path is None:
            raise InvalidSettings(
                "TRUSTED_DOCUMENTS_MANIFEST: is not set, but TRUSTED_DOCUMENTS=enforce needs it. "
                "Set it to the path of the manifest that your client's build writes."
            )
        trusted = TrustedDocuments(path, document_check(settings)) if path is not None else None
        queries = PersistedQueries(redis, settings.persisted_queries_max_bytes)
        return cls(
            settings.trusted_documents,
            trusted,
            queries if settings.persisted_queries == "on" else None,
        )

    @property
    def has_manifest(self) -> bool:
        """Whether documents may be trusted, and cease to be."""
        return self._trusted is not None

    def text_of_now(self, request: Mapping[str, Any]) -> str | None:
        """Get the text to run if no look-up is needed; else None, and `text_of` gets it."""
        if self._trusted is not None and self._trusted.is_stale:
            return None
        text = request.get("query")
        if text:
            if (
                isinstance(text, str)
                and not _names_hash(request)
                and (self._mode == "off" or self._is_trusted(text))
            ):
                return text
            return None
        try:
            named = _named(request)
        except NoDocument:
            return None
        return self._known(named) if named is not None else None

    async def text_of(self, request: Mapping[str, Any], *, is_admin: bool = False) -> str:
        """Get the text to run. Administrators may send any. Raises DocumentError."""
        if self._trusted is not None and self._trusted.is_stale:
            await self._trusted.refresh()
        text, named = request.get("query"), _named(request)
        if isinstance(text, str) and (text or named is None):  # an empty one does not parse
            self._check_hash(text, named)
            self.check_text(text, is_admin=is_admin)
            return text
        if named is None or not isinstance(text, str | None):
            raise NoDocument(
                "The request names no document. Send its text as `query`, a string, or its id as "
                f"`documentId` or `{_HASH_FIELD}`.",
                "query",
            )
        return self._known(named) or await self._registered(named)

    def check_text(self, text: str, *, is_admin: bool = False) -> None:
        """Refuse an untrusted text, or log that it runs. Raises UntrustedDocument."""
        if self._mode == "off" or self._is_trusted(text):
            return
        is_refused = self._mode == "enforce" and not is_admin
        self.untrusted += 1
        self._log(text, is_refused=is_refused)
        if is_refused:
            raise UntrustedDocument

    async def register(self, request: Mapping[str, Any], text: str, owner: str) -> None:
        """Register the text of a request that came with its hash; ignore other requests.

        Call it after the document was valid and its operation was charged to `owner` (any stable
        name of the caller), so that filling the store has a price. Never raises.
        """
        if self.queries is None or request.get("query") != text:
            return
        named = _named(request)
        if named is not None and named.digest == hash_of(text):
            await self.queries.add(named.digest, text, owner)

    def _known(self, named: _Named) -> str | None:
        found = self._trusted.manifest.find(named.identifier) if self._trusted is not None else None
        if found is None and self.queries is not None and (digest := named.digest) is not None:
            return self.queries.known(digest)
        return found

    async def _registered(self, named: _Named) -> str:
        if self._mode == "enforce":
            self.untrusted += 1
            raise UntrustedDocument
        if self.queries is None and named.field == _HASH_FIELD:
            raise PersistedQueryNotSupported
        digest = named.digest
        found = (
            await self.queries.find(digest)
            if self.queries is not None and digest is not None
            else None
        )
        if found is None:
            raise PersistedQueryNotFound
        return found

    def _check_hash(self, text: str, named: _Named | None) -> None:
        """Check a hash. Some clients send an id of the manifest in its place."""
        if named is None or named.digest is None or named.digest == hash_of(text):
            return
        if self._trusted is None or self._trusted.manifest.find(named.identifier) != text:
            raise PersistedQueryHashMismatch(named.field)

    def _is_trusted(self, text: str) -> bool:
        return self._trusted is not None and text in self._trusted.manifest

    def _log(self, text: str, *, is_refused: bool) -> None:
        """Log a document once a minute, by hash and operation name: variables are personal data."""
        digest, now = hash_of(text), monotonic()
        if now - self._logged.get(digest, float("-inf")) < _LOG_EVERY_S:
            return
        if len(self._logged) >= _MAX_LOGGED:
            self._logged = {
                each: at for each, at in self._logged.items() if now - at < _LOG_EVERY_S
            }
            if len(self._logged) >= _MAX_LOGGED:
                return
        self._logged[digest] = now
        name = _NAME.search(text)
        fields = {"document": digest, "operation": name[1] if name else None}
        done = "it was refused" if is_refused else "it ran"
        logger.warning("a document is not in the manifest: %s", done, extra=fields)


def document_check(settings: Settings) -> Check:
    """Make the check of a manifest's documents at start: syntax and limits, not yet the schema."""
    bounds = DocumentLimits.from_settings(settings)

    def check(text: str) -> str | None:
        if len(text) > bounds.max_characters:
            return too_many_characters(len(text), bounds.max_characters).message
        try:
            document = parse(
                text, max_lexical_tokens=bounds.max_tokens, max_comments=bounds.max_tokens
            )
        except GraphQLError as error:
            return error.message
        errors = limit_errors(DocumentMeasure(document), bounds)
        return errors[0].message if errors else None

    return check


def _names_hash(request: Mapping[str, Any]) -> bool:
    """Whether a request contains its text's hash, right or wrong."""
    extensions = request.get("extensions")
    return "documentId" in request or bool(extensions and "persistedQuery" in extensions)


def _named(request: Mapping[str, Any]) -> _Named | None:
    """Read the id of a request's document. Raises NoDocument if its form is wrong."""
    extensions = request.get("extensions")
    if (
        isinstance(extensions, Mapping)
        and (persisted := extensions.get("persistedQuery")) is not None
    ):
        if isinstance(persisted, str):  # as graphql-ws's recipe for WebSockets sends it
            return _Named(_identifier(persisted, _ID_FIELD), _ID_FIELD)
        if not isinstance(persisted, Mapping) or persisted.get("version") != _VERSION:
            raise NoDocument(
                f'`{_ID_FIELD}` must be an id or {{"version": 1, "sha256Hash": "…"}}.',
                _ID_FIELD,
            )
        return _Named(_identifier(persisted.get("sha256Hash"), _HASH_FIELD), _HASH_FIELD)
    for name in _IDS:
        if (given := request.get(name)) is not None and (
            name == _IDS[0] or not request.get("query")
        ):
            return _Named(_identifier(given, name), name)
    return None


def _identifier(given: Any, field: str) -> str:
    if not isinstance(given, str) or not given or len(given) > _MAX_IDENTIFIER:
        raise NoDocument(f"`{field}` must be a string of 1 to {_MAX_IDENTIFIER} characters.", field)
    return given
