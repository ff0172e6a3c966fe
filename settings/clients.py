"""How browsers and streaming clients are served."""

from typing import Literal

from pydantic import Field

from settings.part import SettingsPart
from settings.value_types import Parts, WebUrl


class ClientSettings(SettingsPart):
    """Pages for browsers, other origins, and what one client may have open."""

    # --- GraphiQL, HTTP and CORS
    example_app: Literal["on", "off"] = Field(
        "on", description="on: serve the example app (examples/web) at / and its pages."
    )
    graphiql: Literal["on", "off"] = Field("on", description="on: serve GraphiQL at /graphiql.")
    docs_url: WebUrl | None = Field(
        None,
        description="URL of the documentation as a site (`make docs`), whose page of errors each "
        "error then links. Unset: the API's own pages at /errors.",
    )
    http_query: Literal["on", "off"] = Field(
        "off",
        description="on: take queries by the method QUERY (RFC 10008), as POST but safe and "
        "cacheable as GET is. Proxies in front must pass it on.",
    )
    cors_origins: Parts[str] = Field(
        (),
        description=(
            "Origins of other sites that may call the API with the browser's session, "
            "such as https://app.example, comma separated. * alone: any site, without the "
            "session. Signing in may lead back to them."
        ),
    )

    # --- subscriptions
    subscriptions_per_connection: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Maximum subscriptions of one WebSocket, or of one event stream that has several. "
        "It may run as many queries and mutations beside them.",
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
        "process. 0: 1,000, or four for each of CONNECTIONS_PER_CALLER if more. Never more than "
        "half of the process's file limit.",
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
        description="Seconds a client may take to read a message or an answer, or to answer a "
        "WebSocket's ping, before its connection is closed.",
    )
