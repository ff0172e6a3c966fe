"""Encrypt stored secrets with a ring of Fernet keys, so keys can be rotated without downtime.

The library is imported with the first secret: it takes 9 MB, and few API processes ever see one.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from runtime.errors import PacegraphError
from settings.value_types import checked_encryption_key

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class UndecipherableSecret(PacegraphError):
    """No key in TOKEN_ENCRYPTION_KEYS decrypts a stored secret; its key was removed."""

    def __init__(self) -> None:
        super().__init__(
            "no key of TOKEN_ENCRYPTION_KEYS decrypts a stored token; put the key it "
            "was encrypted with back"
        )


class KeyRing:
    """Encrypts with the first key and decrypts with any of them.

    To rotate: put a new key first, `reencrypt` all secrets, then remove the old key.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """Take Fernet keys (32 bytes in URL-safe base64).

        Raises ValueError if there is none or one is malformed.
        """
        if not keys:
            raise ValueError("TOKEN_ENCRYPTION_KEYS: at least one key is needed")
        self._keys = [checked_encryption_key(key).get_secret_value() for key in keys]

    def load(self) -> None:
        """Import the library, in the thread of a caller that expects to wait."""
        self._fernet  # noqa: B018 - it is made once

    def encrypt(self, secret: SecretStr) -> bytes:
        return self._fernet.encrypt(secret.get_secret_value().encode())

    def decrypt(self, ciphertext: bytes) -> SecretStr:
        """Decrypt `ciphertext`. Raises UndecipherableSecret."""
        return SecretStr(_known(self._fernet.decrypt, ciphertext).decode())

    def reencrypt(self, ciphertext: bytes) -> bytes:
        """Encrypt the secret again with the first key. Raises UndecipherableSecret."""
        return _known(self._fernet.rotate, ciphertext)

    @cached_property
    def _fernet(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])


def _known(read: Callable[[bytes], bytes], ciphertext: bytes) -> bytes:
    """Read what a key of the ring wrote. Raises UndecipherableSecret."""
    from cryptography.fernet import InvalidToken

    try:
        return read(ciphertext)
    except InvalidToken as error:
        raise UndecipherableSecret from error
