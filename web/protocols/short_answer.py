"""Responses of the short way, each with its line of the log."""

import asyncio
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from flags.switches import Switches
from graph.at_hand import KnownQuery, ReadyAnswer
from graph.context import Caller, Client
from graph.cost.budget import BudgetState
from runtime import tracing
from web.auth.credential_cache import CredentialKey
from web.http.compression import LARGE_BYTES, MIN_BYTES, Coding, compress
from web.http.request_log import LinesOfAnswers, names_of, new_request_id
from web.http.request_trace import end_step, note_ended, told
from web.http.short_way import ShortAnswer
from web.limits.headers import rate_limit_headers

PATH = "/graphql"
_lines = LinesOfAnswers("POST", PATH)


@dataclass(frozen=True, slots=True)
class GraphQLHead:
    """What the head of a `POST /graphql` says; `begun` and `ended` are the answer's fields."""

    size: int
    address: str
    credential: CredentialKey | None
    coding: Coding | None
    client: Client
    begun: bytes
    ended: bytes


@dataclass(slots=True)
class ShortRequest:
    """A request on the short way. `step` is its step of a trace, where it is fetched."""

    head: GraphQLHead
    caller: Caller
    key: str
    switches: Switches
    query: KnownQuery
    started: float
    step: tracing.Span = tracing.NO_SPAN
    request_id: str = field(default_factory=new_request_id)

    def names(self) -> dict[str, Any]:
        """Make the fields that all its lines have."""
        return names_of(self.request_id, self.caller.viewer.athlete_id)


def written(request: ShortRequest, ready: ReadyAnswer) -> ShortAnswer:
    """Write the response, compressed if the client takes that and it pays."""
    coding, parts = request.head.coding, ready.parts
    if coding is None or sum(map(len, parts)) < MIN_BYTES:
        return _encoded(request, ready.budget, parts, None)
    body = compress(b"".join(parts), coding)
    return _encoded(request, ready.budget, [body], coding)


async def compressed(request: ShortRequest, ready: ReadyAnswer) -> ShortAnswer:
    """Write the response. A large one is compressed in a thread."""
    coding = request.head.coding
    if coding is None or not is_compressed_apart(request, ready):
        return written(request, ready)
    body = await asyncio.to_thread(compress, b"".join(ready.parts), coding)
    return _encoded(request, ready.budget, [body], coding)


def is_compressed_apart(request: ShortRequest, ready: ReadyAnswer) -> bool:
    """Tell whether a response is so long that a thread compresses it."""
    return request.head.coding is not None and sum(map(len, ready.parts)) >= LARGE_BYTES


def _encoded(
    request: ShortRequest, budget: BudgetState, parts: list[bytes], coding: Coding | None
) -> ShortAnswer:
    """Write the response of encoded parts, and the line of the log."""
    head, size = request.head, sum(map(len, parts))
    encoding = b"" if coding is None else b"content-encoding: %b\r\n" % coding.encode()
    limits, step, trace = rate_limit_headers(budget), request.step, b""
    if step is not tracing.NO_SPAN:
        trace = b"".join([b"%b: %b\r\n" % each for each in told(step)])
    fields = b"%b%bcontent-length: %d\r\n%b: %b\r\n%b: %b\r\nx-request-id: %b\r\n%b%b" % (
        head.begun,
        encoding,
        size,
        *limits[0],
        *limits[1],
        request.request_id.encode(),
        trace,
        head.ended,
    )
    seconds, name = perf_counter() - request.started, request.query.name
    if step is not tracing.NO_SPAN:
        end_step(step, 200, {"operation": name})
    elif request.query.plan is None:
        note_ended("POST", PATH, seconds, name)
    _lines.write(request.request_id, request.caller.viewer.athlete_id, name, seconds)
    return ShortAnswer(fields, parts)
