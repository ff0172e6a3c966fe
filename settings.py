"""Every setting of pacegraph: typed, described, validated at start.

The only module that reads the environment.

A value comes from the environment, else from the file `.env` in the working directory, else from
the default here. `load_settings` reports the first invalid setting in one line that names it.
"""

import os
import re
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
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


class InvalidSettings(Exception):
    """A setting is missing or wrong.

    The message is one line: the setting's name, what is wrong, what is expected.
    """


def _url_of(*schemes: str) -> AfterValidator:
    starts = tuple(f"{scheme}://" for scheme in schemes)

    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(starts):
            raise ValueError(f"must be a URL that starts with {' or '.join(starts)}")
        return value

    return AfterValidator(check)


def _http_url(value: str) -> str:
    return str(TypeAdapter(HttpUrl).validate_python(value)).rstrip("/")


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SECRET_KEY_CHARACTERS:
        raise ValueError(f"must have at least {_SECRET_KEY_CHARACTERS} characters")
    return value


_FERNET_KEY_BYTES = 32
_SECRET_KEY_CHARACTERS = 32
_PATH_SECRET = re.compile(r"[A-Za-z0-9_-]{16,200}")


def _fit_for_a_path(value: SecretStr) -> SecretStr:
    if not _PATH_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("must be 16 to 200 letters, digits, - and _")
    return value


DatabaseUrl = Annotated[SecretStr, _url_of("postgresql", "postgres")]
SecretKey = Annotated[SecretStr, AfterValidator(_long_enough)]
PathSecret = Annotated[SecretStr, AfterValidator(_fit_for_a_path)]
RedisUrl = Annotated[SecretStr, _url_of("redis", "rediss", "unix")]
WebUrl = Annotated[str, AfterValidator(_http_url)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _level_of_logger(pair: str) -> tuple[str, str]:
    """Read one of LOG_LEVELS."""
    name, equals, level = (part.strip() for part in pair.partition("="))
    if not (name and equals and level.upper() in get_args(LogLevel)):
        raise ValueError(
            f"LOG_LEVELS: {pair!r} must be a logger's name, an equals sign and one of "
            f"{', '.join(get_args(LogLevel))}, such as pacegraph.request=WARNING,jobs=DEBUG"
        )
    return name, level.upper()


class _TextSource(PydanticBaseSettingsSource):
    """Finds the texts of settings by their names, in the environment first, then in the file.

    The library's own sources examine the type of each field whenever they are read, in case its
    text is JSON. No setting's is, and that takes ten times as long.
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


class _TextSettings(BaseSettings):
    """Settings whose values are texts, of the environment or the file `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
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


class Settings(_TextSettings):
    """The settings of one process. Immutable. Secrets are SecretStr, so no log can print them."""

    # --- addresses and folders
    pacegraph_home: Path = Field(
        Path(".local"),
        description="Folder for the data of the embedded services, their secrets and run.json.",
    )
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the API listens on.")
    public_url: WebUrl | None = Field(
        None,
        description="URL at which browsers reach the API, such as https://runs.example. Default: "
        "http://HOST:PORT.",
    )

    # --- PostgreSQL
    database_url: DatabaseUrl | None = Field(
        None,
        description="PostgreSQL, as postgresql://user:password@host/name. Unset: `pacegraph run` "
        "starts its own.",
    )
    database_pool_size: int = Field(
        10, ge=1, le=500, description="Connections each process keeps open."
    )
    database_max_overflow: int = Field(
        5, ge=0, le=500, description="Additional connections each process may open under load."
    )
    database_pool_timeout_s: float = Field(
        5,
        gt=0,
        le=300,
        description="Seconds a request waits for a free connection before it fails with "
        "DATABASE_BUSY.",
    )
    database_pool_recycle_s: int = Field(
        1800, ge=1, description="Seconds after which a pooled connection is replaced."
    )
    database_pre_ping: bool = Field(
        True,
        description="Test each pooled connection before use, so that requests survive a restart "
        "of PostgreSQL.",
    )
    database_statement_timeout_ms: int = Field(
        30_000,
        ge=0,
        description="Milliseconds after which PostgreSQL cancels a statement. 0: never.",
    )
    database_idle_transaction_timeout_ms: int = Field(
        60_000,
        ge=0,
        description="Milliseconds that a transaction may do nothing before PostgreSQL ends its "
        "connection. 0: leave it to the server.",
    )
    database_connect_timeout_s: float = Field(
        10, gt=0, le=300, description="Seconds to wait for PostgreSQL to accept a connection."
    )

    # --- Redis
    redis_url: RedisUrl | None = Field(
        None,
        description="Redis or Valkey, as redis://host:6379/0 or unix:///path. Unset: `pacegraph "
        "run` starts its own.",
    )

    # --- secrets
    secret_key: SecretKey | None = Field(
        None,
        description="Key that signs session cookies, at least 32 characters. Unset: `pacegraph "
        "run` keeps one in PACEGRAPH_HOME.",
    )
    token_encryption_keys: tuple[SecretStr, ...] = Field(
        (),
        description=(
            "Fernet keys that encrypt stored Strava tokens, comma separated. The first "
            "encrypts, all decrypt. To rotate, put a new key first. Unset: `pacegraph "
            "run` keeps one in PACEGRAPH_HOME."
        ),
    )

    # --- identity and privacy
    session_lifetime_s: int = Field(
        30 * 86_400, ge=60, description="Seconds a session lasts without use. Use renews it."
    )
    session_max_days: float = Field(
        90,
        gt=0,
        le=36_500,
        description="Days from sign-in to the end of a session, however much it is used.",
    )
    admin_athlete_ids: tuple[int, ...] = Field(
        (),
        description=(
            "Strava athlete ids of this server's administrators, comma separated. They "
            "can read and change everything. Takes effect at their next sign-in."
        ),
    )
    sharing: Literal["on", "off"] = Field(
        "off",
        description="on: signed-in athletes can see other athletes who agreed to it. Strava's API "
        "agreement requires off.",
    )

    # --- Strava
    strava_api_url: WebUrl = Field(
        "https://www.strava.com/api/v3", description="Base URL of Strava's API."
    )
    strava_oauth_url: WebUrl = Field(
        "https://www.strava.com/oauth", description="Base URL of Strava's authorization pages."
    )
    strava_client_id: str | None = Field(
        None, description="Client ID of your Strava API application."
    )
    strava_client_secret: SecretStr | None = Field(
        None, description="Client secret of your Strava API application."
    )
    strava_timeout_s: float = Field(
        20,
        gt=0,
        le=300,
        description="Seconds that a response from Strava may take as a whole.",
    )
    strava_refresh_timeout_s: float = Field(
        120,
        gt=0,
        le=3600,
        description="Seconds to wait for new tokens from Strava. What is issued later is lost, and "
        "the athlete has to connect again. At least STRAVA_TIMEOUT_S.",
    )
    strava_max_answer_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024,
        le=2_000_000_000,
        description="Maximum bytes of a response from Strava, after decompression.",
    )
    strava_page_size: int = Field(
        100,
        ge=1,
        le=200,
        description="Activities to request from Strava per page. Strava allows at most 200.",
    )

    strava_webhook_secret: PathSecret | None = Field(
        None,
        description="Secret end of the address to which Strava reports changes, "
        "/strava/webhook/SECRET: 16 or more letters, digits, - and _. Unset: /strava/webhook. "
        "Strava signs nothing, so anyone who knows the address can send events.",
    )
    strava_webhook_verify_token: SecretStr | None = Field(
        None,
        description="Token by which Strava's first request is recognized. Default: derived from "
        "SECRET_KEY.",
    )

    sync_budget_requests: int = Field(
        50,
        ge=0,
        le=1_000_000,
        description="Requests to Strava that an athlete's syncs may make in a burst, apart from "
        "those that bring new data. 0: no limit.",
    )
    sync_budget_refill_per_h: float = Field(
        20,
        gt=0,
        le=1_000_000,
        description="Requests that this budget regains per hour.",
    )

    # --- jobs
    workers: int = Field(2, ge=1, le=64, description="Worker processes of `pacegraph worker`.")
    job_lease_s: float = Field(
        15,
        ge=1,
        le=3600,
        description="Seconds without a heartbeat after which another worker takes over a job.",
    )
    job_max_attempts: int = Field(
        5,
        ge=1,
        le=100,
        description="Attempts before a job becomes FAILED, for errors that may be temporary.",
    )
    job_reconcile_interval_s: float = Field(
        1, ge=0.1, le=60, description="Seconds between two searches for lost and due jobs."
    )

    job_attempt_max_s: float = Field(
        21_600,
        ge=1,
        le=31_536_000,
        description="Seconds that one attempt at a job may run. Then it is ended and tried again, as "
        "a failure. Waiting for Strava's quota does not count.",
    )
    job_max_life_s: float = Field(
        2_592_000,
        ge=60,
        le=315_360_000,
        description="Seconds from a job's start or retry to its end, all waiting included. Then it "
        "becomes FAILED with TIMED_OUT.",
    )
    job_retention_days: int = Field(
        90, ge=0, le=36_500, description="Days to keep ended jobs. 0: forever."
    )
    idempotency_key_lifetime_s: float = Field(
        86_400,
        ge=60,
        le=31_536_000,
        description="Seconds for which a mutation repeated with its idempotency key has no effect.",
    )

    # --- files of recordings
    uploads_folder: Path | None = Field(
        None,
        description="Folder for files on their way to an import, which API and workers share. "
        "Default: uploads in PACEGRAPH_HOME.",
    )
    upload_max_bytes: int = Field(
        20 * 2**30, ge=1024, le=2**50, description="Maximum bytes of one uploaded file."
    )
    uploads_max_bytes: int = Field(
        100 * 2**30,
        ge=1024,
        le=2**50,
        description="Bytes that all uploads may take in their folder, staged ones included. More "
        "are refused.",
    )
    uploads_per_athlete: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Uploads that an athlete may have staged, together at most UPLOAD_MAX_BYTES.",
    )
    upload_lifetime_s: float = Field(
        172_800,
        ge=60,
        le=31_536_000,
        description="Seconds from staging to the end of an upload. Then its file is deleted, unless "
        "a job is reading it.",
    )
    upload_stall_s: float = Field(
        30,
        gt=0,
        le=3600,
        description="Seconds in which an upload under way must bring new bytes. It can go on later.",
    )
    uploads_at_once: int = Field(
        8, ge=1, le=1000, description="Uploads under way at once, per API process."
    )

    # --- feedback
    feedback_retention_days: int = Field(
        365, ge=0, le=36_500, description="Days to keep feedback. 0: forever."
    )
    feedback_per_caller: int = Field(
        20,
        ge=1,
        le=1_000_000,
        description="Messages of feedback that an account, or a signed-out address, may send in 24 "
        "hours.",
    )
    feedback_max: int = Field(
        10_000,
        ge=1,
        le=100_000_000,
        description="Messages of feedback to keep, at most half of signed-out callers. More are "
        "refused.",
    )

    # --- cost of operations
    cost_limit: int = Field(
        5000,
        ge=1,
        le=2_000_000_000,
        description="Maximum cost of one operation: roughly the number of objects it may return.",
    )
    cost_bucket_user: int = Field(
        20_000, ge=1, le=2_000_000_000, description="Size of an account's cost budget."
    )
    cost_refill_user_per_s: float = Field(
        400, gt=0, description="Points an account's cost budget regains per second."
    )
    cost_bucket_ip: int = Field(
        2000,
        ge=1,
        le=2_000_000_000,
        description="Size of the cost budget that all signed-out callers of one address share.",
    )
    cost_refill_ip_per_s: float = Field(
        40, gt=0, description="Points such a budget regains per second."
    )
    cost_per_database_ms: float = Field(
        25,
        ge=0,
        le=1_000_000,
        description="Points that a millisecond in the database costs where an operation's objects "
        "cost less. 0: time costs nothing.",
    )
    database_time_user_ms: int = Field(
        5000,
        ge=1,
        le=2_000_000_000,
        description="Milliseconds that an account's operations may work in the database in a burst. "
        "More becomes a debt, and operations are refused until it is paid.",
    )
    database_time_refill_user_ms_per_s: float = Field(
        100, gt=0, description="Milliseconds of it that an account regains per second."
    )
    database_time_ip_ms: int = Field(
        500,
        ge=1,
        le=2_000_000_000,
        description="The same for all signed-out callers of one address.",
    )
    database_time_refill_ip_ms_per_s: float = Field(
        10, gt=0, description="Milliseconds of it that an address regains per second."
    )
    operation_database_time_s: float = Field(
        1.5,
        ge=0.5,
        le=3600,
        description="Seconds that PostgreSQL may work for an operation, without waiting for locks. "
        "Then it ends with TIMEOUT.",
    )
    cost_mode: Literal["enforce", "report"] = Field(
        "enforce",
        description="enforce: refuse operations that cost too much. report: log and count them, "
        "but run them.",
    )

    # --- limits per caller
    request_bucket_ip: int = Field(
        3000,
        ge=1,
        le=2_000_000_000,
        description="Requests an address may send in a burst, signed in or not.",
    )
    request_refill_ip_per_s: float = Field(
        1000, gt=0, description="Requests an address may send per second in the long run."
    )
    concurrent_operations: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Operations of one caller that run at once, per process. Others wait. Default: "
        "half of DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW. With more, one caller can take all "
        "connections.",
    )
    waiting_operations: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="Operations of one caller that may wait. More are refused (429).",
    )
    operation_wait_s: float = Field(
        10,
        gt=0,
        le=300,
        description="Seconds an operation may wait before it is refused (429).",
    )
    operation_timeout_s: float = Field(
        30,
        gt=0,
        le=3600,
        description="Seconds an operation may take. Then it ends with TIMEOUT, and its SQL is "
        "cancelled.",
    )
    sign_ins_at_once: int = Field(
        8,
        ge=1,
        le=100,
        description="Sign-ins that may wait for Strava at once, per process. Others queue, the "
        "addresses take turns.",
    )
    sign_ins_per_address: int = Field(
        2, ge=1, le=100, description="How many of them may be of one address."
    )
    sign_in_wait_s: float = Field(
        10,
        gt=0,
        le=300,
        description="Seconds a sign-in may queue before it is refused (503). It can go on later.",
    )
    sign_in_bucket_ip: int = Field(
        60,
        ge=1,
        le=1_000_000,
        description="Failed sign-ins an address may have in a burst. More are refused (429).",
    )
    sign_in_refill_ip_per_s: float = Field(
        2, gt=0, description="Failed sign-ins an address may have per second in the long run."
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description=(
            "Addresses or networks of your reverse proxies, comma separated. Only they "
            "may set X-Forwarded-For and X-Forwarded-Proto."
        ),
    )

    # --- limits of documents
    document_max_tokens: int = Field(
        2000, ge=10, le=100_000, description="Maximum tokens in a GraphQL document."
    )
    document_max_depth: int = Field(
        12, ge=1, le=100, description="Maximum depth of fields. Introspection may be deeper."
    )
    document_max_aliases: int = Field(
        30,
        ge=0,
        le=10_000,
        description="Maximum aliases in an operation. Those of a fragment count each time it is "
        "spread.",
    )
    document_max_root_fields: int = Field(
        30, ge=1, le=10_000, description="Maximum root fields of an operation."
    )
    document_max_directives: int = Field(
        50, ge=0, le=10_000, description="Maximum directives in a document."
    )
    body_max_bytes: int = Field(
        256 * 1024,
        ge=1024,
        le=100 * 1024 * 1024,
        description="Maximum bytes of a request's body, or of a WebSocket message. A URL may have as "
        "many, but at most 64 KiB.",
    )
    body_timeout_s: float = Field(
        10, gt=0, le=300, description="Seconds a request's body may take to arrive."
    )
    introspection: Literal["on", "signed-in", "off"] = Field(
        "on",
        description="Callers that may use introspection. on: all. signed-in: signed-in callers. "
        "off: only administrators.",
    )
    suggestions: Literal["on", "off"] = Field(
        "off",
        description='on: errors about unknown names suggest known ones ("Did you mean …"). Meant '
        "for development.",
    )
    trusted_documents: Literal["off", "log", "enforce"] = Field(
        "off",
        description="enforce: run only documents of the manifest. log: run others too, but log "
        "and count them.",
    )
    trusted_documents_manifest: Path | None = Field(
        None,
        description="Path of the manifest: a JSON file as Relay, Apollo or GraphQL Codegen writes "
        "it.",
    )
    persisted_queries: Literal["on", "off"] = Field(
        "on",
        description=(
            "on: clients may register automatic persisted queries (APQ). Ignored unless "
            "TRUSTED_DOCUMENTS=off."
        ),
    )
    persisted_queries_max_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Maximum bytes of all registered queries in Redis."
    )

    # --- query execution
    planned_execution: Literal["on", "off"] = Field(
        "on",
        description="off: run every query with graphql-core, in case query plans are at fault.",
    )

    # --- cache
    cache: Literal["on", "off"] = Field("on", description="off: cache nothing.")
    cache_athletes_s: float = Field(
        600, ge=0, description="Seconds to cache athletes. 0: not at all."
    )
    cache_age_grades_s: float = Field(
        300, ge=0, description="Seconds to cache age grades. 0: not at all."
    )
    cache_activities_s: float = Field(
        60, ge=0, description="Seconds to cache lists of activities. 0: not at all."
    )
    cache_personal_bests_s: float = Field(
        300,
        ge=0,
        description="Seconds to cache personal bests and best efforts. 0: not at all.",
    )
    cache_memory_bytes: int = Field(
        8 * 1024 * 1024,
        ge=0,
        description="Bytes of cached answers each process keeps in memory, in addition to Redis. "
        "At most half of KEPT_MEMORY_BYTES.",
    )
    kept_memory_bytes: int = Field(
        48 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of all that an API process keeps to answer sooner: parsed documents, "
        "plans, SQL, answers about the schema and cached answers.",
    )

    # --- feature flags, and migration from the older service
    background_sync: Literal["on", "off"] = Field(
        "on",
        description="off: syncs wait until it is on again; none is lost. Default of the flag "
        "background-sync.",
    )
    rate_limiting: Literal["on", "off"] = Field(
        "on",
        description="off: limit neither the rate of requests nor concurrent operations. Default "
        "of the flag rate-limiting.",
    )
    feature_flags_refresh_s: float = Field(
        1,
        ge=0.1,
        le=60,
        description="Seconds between two reads of the feature flags in Redis.",
    )
    legacy: Literal["on", "off"] = Field(
        "on",
        description="off: the older service's REST routes answer 410 and its import names fail. "
        "Default of the flag legacy-rest.",
    )
    legacy_deprecated_on: date = Field(
        date(2026, 11, 23),
        description="Day since which the REST routes are deprecated, sent in the header "
        "`Deprecation`.",
    )
    legacy_sunset_on: date = Field(
        date(2027, 5, 31),
        description="Day after which `legacy/` may be removed, sent in the header `Sunset`.",
    )

    # --- GraphiQL, HTTP and CORS
    graphiql: Literal["on", "off"] = Field("on", description="on: serve GraphiQL at /graphiql.")
    http_query: Literal["on", "off"] = Field(
        "off",
        description="on: take queries by the method QUERY (RFC 10008), as POST but safe and "
        "cacheable as GET is. Proxies in front must pass it on.",
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description=(
            "Origins of other sites that may call the API with the browser's session, "
            "such as https://app.example, comma separated. * alone: any site, without the "
            "session."
        ),
    )

    # --- subscriptions
    subscriptions_per_connection: int = Field(
        50, ge=1, le=10_000, description="Maximum subscriptions of one WebSocket."
    )
    subscriptions_per_caller: int = Field(
        100,
        ge=1,
        le=100_000,
        description="Maximum subscriptions of one caller (if signed out, of one address), per "
        "process.",
    )
    connections_per_caller: int = Field(
        50,
        ge=1,
        le=100_000,
        description="Maximum WebSockets and event streams of one caller (if signed out, of one "
        "address), per process.",
    )
    connections_per_address: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Maximum connections of one address, plain ones and WebSockets together, per "
        "process. 0: 1,000, or four for each of CONNECTIONS_PER_CALLER if more. Never more than half of the "
        "process's file limit.",
    )
    unread_bytes_per_address: int = Field(
        16 * 1024 * 1024,
        ge=64 * 1024,
        le=100_000_000_000,
        description="Maximum bytes of responses that the clients of one address have not read, "
        "per process. Above it the connection is closed.",
    )
    subscription_idle_s: float = Field(
        300, gt=0, description="Seconds after which a WebSocket without an operation is closed."
    )
    subscription_lifetime_s: float = Field(
        86_400,
        gt=0,
        description="Seconds after which a WebSocket or event stream is closed. Clients then "
        "connect again.",
    )
    subscription_send_timeout_s: float = Field(
        30,
        gt=0,
        description="Seconds a client may take to read a message before its connection is closed.",
    )

    # --- logs
    log_level: LogLevel = Field("INFO", description="Lowest level that is logged.")
    log_levels: dict[str, LogLevel] = Field(
        {},
        description="Levels for single loggers and their children, such as "
        "pacegraph.request=WARNING,jobs=DEBUG.",
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="json: one object per line. text: for a terminal."
    )

    embedded_redis_bytes: int = Field(
        256 * 2**20,
        ge=16 * 2**20,
        description="Memory of the Redis that `pacegraph run` starts. Beyond it cached answers are "
        "dropped.",
    )
    local_log_bytes: int = Field(
        10_000_000,
        ge=10_000,
        description="Bytes of one log file of `pacegraph run`. A longer one is renamed.",
    )
    local_logs_kept: int = Field(
        5,
        ge=0,
        le=1000,
        description="Older log files that `pacegraph run` keeps of each child.",
    )

    # --- simulated Strava
    simulator_runs: Path | None = Field(
        None,
        description="File with the simulated athlete's runs, one JSON object per line. Default: "
        "the demo runs.",
    )
    simulator_athletes: int = Field(
        1,
        ge=1,
        le=100_000,
        description="Number of athletes in the simulated Strava. All but the first have synthetic "
        "runs.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in (
            "token_encryption_keys",
            "admin_athlete_ids",
            "trusted_proxies",
            "cors_origins",
        ):
            if isinstance(raw := values.get(name), str):
                values[name] = tuple(part.strip() for part in raw.split(",") if part.strip())
        if isinstance(raw := values.get("log_levels"), str):
            values["log_levels"] = dict(
                _level_of_logger(part.strip()) for part in raw.split(",") if part.strip()
            )
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
                    "TOKEN_ENCRYPTION_KEYS: each key must be 32 bytes in URL-safe base64, as "
                    "`pacegraph key` prints it"
                )
        return self

    @property
    def operations_at_once(self) -> int:
        """Operations of one caller that run at once."""
        if self.concurrent_operations is not None:
            return self.concurrent_operations
        return max(1, (self.database_pool_size + self.database_max_overflow) // 2)

    @property
    def url(self) -> str:
        """URL at which browsers reach the API, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"

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


class _LogForm(_TextSettings):
    log_format: str = ""


def wants_json_logs(env_file: str | None = ".env") -> bool:
    """Tell whether LOG_FORMAT=json is set explicitly. Errors in other settings do not matter."""
    return _LogForm(_env_file=env_file).log_format == "json"  # type: ignore[call-arg]


def child_environment(**values: str) -> dict[str, str]:
    """Make the environment of a child process: this one's, overridden by `values`."""
    return {**os.environ, **values}
