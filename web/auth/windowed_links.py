"""Signed links that PostgreSQL writes, so that a field of many rows can be a link.

A link is the moment of its end, the row's number and a SHA-256 of that number, under a key that
follows from the moment and the server's secret. A statement gets the key, not the secret. An
operator can read it there, and make links until that moment, to rows that stand there too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from math import ceil

from settings import Settings

_STEPS = 4
"""A link stays the same for a quarter of its life, so that clients that ask again see no change."""
_TIME, _NUMBER, _MAC = 10, 16, 32
"""Hexadecimal digits of the parts."""


@dataclass(frozen=True, slots=True)
class WindowedLinks:
    """Makes the parts of links for one `purpose`, and reads them; those of another are refused.

    They can be used for at least `lifetime_s`, and at most a quarter longer.
    """

    purpose: str
    key: bytes
    lifetime_s: float
    clock: Callable[[], float] = time.time

    @classmethod
    def from_settings(cls, settings: Settings, purpose: str, lifetime_s: float) -> "WindowedLinks":
        assert settings.secret_key is not None
        return cls(purpose, settings.secret_key.get_secret_value().encode(), lifetime_s)

    def window(self) -> tuple[str, bytes]:
        """Get how links of now begin, and the key of their rest.

        The rest are the number in 16 hexadecimal digits, and in 32 the beginning of the SHA-256 of
        the key with the number in 8 bytes.
        """
        step_s = self.lifetime_s / _STEPS
        until = f"{ceil(ceil((self.clock() + self.lifetime_s) / step_s) * step_s):0{_TIME}x}"
        return until, self._key_of(until)

    def read(self, token: str) -> int | None:
        """Get the row's number; None if the link is forged or over."""
        if len(token) != _TIME + _NUMBER + _MAC or not token.isascii():
            return None
        until, number, mac = token[:_TIME], token[_TIME:-_MAC], token[-_MAC:]
        try:
            found = bytes.fromhex(number)
            ends_at = int(until, 16)
        except ValueError:
            return None
        expected = sha256(self._key_of(until) + found).hexdigest()[:_MAC]
        if not compare_digest(expected, mac) or number != found.hex() or ends_at <= self.clock():
            return None
        return int.from_bytes(found, "big")

    def _key_of(self, until: str) -> bytes:
        return hmac(self.key, f"link:{self.purpose}:{until}".encode(), sha256).digest()
