"""Where the processes listen, keep their data and find PostgreSQL and Redis, and their secrets."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from settings.part import SettingsPart
from settings.value_types import (
    DatabaseUrl,
    EncryptionKey,
    Folder,
    Parts,
    RedisUrl,
    SecretKey,
    WebUrl,
)


class ServiceSettings(SettingsPart):
    # --- addresses and folders
    pacegraph_home: Folder = Field(
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

    shutdown_delay_s: float = Field(
        0,
        ge=0,
        le=300,
        description="Seconds from a stop signal until the API closes connections. /readyz answers "
        "503 meanwhile, so that a proxy sends requests elsewhere: twice the time between its "
        "checks. 0: no proxy looks.",
    )
    shutdown_grace_s: int = Field(
        3,
        ge=0,
        le=300,
        description="Seconds that requests under way have to end, after SHUTDOWN_DELAY_S, before "
        "they are cut.",
    )

    keep_alive_s: int = Field(
        75,
        ge=1,
        le=3600,
        description="Seconds after which a connection without requests is closed. A proxy must "
        "give it up before, or a request meets the end of its connection.",
    )

    # --- PostgreSQL
    database_url: DatabaseUrl | None = Field(
        None,
        description="PostgreSQL, as postgresql://user:password@host/name. Unset: `pacegraph run` "
        "starts its own.",
    )
    database_pooler: Literal["none", "transaction"] = Field(
        "none",
        description="transaction: DATABASE_URL leads to PgBouncer or another pooler that gives "
        "each transaction any of its connections.",
    )
    database_direct_url: DatabaseUrl | None = Field(
        None,
        description="PostgreSQL past the pooler, for what needs a connection of its own: migrate, "
        "backup, restore, adopt.",
    )
    database_replica_urls: Parts[DatabaseUrl] = Field(
        (),
        description="Streaming replicas of DATABASE_URL, comma separated. Queries of viewers who "
        "have not written since what a replica shows are read there.",
    )
    database_replica_max_lag_s: float = Field(
        5,
        ge=0.2,
        le=3600,
        description="Seconds that a replica may be behind; then nobody reads it.",
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
        "of PostgreSQL. Jobs test one that was not used for a second.",
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

    database_failover_s: float = Field(
        0.6,
        ge=0.6,
        le=60,
        description="Seconds for which a request tries again while PostgreSQL is away. Set it to "
        "what a failover takes, so that queries wait for it instead of failing.",
    )

    # --- Redis
    redis_url: RedisUrl | None = Field(
        None,
        description="Redis or Valkey, as redis://host:6379/0, unix:///path, "
        "redis+sentinel://host:26379,host:26379/service/0, or redis+cluster://host:6379,host:6379. "
        "Unset: `pacegraph run` starts its own.",
    )

    # --- secrets
    secret_key: SecretKey | None = Field(
        None,
        description="Key that signs session cookies, at least 32 characters. Unset: `pacegraph "
        "run` keeps one in PACEGRAPH_HOME.",
    )
    token_encryption_keys: Parts[EncryptionKey] = Field(
        (),
        description=(
            "Fernet keys that encrypt stored Strava tokens, comma separated. The first "
            "encrypts, all decrypt. To rotate, put a new key first. Unset: `pacegraph "
            "run` keeps one in PACEGRAPH_HOME."
        ),
    )
