"""The secrets that `pacegraph run` makes for itself, once, and keeps in PACEGRAPH_HOME."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

__all__ = ["kept_secret", "new_encryption_key", "new_secret_key"]


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file `path`, readable by its owner only; made on first use."""
    if path.exists():
        return path.read_text().strip()
    unfinished = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret := make())
    unfinished.rename(path)
    return secret


def new_secret_key() -> str:
    return secrets.token_urlsafe(48)


def new_encryption_key() -> str:
    """A Fernet key: 32 random bytes in URL-safe base64."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
