"""All settings of a process, and how they are loaded."""

from functools import cache
from typing import Self

from pydantic import ValidationError

from settings.accounts import AccountSettings
from settings.answers import AnswerSettings
from settings.clients import ClientSettings
from settings.documents import DocumentSettings
from settings.environment import TextSettings
from settings.feature_flags import FeatureFlagSettings
from settings.files import FileSettings
from settings.jobs import JobSettings
from settings.limits import LimitSettings
from settings.local import LocalSettings
from settings.observability import ObservabilitySettings
from settings.originals import OriginalSettings
from settings.services import ServiceSettings
from settings.strava import StravaSettings


class InvalidSettings(Exception):
    """A setting is missing or wrong.

    The message is one line: the setting's name, what is wrong, what is expected.
    """


# Pydantic takes the fields of the last base first, and `.env.example` follows.
class Settings(
    LocalSettings,
    ObservabilitySettings,
    ClientSettings,
    FeatureFlagSettings,
    AnswerSettings,
    DocumentSettings,
    LimitSettings,
    OriginalSettings,
    FileSettings,
    JobSettings,
    StravaSettings,
    AccountSettings,
    ServiceSettings,
    TextSettings,
):
    """The settings of one process. Immutable. Secrets are SecretStr, so no log can print them."""

    @property
    def operations_at_once(self) -> int:
        """Operations of one caller that run at once."""
        if self.concurrent_operations is not None:
            return self.concurrent_operations
        return max(1, self.most_connections // 2)

    @property
    def most_connections(self) -> int:
        """Connections of one engine to PostgreSQL."""
        return self.database_pool_size + self.database_max_overflow

    @property
    def url(self) -> str:
        """URL at which browsers reach the API, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def is_pooled(self) -> bool:
        """Whether PostgreSQL is behind a pooler in transaction mode.

        Then nothing may belong to a connection.
        """
        return self.database_pooler == "transaction"

    def past_pooler(self) -> Self:
        """Get settings that lead to PostgreSQL itself.

        Raises InvalidSettings behind a pooler without DATABASE_DIRECT_URL.
        """
        if not self.is_pooled:
            return self
        self.require("database_direct_url")
        direct = {"database_url": self.database_direct_url, "database_pooler": "none"}
        return self.model_copy(update=direct)

    def require(self, *names: str) -> None:
        """Check that the settings `names` have a value.

        Raises InvalidSettings naming the first one without. Which ones are needed depends on the
        command.
        """
        for name in names:
            if getattr(self, name) in {None, ()}:
                description = type(self).model_fields[name].description
                raise InvalidSettings(
                    f"{name.upper()}: is not set, but this command needs it ({description})"
                )


def load_settings(env_file: str | None = ".env", **overrides: object) -> Settings:
    """Read the settings of this process; `overrides` win over environment and file.

    Raises InvalidSettings with one line naming the first setting at fault.
    """
    try:
        return Settings(_env_file=env_file, **overrides)  # type: ignore[call-arg,arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidSettings(f"{name}: {message}" if name else message) from None


@cache
def get_settings() -> Settings:
    """Get the process's settings, read once. Applications can use it with `Depends`.

    Raises InvalidSettings, as `load_settings` does.
    """
    return load_settings()


class _LogForm(TextSettings):
    log_format: str = ""


def wants_json_logs(env_file: str | None = ".env") -> bool:
    """Tell whether LOG_FORMAT=json is set explicitly. Errors in other settings do not matter."""
    return _LogForm(_env_file=env_file).log_format == "json"  # type: ignore[call-arg]
