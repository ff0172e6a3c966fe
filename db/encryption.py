"""Encrypt stored secrets with a ring of Fernet keys, so keys can be rotated without downtime."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from runtime.errors import PacegraphError


class UndecipherableSecret(PacegraphError):
    """No key in TOKEN_ENCRYPTION_KEYS decrypts a stored secret; its key was removed."""

    def __init__(self) -> None:
        super().__init__(
            "no key of TOKEN_ENCRYPTION_KEYS decrypts a stored token; put the key it was encrypted with back"
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
        self._fernet = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

    def encrypt(self, secret: SecretStr) -> bytes:
        return self._fernet.encrypt(secret.get_secret_value().encode())

    def decrypt(self, ciphertext: bytes) -> SecretStr:
        """Decrypt `ciphertext`. Raises UndecipherableSecret."""
        try:
            return SecretStr(self._fernet.decrypt(ciphertext).decode())
        except InvalidToken as error:
            raise UndecipherableSecret from error

    def reencrypt(self, ciphertext: bytes) -> bytes:
        """Encrypt the secret again with the first key. Raises UndecipherableSecret."""
        try:
            return self._fernet.rotate(ciphertext)
        except InvalidToken as error:
            raise UndecipherableSecret from error
