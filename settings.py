"""Every setting of pacegraph: typed, described, validated at start. The only module that reads the environment.

A value comes from the environment, else from the file `.env` in the working directory, else from the default here.
`load_settings` turns whatever is wrong into one line that names the setting.
"""

import os
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    IPvAnyNetwork,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

__all__ = ["InvalidSettings", "Settings", "get_settings", "load_settings", "wants_json_logs"]


class InvalidSettings(Exception):  # noqa: N818 - the whole set is invalid; the message names the one at fault
    """A setting is missing or wrong. The message is one line: the setting's name, what is wrong, what is expected."""


def _url_of(*schemes: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    return AfterValidator(check)


def _http_url(value: str) -> str:
    return str(TypeAdapter(HttpUrl).validate_python(value)).rstrip("/")


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SECRET_KEY_CHARACTERS:
        raise ValueError(f"must have {_SECRET_KEY_CHARACTERS} characters or more")
    return value


_FERNET_KEY_BYTES = 32
_SECRET_KEY_CHARACTERS = 32

DatabaseUrl = Annotated[SecretStr, _url_of("postgresql", "postgres")]
SecretKey = Annotated[SecretStr, AfterValidator(_long_enough)]
RedisUrl = Annotated[SecretStr, _url_of("redis", "rediss", "unix")]
WebUrl = Annotated[str, AfterValidator(_http_url)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _level_of_logger(pair: str) -> tuple[str, str]:
    """Read one of LOG_LEVELS."""
    name, equals, level = (part.strip() for part in pair.partition("="))
    if not (name and equals and level.upper() in get_args(LogLevel)):
        raise ValueError(
            f"LOG_LEVELS: {pair!r} is not a logger's name, an equals sign and one of {', '.join(get_args(LogLevel))}, "
            "as in pacegraph.request=WARNING,jobs=DEBUG"
        )
    return name, level.upper()


class Settings(BaseSettings):
    """The settings of one process. Immutable; secrets are SecretStr, so that no log can print them."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # --- where things are
    pacegraph_home: Path = Field(
        Path(".local"), description="Folder of the embedded services' data, secrets and run.json."
    )
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the API listens on.")
    public_url: WebUrl | None = Field(
        None, description="Address that browsers reach the API at, as https://runs.example; default http://HOST:PORT."
    )

    # --- PostgreSQL
    database_url: DatabaseUrl | None = Field(
        None, description="PostgreSQL, as postgresql://user:password@host/name; unset: `pacegraph run` starts its own."
    )
    database_pool_size: int = Field(10, ge=1, le=500, description="Connections a process keeps open.")
    database_max_overflow: int = Field(
        5, ge=0, le=500, description="Connections a process opens beyond the pool under load."
    )
    database_pool_timeout_s: float = Field(
        5,
        gt=0,
        le=300,
        description="Seconds to wait for a free connection before the request fails with DATABASE_BUSY.",
    )
    database_pool_recycle_s: int = Field(1800, ge=1, description="Seconds after which a pooled connection is replaced.")
    database_pre_ping: bool = Field(
        True, description="Test a pooled connection before use, so that a restart of PostgreSQL goes unnoticed."
    )
    database_statement_timeout_ms: int = Field(
        30_000, ge=0, description="Milliseconds after which PostgreSQL cancels a statement; 0 is never."
    )
    database_connect_timeout_s: float = Field(
        10, gt=0, le=300, description="Seconds to wait for PostgreSQL to accept a connection."
    )

    # --- Redis
    redis_url: RedisUrl | None = Field(
        None,
        description="Redis or Valkey, as redis://host:6379/0 or unix:///path; unset: `pacegraph run` starts its own.",
    )

    # --- secrets
    secret_key: SecretKey | None = Field(
        None,
        description="Signs session cookies; 32 characters or more. `pacegraph run` keeps one in PACEGRAPH_HOME.",
    )
    token_encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description=(
            "Key ring for Strava tokens at rest: Fernet keys, comma separated. The first encrypts, all decrypt; "
            "rotate by putting a new one first. `pacegraph run` makes one and keeps it in PACEGRAPH_HOME."
        ),
    )

    # --- identity and privacy
    session_lifetime_s: int = Field(
        30 * 86_400, ge=60, description="Seconds a sign-in lasts without use; in use it is renewed."
    )
    admin_athlete_ids: Annotated[tuple[int, ...], NoDecode] = Field(
        (),
        description=(
            "Strava ids of this server's administrators, comma separated: they see and may do everything. Heeded when "
            "they sign in."
        ),
    )
    sharing: Literal["on", "off"] = Field(
        "off",
        description="on: athletes who agree are visible to other signed-in athletes. Strava's API agreement wants off.",
    )

    # --- Strava
    strava_api_url: WebUrl = Field("https://www.strava.com/api/v3", description="Base address of Strava's API.")
    strava_oauth_url: WebUrl = Field(
        "https://www.strava.com/oauth", description="Base address of Strava's authorization pages."
    )
    strava_client_id: str | None = Field(None, description="Client ID of your Strava API application.")
    strava_client_secret: SecretStr | None = Field(None, description="Client secret of your Strava API application.")
    strava_timeout_s: float = Field(20, gt=0, le=300, description="Seconds to wait for an answer of Strava.")
    strava_page_size: int = Field(
        100, ge=1, le=200, description="Activities asked of Strava a page; 200 is Strava's most."
    )

    # --- jobs
    workers: int = Field(2, ge=1, le=64, description="Worker processes of `pacegraph worker`.")
    job_lease_s: float = Field(
        15, ge=1, le=3600, description="Seconds without a sign of life after which another worker takes a job over."
    )
    job_max_attempts: int = Field(
        5, ge=1, le=100, description="Attempts at a job before it is FAILED, when the error may pass."
    )
    job_reconcile_interval_s: float = Field(
        1, ge=0.1, le=60, description="Seconds between two looks for lost and due jobs."
    )

    # --- what operations may cost
    cost_limit: int = Field(
        5000, ge=1, le=2_000_000_000, description="What one operation may cost: about the objects it may return."
    )
    cost_bucket_user: int = Field(20_000, ge=1, le=2_000_000_000, description="Budget of an account, when full.")
    cost_refill_user_per_s: float = Field(400, gt=0, description="What an account's budget gains a second.")
    cost_bucket_ip: int = Field(
        2000, ge=1, le=2_000_000_000, description="Budget of an address whose callers are signed out, when full."
    )
    cost_refill_ip_per_s: float = Field(40, gt=0, description="What such a budget gains a second.")
    cost_mode: Literal["enforce", "report"] = Field(
        "enforce",
        description="report: an operation that costs too much is logged and counted, and runs all the same.",
    )

    # --- how much one caller may ask at once
    request_bucket_ip: int = Field(
        3000, ge=1, le=2_000_000_000, description="Requests an address may send in a burst, signed in or not."
    )
    request_refill_ip_per_s: float = Field(1000, gt=0, description="Requests an address may send a second, sustained.")
    concurrent_operations: int = Field(
        16, ge=1, le=10_000, description="Operations of one caller that run at once, a process; others wait their turn."
    )
    waiting_operations: int = Field(
        1000, ge=0, le=100_000, description="Operations of one caller that may wait; those beyond are refused (429)."
    )
    operation_wait_s: float = Field(
        10, gt=0, le=300, description="Seconds an operation waits for its turn before it is refused (429)."
    )
    operation_timeout_s: float = Field(
        30, gt=0, le=3600, description="Seconds an operation may take; then it ends with TIMEOUT, its SQL with it."
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description=(
            "Addresses or networks of your reverse proxies, comma separated: from them alone X-Forwarded-For and "
            "X-Forwarded-Proto are believed."
        ),
    )

    # --- what a document may look like
    document_max_tokens: int = Field(2000, ge=10, le=100_000, description="Tokens of a GraphQL document.")
    document_max_depth: int = Field(12, ge=1, le=100, description="Levels of fields; introspection may go deeper.")
    document_max_aliases: int = Field(30, ge=0, le=10_000, description="Aliases, those of fragments at each use.")
    document_max_root_fields: int = Field(30, ge=1, le=10_000, description="Fields of an operation's root.")
    document_max_directives: int = Field(50, ge=0, le=10_000, description="Directives.")
    body_max_bytes: int = Field(
        256 * 1024, ge=1024, le=100 * 1024 * 1024, description="Bytes of a request's body, or of a GET's address."
    )
    body_timeout_s: float = Field(10, gt=0, le=300, description="Seconds a request's body may take to arrive.")
    introspection: Literal["on", "signed-in", "off"] = Field(
        "on", description="Who may ask about the schema: everybody, signed-in callers, administrators only (off)."
    )
    suggestions: Literal["on", "off"] = Field(
        "off", description='on: errors about unknown names suggest known ones ("Did you mean …"); for development.'
    )
    trusted_documents: Literal["off", "log", "enforce"] = Field(
        "off",
        description="enforce: only documents of the manifest run. log: others are logged and counted, and run.",
    )
    trusted_documents_manifest: Path | None = Field(
        None, description="The manifest: a JSON file as Relay, Apollo or GraphQL Codegen write it."
    )
    persisted_queries: Literal["on", "off"] = Field(
        "on", description="on: automatic persisted queries (APQ) may be registered; never with trusted documents."
    )
    persisted_queries_max_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Bytes of registered queries in Redis, together."
    )

    # --- how queries run
    planned_execution: Literal["on", "off"] = Field(
        "on", description="off: every query runs on graphql-core, for the case that plans are at fault."
    )

    # --- the resolver cache
    cache: Literal["on", "off"] = Field("on", description="off: nothing is cached.")
    cache_athletes_s: float = Field(600, ge=0, description="Seconds athletes are cached; 0 is not at all.")
    cache_age_grades_s: float = Field(300, ge=0, description="Seconds age grades are cached; 0 is not at all.")
    cache_activities_s: float = Field(60, ge=0, description="Seconds lists of activities are cached; 0 is not at all.")
    cache_personal_bests_s: float = Field(
        300, ge=0, description="Seconds personal bests and best efforts are cached; 0 is not at all."
    )
    cache_memory_bytes: int = Field(
        8 * 1024 * 1024, ge=0, description="Bytes of cached answers a process keeps besides Redis."
    )

    # --- feature flags and the migration from the older service
    background_sync: Literal["on", "off"] = Field(
        "on", description="off: syncs wait until it is on again; nothing is lost. The flag background-sync."
    )
    rate_limiting: Literal["on", "off"] = Field(
        "on", description="off: neither requests nor operations at once are limited. The flag rate-limiting."
    )
    feature_flags_refresh_s: float = Field(
        1, ge=0.1, le=60, description="Seconds between two looks at the feature flags that Redis holds."
    )
    legacy: Literal["on", "off"] = Field(
        "on",
        description="off: the older service's REST routes answer 410, its import names fail. Flag: legacy-rest.",
    )
    legacy_deprecated_on: date = Field(
        date(2026, 11, 23), description="Day since which the REST routes are deprecated, told by `Deprecation`."
    )
    legacy_sunset_on: date = Field(
        date(2027, 5, 31), description="Day after which the REST routes may be gone, told by `Sunset`."
    )

    # --- the API's surface
    graphiql: Literal["on", "off"] = Field("on", description="on: GraphiQL is served at /graphiql.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Origins of other sites whose pages may call the API with the browser's session, as https://app.example, "
            "comma separated."
        ),
    )

    # --- subscriptions
    subscriptions_per_connection: int = Field(50, ge=1, le=10_000, description="Subscriptions of one WebSocket.")
    subscriptions_per_caller: int = Field(
        100, ge=1, le=100_000, description="Subscriptions of one caller (signed out: one address), a process."
    )
    connections_per_caller: int = Field(
        50, ge=1, le=100_000, description="WebSockets and event streams of one caller (or address), a process."
    )
    subscription_idle_s: float = Field(
        300, gt=0, description="Seconds after which a WebSocket without an operation is closed."
    )
    subscription_lifetime_s: float = Field(
        86_400, gt=0, description="Seconds after which a WebSocket or event stream is closed; clients connect anew."
    )
    subscription_send_timeout_s: float = Field(
        30, gt=0, description="Seconds a client may leave a message unread; then its connection is closed."
    )

    # --- logs
    log_level: LogLevel = Field("INFO", description="Least level that is logged.")
    log_levels: Annotated[dict[str, LogLevel], NoDecode] = Field(
        {}, description="Other levels for some loggers and those below them, as pacegraph.request=WARNING,jobs=DEBUG."
    )
    log_format: Literal["json", "text"] = Field("json", description="json: one object a line; text: for a terminal.")

    # --- the simulated Strava
    simulator_runs: Path | None = Field(
        None, description="File of the simulated athlete's runs, one JSON object a line; default: the demo runs."
    )
    simulator_athletes: int = Field(
        1, ge=1, le=100_000, description="Athletes the simulated Strava knows; all but the first have synthetic runs."
    )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("token_encryption_keys", "admin_athlete_ids", "trusted_proxies", "cors_origins"):
            if isinstance(raw := values.get(name), str):
                values[name] = tuple(part.strip() for part in raw.split(",") if part.strip())
        if isinstance(raw := values.get("log_levels"), str):
            values["log_levels"] = dict(_level_of_logger(part.strip()) for part in raw.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _key_ring_is_valid(self) -> Self:
        from base64 import urlsafe_b64decode

        for key in self.token_encryption_keys:
            try:
                valid = len(urlsafe_b64decode(key.get_secret_value())) == _FERNET_KEY_BYTES
            except ValueError:
                valid = False
            if not valid:
                raise ValueError(
                    "TOKEN_ENCRYPTION_KEYS: each must be 32 bytes in URL-safe base64, as `pacegraph key` prints"
                )
        return self

    @property
    def url(self) -> str:
        """Address that browsers reach the API at, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    def require(self, *names: str) -> None:
        """Check that the settings `names` have a value.

        Raises InvalidSettings naming the first that has none: which ones a process needs depends on the command.
        """
        for name in names:
            if getattr(self, name) in {None, ()}:
                description = type(self).model_fields[name].description
                raise InvalidSettings(f"{name.upper()}: is not set, and this command needs it ({description})")


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
    except SettingsError as error:
        raise InvalidSettings(str(error)) from None


@cache
def get_settings() -> Settings:
    """Give the process's settings, read once: for applications, also under `Depends`. Raises as `load_settings`."""
    return load_settings()


class _LogForm(BaseSettings):
    model_config = Settings.model_config

    log_format: str = ""


def wants_json_logs(env_file: str | None = ".env") -> bool:
    """Tell whether LOG_FORMAT=json is set, not merely the default, however wrong the other settings are."""
    return _LogForm(_env_file=env_file).log_format == "json"  # type: ignore[call-arg]


def child_environment(**values: str) -> dict[str, str]:
    """Environment for a child process: this one's, with `values` on top."""
    return {**os.environ, **values}
