"""Secrets at rest: encrypted with a ring of Fernet keys, so that keys can be replaced while running."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from db.errors import PacegraphError


class UndecipherableSecret(PacegraphError):  # noqa: N818
    """No key of the ring opens a stored secret: the key it was written with is gone from TOKEN_ENCRYPTION_KEYS."""

    def __init__(self) -> None:
        super().__init__(
            "a stored token opens with no key of TOKEN_ENCRYPTION_KEYS; put the key it was written with back"
        )


class KeyRing:
    """Encrypts with the first key, decrypts with any. Rotate: put a new key first, `reencrypt` all, drop the old."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """Take Fernet keys (32 bytes in URL-safe base64). Raises ValueError when there is none or one is malformed."""
        if not keys:
            raise ValueError("TOKEN_ENCRYPTION_KEYS: at least one key is needed")
        self._fernet = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

    def encrypt(self, secret: SecretStr) -> bytes:
        return self._fernet.encrypt(secret.get_secret_value().encode())

    def decrypt(self, ciphertext: bytes) -> SecretStr:
        """Open `ciphertext`. Raises UndecipherableSecret."""
        try:
            return SecretStr(self._fernet.decrypt(ciphertext).decode())
        except InvalidToken as error:
            raise UndecipherableSecret from error

    def reencrypt(self, ciphertext: bytes) -> bytes:
        """Write the secret anew with the first key. Raises UndecipherableSecret."""
        try:
            return self._fernet.rotate(ciphertext)
        except InvalidToken as error:
            raise UndecipherableSecret from error
