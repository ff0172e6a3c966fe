"""Signed links: their holder may do one thing with one row until a moment, without signing in.

They go into the path of a URL, which a browser's plain upload or download can use.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac

from settings import Settings

_ID_BYTES, _TIME_BYTES, _MAC_BYTES = 8, 5, 16
_CHARACTERS = 39
"""Base64 of all three."""


@dataclass(frozen=True, slots=True)
class SignedLinks:
    """Makes and reads the tokens of one `purpose`; tokens of another are refused."""

    purpose: str
    key: bytes

    @classmethod
    def from_settings(cls, settings: Settings, purpose: str) -> "SignedLinks":
        assert settings.secret_key is not None
        return cls(purpose, settings.secret_key.get_secret_value().encode())

    def token(self, number: int, until: datetime) -> str:
        """Sign a row's number and the second at which the link ends."""
        seconds = int(until.timestamp())
        said = number.to_bytes(_ID_BYTES, "big") + seconds.to_bytes(_TIME_BYTES, "big")
        return _text(said + self._mac(said))

    def read(self, token: str) -> int | None:
        """Get the row's number; None if the token is forged or over."""
        if len(token) != _CHARACTERS or not token.isascii():
            return None
        try:
            packed = urlsafe_b64decode(token + "=")
        except (Base64Error, ValueError):
            return None
        said, mac = packed[:-_MAC_BYTES], packed[-_MAC_BYTES:]
        if _text(packed) != token:  # bits beyond the last byte: another text of the same bytes
            return None
        if not compare_digest(self._mac(said), mac):
            return None
        until = int.from_bytes(said[_ID_BYTES:], "big")
        is_over = until <= datetime.now(UTC).timestamp()
        return None if is_over else int.from_bytes(said[:_ID_BYTES], "big")

    def _mac(self, said: bytes) -> bytes:
        return hmac(self.key, f"link:{self.purpose}:".encode() + said, sha256).digest()[:_MAC_BYTES]


def _text(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()
