"""How much callers may ask: the cost of operations, requests, and sign-ins."""

from typing import Literal

from pydantic import Field, IPvAnyNetwork, PositiveFloat

from settings.part import SettingsPart
from settings.value_types import Amount, Parts


class LimitSettings(SettingsPart):
    # --- cost of operations
    cost_limit: Amount = Field(
        5000,
        description="Maximum cost of one operation: roughly the number of objects it may return.",
    )
    cost_bucket_user: Amount = Field(20_000, description="Size of an account's cost budget.")
    cost_refill_user_per_s: PositiveFloat = Field(
        400, description="Points an account's cost budget regains per second."
    )
    cost_bucket_ip: Amount = Field(
        2000,
        description="Size of the cost budget that all signed-out callers of one address share.",
    )
    cost_refill_ip_per_s: PositiveFloat = Field(
        100,
        description="Points such a budget regains per second: ten queries of one object, 4 ms of CPU.",
    )
    cost_per_database_ms: float = Field(
        25,
        ge=0,
        le=1_000_000,
        description="Points that a millisecond in the database, or of the API's CPU for plans and "
        "long answers, costs as far as it is more than an operation's objects cost. 0: time costs "
        "nothing.",
    )
    database_time_user_ms: Amount = Field(
        5000,
        description="Milliseconds that an account's operations may work in the database in a "
        "burst. More becomes a debt, and operations are refused until it is paid.",
    )
    database_time_refill_user_ms_per_s: PositiveFloat = Field(
        100, description="Milliseconds of it that an account regains per second."
    )
    database_time_ip_ms: Amount = Field(
        500,
        description="The same for all signed-out callers of one address.",
    )
    database_time_refill_ip_ms_per_s: PositiveFloat = Field(
        10, description="Milliseconds of it that an address regains per second."
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
    request_bucket_ip: Amount = Field(
        3000,
        description="Requests an address may send in a burst, signed in or not.",
    )
    request_refill_ip_per_s: PositiveFloat = Field(
        1000, description="Requests an address may send per second in the long run."
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
        description="Seconds a request may wait before it is refused (429), its caller's look-up (503) included.",
    )
    operation_timeout_s: float = Field(
        30,
        gt=0,
        le=3600,
        description="Seconds an operation may take. Then it ends with TIMEOUT, and its SQL is "
        "cancelled.",
    )
    answer_max_bytes: int = Field(
        12 * 1024 * 1024,
        ge=64 * 1024,
        le=1_000_000_000,
        description="Maximum bytes of an operation's answer. Keep it below "
        "UNREAD_BYTES_PER_ADDRESS, else a larger one ends its connection.",
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
    sign_in_refill_ip_per_s: PositiveFloat = Field(
        2, description="Failed sign-ins an address may have per second in the long run."
    )
    trusted_proxies: Parts[IPvAnyNetwork] = Field(
        (),
        description=(
            "Addresses or networks of your reverse proxies, comma separated. Only they "
            "may set X-Forwarded-For and X-Forwarded-Proto."
        ),
    )
