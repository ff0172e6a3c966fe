"""Answers that arrive, but late, slowly, in part, or far too large."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_simulator.faults import FaultKind, InjectedFault

_PIECE = b" " * 1_000_000
_WHOLE: dict[FaultKind, Callable[[bytes], bytes]] = {
    "late": lambda body: body,
    "cut": lambda body: body[: len(body) // 2],
    "cut_gzip": lambda body: (packed := gzip.compress(body))[: len(packed) // 2],
    "empty_object": lambda _: b"{}",
    "empty_list": lambda _: b"[]",
    "empty_body": lambda _: b"",
    "other_object": lambda _: b'{"status": "ok"}',
    "other_list": lambda _: b'[{"status": "ok"}]',
}
SPOILED: frozenset[FaultKind] = frozenset({*_WHOLE, "drip", "huge", "huge_gzip"})
"""The kinds that `answer_spoiled` serves: the request is carried out, and its answer spoiled."""


async def answer_spoiled(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, fault: InjectedFault
) -> None:
    """Have `app` carry out the request, and spoil its answer as `fault` says."""
    status, headers, body = await _answer_of(app, scope, receive)
    if fault.kind == "late":
        await asyncio.sleep(fault.delay_s)
    encoding = [(b"content-encoding", b"gzip")] if fault.kind.endswith("gzip") else []
    kept = [(name, value) for name, value in headers if name != b"content-length"]
    start = {"type": "http.response.start", "status": status, "headers": [*kept, *encoding]}
    await send(start)
    async for piece in _pieces(fault, body):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _pieces(fault: InjectedFault, body: bytes) -> AsyncIterator[bytes]:
    if fault.kind == "drip":
        for number in range(len(body)):
            yield body[number : number + 1]
            await asyncio.sleep(fault.delay_s)
    elif fault.kind in _WHOLE:
        yield _WHOLE[fault.kind](body)
    else:
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        pack = packer.compress if fault.kind == "huge_gzip" else bytes
        for _ in range(fault.size_bytes // len(_PIECE) + 1):
            yield pack(_PIECE)
        if fault.kind == "huge_gzip":
            yield packer.flush()


async def _answer_of(
    app: ASGIApp, scope: Scope, receive: Receive
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    started: list[Any] = []
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    return started[0]["status"], list(started[0]["headers"]), bytes(body)
