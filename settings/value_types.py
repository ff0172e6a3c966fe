"""Types of values that settings have, and how their texts are read."""

import re
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, SecretStr, TypeAdapter

from settings.redis_address import RedisServers

_FERNET_KEY_BYTES = 32
_SECRET_KEY_CHARACTERS = 32
_PATH_SECRET = re.compile(r"[A-Za-z0-9_-]{16,200}")


def _url_of(*schemes: str) -> AfterValidator:
    starts = tuple(f"{scheme}://" for scheme in schemes)

    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(starts):
            raise ValueError(f"must be a URL that starts with {' or '.join(starts)}")
        return value

    return AfterValidator(check)


def _of_servers(value: SecretStr) -> SecretStr:
    RedisServers.from_url(value.get_secret_value())
    return value


def _http_url(value: str) -> str:
    return str(TypeAdapter(HttpUrl).validate_python(value)).rstrip("/")


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SECRET_KEY_CHARACTERS:
        raise ValueError(f"must have at least {_SECRET_KEY_CHARACTERS} characters")
    return value


def _fit_for_a_folder(value: Path) -> Path:
    try:
        if value.exists() and not value.is_dir():
            raise ValueError(f"{value} is not a folder")
        value.resolve()  # tells loops of links
        value.stat()
    except (FileNotFoundError, PermissionError):
        pass  # who needs it makes it, or says why that is not possible
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is a loop of links"
        raise ValueError(f"{value} cannot be a folder ({reason})") from None
    return value


def _fit_for_a_path(value: SecretStr) -> SecretStr:
    if not _PATH_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("must be 16 to 200 letters, digits, - and _")
    return value


def checked_encryption_key(value: SecretStr) -> SecretStr:
    """Get a Fernet key as it is. Raises ValueError if it is none."""
    try:
        valid = len(urlsafe_b64decode(value.get_secret_value())) == _FERNET_KEY_BYTES
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(
            "each key must be 32 bytes in URL-safe base64, as `pacegraph key` prints it"
        )
    return value


def _parts(value: object) -> object:
    """Split a text at its commas."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


Amount = Annotated[int, Field(ge=1, le=2_000_000_000)]
"""Points, milliseconds or requests: as many as PostgreSQL's and Redis's integers hold."""
DatabaseUrl = Annotated[SecretStr, _url_of("postgresql", "postgres")]
EncryptionKey = Annotated[SecretStr, AfterValidator(checked_encryption_key)]
SecretKey = Annotated[SecretStr, AfterValidator(_long_enough)]
PathSecret = Annotated[SecretStr, AfterValidator(_fit_for_a_path)]
RedisUrl = Annotated[
    SecretStr,
    _url_of(
        *("redis", "rediss", "unix"),
        *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
    ),
    AfterValidator(_of_servers),
]
Folder = Annotated[Path, AfterValidator(_fit_for_a_folder)]
"""A folder that is there, or may be made."""
WebUrl = Annotated[str, AfterValidator(_http_url)]
_Part = TypeVar("_Part")
Parts = Annotated[tuple[_Part, ...], BeforeValidator(_parts)]
"""Values that a text separates by commas."""
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _level_of_logger(pair: str) -> tuple[str, str]:
    name, equals, level = (part.strip() for part in pair.partition("="))
    if not (name and equals and level.upper() in get_args(LogLevel)):
        raise ValueError(
            f"{pair!r} must be a logger's name, an equals sign and one of "
            f"{', '.join(get_args(LogLevel))}, such as pacegraph.request=WARNING,jobs=DEBUG"
        )
    return name, level.upper()


def _levels(value: object) -> object:
    parts = _parts(value)
    return dict(map(_level_of_logger, parts)) if isinstance(parts, tuple) else parts


LogLevels = Annotated[dict[str, LogLevel], BeforeValidator(_levels)]
