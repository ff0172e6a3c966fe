"""`core.config` of the older service: settings by their old names, secrets as plain text."""

from functools import cache, lru_cache
from typing import Any

from pydantic import SecretStr

from settings import Settings, load_settings

OLD_SETTINGS = {
    "DB_MAX_OVERFLOW": "database_max_overflow",
    "DB_POOL_PRE_PING": "database_pre_ping",
    "DB_POOL_RECYCLE": "database_pool_recycle_s",
    "DB_POOL_SIZE": "database_pool_size",
    "DB_POOL_TIMEOUT": "database_pool_timeout_s",
    "DATABASE_POOL_RECYCLE": "database_pool_recycle_s",
    "DATABASE_POOL_TIMEOUT": "database_pool_timeout_s",
    "API_HOST": "host",
    "API_PORT": "port",
    "SQLALCHEMY_DATABASE_URL": "database_url",
}
"""Fields of Settings by old name. All other old names are the field's name in capitals."""


def field_of(name: str) -> str | None:
    """Find the field of Settings for an old name; None if there is none."""
    field = OLD_SETTINGS.get(name, name.lower())
    return field if field in Settings.model_fields else None


class OldSettings:
    """The settings, read from the environment at first use."""

    def __getattr__(self, name: str) -> Any:
        field = field_of(name)
        if field is None:
            raise AttributeError(
                f"core.config.settings has no {name}: pacegraph has no such setting "
                "(.env.example lists them). Keep it in a settings class of your own.",
                name=name,
                obj=self,
            )
        return _plain(getattr(_current(), field))


@cache
def _current() -> Settings:
    return load_settings()


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


settings = OldSettings()


@lru_cache  # not `cache`: old tests call get_settings.cache_clear()
def get_settings() -> OldSettings:
    """Get the process's settings."""
    return settings
