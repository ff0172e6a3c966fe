"""Reads a request's body, within limits of size and time."""

from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from runtime.time_limit import TimeLimit
from web.errors import BadRequest, BodyTooLarge, BodyTooSlow


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int, limit: TimeLimit
) -> bytes:
    """Read the whole body. Raises BodyTooLarge, BodyTooSlow, BadRequest, ClientDisconnect."""
    announced = headers.get(b"content-length")
    if announced is not None:
        if not announced.isdigit():
            raise BadRequest("`Content-Length` must be a number.", "Content-Length")
        if int(announced) > max_bytes:
            raise BodyTooLarge(max_bytes)
    try:
        return await limit.run(_read(receive, max_bytes))
    except TimeoutError:
        raise BodyTooSlow(limit.seconds) from None


async def _read(receive: Receive, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        length += len(part)
        if length > max_bytes:
            raise BodyTooLarge(max_bytes)
        if not message.get("more_body"):
            return b"".join((*parts, part)) if parts else part
        parts.append(part)
