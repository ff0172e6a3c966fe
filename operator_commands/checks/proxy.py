"""What the proxy in front of the API does with requests: asked at the address that clients use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx

from operator_commands.checks.failure import CheckFailed, first_line, require
from settings import Settings
from web.auth.signed_links import SignedLinks
from web.routes.seen import PATH, PURPOSE

PATIENCE_S = 10.0
_LIFETIME = timedelta(minutes=5)
_FORGED = "203.0.113.77"
_HTTPS = "https"
_SEEN = ("peer", "port", "isTrusted", "address", "scheme", "host", "isForwarded", "bodyMaxBytes")
_OWN = "own_address"
"""Name of this side's address and port among the extensions of an answer."""


@dataclass(frozen=True)
class Proxy:
    """The address of a proxy, and what the API behind it sees of a request through it."""

    url: str
    settings: Settings

    @cached_property
    def seen(self) -> dict[str, Any]:
        """Ask the API. Raises CheckFailed."""
        require(self.settings, "secret_key", "It has to be the API's")
        token = SignedLinks.from_settings(self.settings, PURPOSE).token(
            1, datetime.now(UTC) + _LIFETIME
        )
        answer = self.ask("GET", f"{PATH}/{token}", headers={"X-Forwarded-For": _FORGED})
        own = answer.extensions.get(_OWN, ("", 0))
        if not answer.is_success:
            raise CheckFailed(
                f"{self.url}{PATH}/… answers {answer.status_code}. Pass all paths on to the API, "
                "which needs the same SECRET_KEY as this command, and its clock"
            )
        try:
            told = answer.json()
            found: dict[str, Any] = {name: told[name] for name in _SEEN}
        except (KeyError, TypeError, ValueError):
            raise CheckFailed(
                f"{self.url}{PATH}/… is not answered by the API. Pass all paths on to it"
            ) from None
        return found | {"isDirect": (found["peer"], found["port"]) == tuple(own[:2])}

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Make a request. Raises CheckFailed where there is no answer."""
        try:
            with httpx.stream(method, self.url + path, timeout=PATIENCE_S, **arguments) as answer:
                stream = answer.extensions["network_stream"]
                answer.extensions[_OWN] = stream.get_extra_info("client_addr")
                answer.read()
                return answer
        except httpx.HTTPError as error:
            reason = first_line(error)
            raise CheckFailed(f"{method} {self.url}{path}: no answer ({reason})") from None

    @property
    def is_secure(self) -> bool:
        return urlsplit(self.url).scheme == _HTTPS


def check_address(proxy: Proxy) -> str:
    """Whether the API counts each client for itself. Raises CheckFailed."""
    seen = proxy.seen
    if seen["isDirect"] and seen["address"] == seen["peer"]:
        return f"this machine is {seen['address']}, with nothing in front of the API"
    if seen["address"] == _FORGED:
        raise CheckFailed(
            "the API believes what a client writes into X-Forwarded-For. Let the proxy replace it "
            "by the client's address, and name no more than the proxy in TRUSTED_PROXIES"
        )
    if not seen["isTrusted"]:
        raise CheckFailed(
            f"all clients seem to be {seen['peer']}. Name that proxy in TRUSTED_PROXIES, and let "
            "it set X-Forwarded-For to the client's address"
        )
    if not seen["isForwarded"]:
        raise CheckFailed(
            f"all clients seem to be {seen['peer']}. Let that proxy set X-Forwarded-For to the "
            "client's address"
        )
    return f"this machine is {seen['address']}, through {seen['peer']}"


def check_scheme_and_host(proxy: Proxy) -> str:
    """Whether the API knows how clients reach it. Raises CheckFailed."""
    seen, parts = proxy.seen, urlsplit(proxy.url)
    if seen["scheme"] != parts.scheme:
        raise CheckFailed(
            f"the API takes {parts.scheme} for {seen['scheme']}. Let the proxy set "
            "X-Forwarded-Proto, and name it in TRUSTED_PROXIES"
        )
    if seen["host"].lower() != parts.netloc.rpartition("@")[2].lower():
        raise CheckFailed(
            f"the API gets the host {seen['host']}, not {parts.netloc}. Let the proxy pass Host on"
        )
    public = proxy.settings.public_url
    if public is not None and urlsplit(public)[:2] != parts[:2]:
        raise CheckFailed(
            f"PUBLIC_URL is {public}. Set it to {proxy.url}, where browsers come from"
        )
    return f"{seen['scheme']}://{seen['host']}"


def check_bodies(proxy: Proxy) -> str:
    """Whether bodies pass up to the API's limit, and larger ones only where files go.

    Raises CheckFailed.
    """
    most: int = proxy.seen["bodyMaxBytes"]
    query = b'{"query": "{ __typename }"}'
    json = {"content-type": "application/json"}
    whole = proxy.ask("POST", "/graphql", content=query.ljust(most), headers=json)
    if not whole.is_success:
        raise CheckFailed(
            f"a body of {most} bytes (BODY_MAX_BYTES) is answered {whole.status_code}. Raise the "
            "proxy's limit"
        )
    long = proxy.ask("POST", "/graphql", content=query.ljust(most + 1), headers=json)
    if long.status_code != httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        raise CheckFailed(
            f"a body of {most + 1} bytes is answered {long.status_code}, not 413: the proxy takes "
            "the API's answer away, or ends the connection"
        )
    upload = proxy.ask("PUT", "/uploads/unknown", content=bytes(most + 1))
    if upload.status_code != httpx.codes.NOT_FOUND:
        raise CheckFailed(
            f"a file of {most + 1} bytes for /uploads is answered {upload.status_code} before the "
            "API. Bound no bodies of /uploads"
        )
    return f"up to {most} bytes, and files"


def check_metrics(proxy: Proxy) -> str:
    """Whether figures of the server are kept from its clients. Raises CheckFailed."""
    if proxy.ask("GET", "/metrics").is_success:
        raise CheckFailed(
            "anybody may read /metrics. Answer 404 for it, or set METRICS_TOKEN"
        )  # fmt: skip
    return "kept from clients"


ProxyCheck = Callable[[Proxy], str]
