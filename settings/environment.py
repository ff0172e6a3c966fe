"""The only module that reads the environment."""

import os

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""Else numpy's library starts a thread a core in processes that only compute with columns."""
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""Else pydantic reads what each installed package declares, to find plugins: 20 ms a process."""


class _TextSource(PydanticBaseSettingsSource):
    """Finds the texts of settings by their names, in the environment first, then in the file.

    The library's own sources examine the type of each field whenever they are read, in case its
    text is JSON. No setting's is, and that takes five times as long.
    """

    def __init__(
        self, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource
    ) -> None:
        super().__init__(settings_cls)
        self._texts: dict[str, str | None] = {}
        for source in reversed(sources):
            assert isinstance(source, EnvSettingsSource)
            self._texts.update(source.env_vars)

    def get_field_value(self, _: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        return self._texts.get(field_name), field_name, False

    def __call__(self) -> dict[str, str]:
        found = {name: self._texts.get(name) for name in self.settings_cls.model_fields}
        return {name: text for name, text in found.items() if text is not None}


class TextSettings(BaseSettings):
    """Settings whose values are texts, of the environment or the file `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # else this class has a validator built for nothing, beside that of all
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there are none
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _TextSource(settings_cls, env_settings, dotenv_settings)


def child_environment(**values: str) -> dict[str, str]:
    """Make the environment of a child process: this one's, overridden by `values`."""
    return {**os.environ, **values}


def tell_libraries(**values: str) -> None:
    """Set what libraries read in the environment when they are imported."""
    os.environ.update(values)


def named_certificates() -> tuple[str | None, str | None]:
    """Get the file, else the folder, of the certificates to trust that OpenSSL's variables name."""
    file = os.environ.get("SSL_CERT_FILE") or None
    return file, None if file else os.environ.get("SSL_CERT_DIR") or None
