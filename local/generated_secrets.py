"""The secrets that `pacegraph run` generates once and stores in PACEGRAPH_HOME."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GeneratedSecret:
    """A secret that is generated where the setting `setting` is empty.

    `loss` says what a new one ends where an earlier one is lost.
    """

    setting: str
    file: str
    make: Callable[[], str]
    loss: str

    def read(self, home: Path) -> str | None:
        """The stored secret; None if there is none."""
        path = home / self.file
        return path.read_text().strip() if path.exists() else None

    def store(self, home: Path, secret: str) -> None:
        store_secret(home / self.file, secret)


def stored_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file `path`, readable by its owner only; generated on first use."""
    if path.exists():
        return path.read_text().strip()
    store_secret(path, secret := make())
    return secret


def store_secret(path: Path, secret: str) -> None:
    """Write a secret to a file, readable by its owner only; the file is never incomplete."""
    unfinished = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def new_secret_key() -> str:
    return secrets.token_urlsafe(48)


def new_encryption_key() -> str:
    """A Fernet key: 32 random bytes in URL-safe base64."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


SECRET_KEY = GeneratedSecret(
    "SECRET_KEY",
    "secret_key",
    new_secret_key,
    "all browser sessions and the demo's API tokens end",
)
TOKEN_KEY = GeneratedSecret(
    "TOKEN_ENCRYPTION_KEYS",
    "token_encryption_key",
    new_encryption_key,
    "stored Strava tokens cannot be read",
)
SECRETS = (SECRET_KEY, TOKEN_KEY)
"""All of them. `pacegraph run` refuses to start while stored tokens cannot be read."""
