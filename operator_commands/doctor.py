"""`pacegraph doctor`: checks what pacegraph needs, and says what is wrong and what to do."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from operator_commands.checks import (
    migrations,
    originals,
    postgres,
    proxy,
    proxy_streams,
    redis,
    replicas,
    secret_key,
    strava_application,
    strava_quota,
    strava_webhook,
    token_encryption,
)
from operator_commands.checks.failure import CheckFailed
from operator_commands.checks.proxy import Proxy, ProxyCheck
from settings import InvalidSettings, Settings

T = TypeVar("T")

_CHECKS: list[tuple[str, Callable[[Settings], str]]] = [
    ("PostgreSQL", postgres.check),
    ("migrations", migrations.check),
    ("Redis", redis.check),
    ("secret key", secret_key.check),
    ("key ring", token_encryption.check),
    ("Strava", strava_application.check),
    ("Strava's quota", strava_quota.check),
    ("webhook", strava_webhook.check),
    ("originals", originals.check),
]


_THROUGH: list[tuple[str, ProxyCheck]] = [
    ("client's address", proxy.check_address),
    ("scheme and host", proxy.check_scheme_and_host),
    ("bodies", proxy.check_bodies),
    ("event streams", proxy_streams.check_events),
    ("WebSocket", proxy_streams.check_web_sockets),
    ("HTTP/2", proxy_streams.check_http2),
    ("metrics", proxy.check_metrics),
]


def diagnose(settings: Settings) -> int:
    """Print a line for each check; returns 1 if one failed, else 0."""
    print("OK       settings: all values are valid")
    with_replicas = [("replicas", replicas.check)] if settings.database_replica_urls else []
    return _report([*_CHECKS, *with_replicas], settings)


def diagnose_proxy(settings: Settings, url: str) -> int:
    """Do so for the proxy in front of the API at `url`."""
    return _report(_THROUGH, Proxy(url.rstrip("/"), settings))


def _report(checks: Sequence[tuple[str, Callable[[T], str]]], what: T) -> int:
    problems = 0
    for name, check in checks:
        try:
            print(f"OK       {name}: {check(what)}")
        except (CheckFailed, InvalidSettings) as failure:
            problems += 1
            print(f"PROBLEM  {name}: {failure}")
    return 1 if problems else 0
