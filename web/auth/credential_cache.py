"""Remembers callers by their credentials for a second, so that most requests need no look-up."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from time import monotonic
from typing import Any

from starlette.types import Scope

from runtime.bounded_map import LruMap
from runtime.single_flight import SingleFlight
from web.auth.api_tokens import InvalidCredentials
from web.auth.known_caller import KnownCaller

_FRESH_S = 1.0
"""Seconds that a caller is known without a new look-up. Another process may therefore notice a
revocation up to two such times late.
"""
_MAX_ENTRIES = 10_000


class CredentialKind(StrEnum):
    """The ways to sign a request."""

    TOKEN = "token"  # noqa: S105 - a name
    SESSION = "session"
    # Of the handshake of a WebSocket: its response does not renew the cookie.
    HANDSHAKE = "handshake"
    # Of a connection that began with this session: it goes on when the browser's cookie is renewed.
    HELD_SESSION = "held session"


CredentialKey = tuple[CredentialKind, bytes]


@dataclass(slots=True)
class Credential:
    """What a request shows: the value of its `Authorization` header, or of its session's cookie."""

    kind: CredentialKind
    value: str = field(repr=False)
    scope: Scope = field(default_factory=dict, repr=False, compare=False)
    """The request's."""

    @property
    def key(self) -> CredentialKey:
        """The key in the cache: a hash, so that a memory dump does not contain the secret."""
        return self.kind, sha256(self.value.encode()).digest()


@dataclass(frozen=True, slots=True)
class _CachedCaller:
    """A found caller, and two instants of the monotonic clock.

    After `fresh_until` it is looked up again, and used during that until `usable_until`.
    """

    found: KnownCaller
    fresh_until: float
    usable_until: float


LookUp = Callable[[Credential], Coroutine[Any, Any, KnownCaller]]


class CredentialCache:
    """Callers by credential. Requests that show the same credential at once share one look-up."""

    def __init__(self, look_up: LookUp) -> None:
        """`look_up` finds a credential's caller in the database, or raises InvalidCredentials."""
        self._look_up = look_up
        self._entries = LruMap[CredentialKey, _CachedCaller](_MAX_ENTRIES)
        self._look_ups = SingleFlight[CredentialKey, KnownCaller](self._finish)

    def __contains__(self, key: CredentialKey) -> bool:
        """Tell whether a credential had a caller when it was looked up last, fresh or not."""
        return key in self._entries

    def known(self, key: CredentialKey) -> KnownCaller | None:
        """Get a caller as `find` does where it waits for nothing. None: `find` begins a look-up."""
        entry, now = self._entries.find(key), monotonic()
        if entry is None or now >= entry.usable_until:
            return None
        return entry.found if now < entry.fresh_until or key in self._look_ups else None

    async def find(self, credential: Credential) -> KnownCaller:
        """Get a credential's caller, at most two seconds old. Raises what the look-up raises."""
        key = credential.key
        entry, now = self._entries.find(key), monotonic()
        if entry is not None and now < entry.fresh_until:
            return entry.found
        look_up = self._look_ups.join(key, lambda: self._look_up(credential))
        if entry is not None and now < entry.usable_until:
            return entry.found
        try:
            return await asyncio.shield(look_up)
        finally:
            del look_up  # the frames of its error would keep it, and the request

    def forget(self, is_meant: Callable[[KnownCaller], bool]) -> None:
        """Look up again the callers that `is_meant` accepts: a token or a session ended.

        Look-ups under way may be of them, so they begin again too.
        """
        for key in [key for key, entry in self._entries.items() if is_meant(entry.found)]:
            del self._entries[key]
        self._look_ups.forget()

    async def close(self) -> None:
        """Wait for look-ups under way: they use the database."""
        await self._look_ups.wait(_FRESH_S)

    def _finish(self, key: CredentialKey, look_up: "asyncio.Task[KnownCaller]") -> None:
        if look_up.cancelled():
            return
        error = look_up.exception()
        if error is None:
            self._keep(key, look_up.result())
        elif isinstance(error, InvalidCredentials):
            self._entries.pop(key, None)

    def _keep(self, key: CredentialKey, found: KnownCaller) -> None:
        until = found.caller.works_until
        left_s = (until - datetime.now(UTC)).total_seconds() if until else 2 * _FRESH_S
        now = monotonic()
        self._entries.keep(
            key,
            _CachedCaller(found, now + min(_FRESH_S, left_s), now + min(2 * _FRESH_S, left_s)),
        )
