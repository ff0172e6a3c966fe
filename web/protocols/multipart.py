"""Answers in parts over HTTP: `multipart/mixed`, as the RFC "Incremental Delivery over HTTP" has it.

https://github.com/graphql/graphql-over-http/blob/main/rfcs/IncrementalDelivery.md
"""

import asyncio
import logging
from dataclasses import dataclass

from starlette.types import Receive, Send

from graph.delivery.writer import PartsForm
from graph.operation_request import OperationResult
from web.http.compression import PieceCompressor
from web.http.security_headers import Headers
from web.http.server_connection import cut
from web.limits.headers import rate_limit_headers
from web.protocols.operation_context import PartsUnderWay
from web.protocols.response import Exchange
from web.protocols.stream_end import (
    COMPLETE,
    TRY_AGAIN_LATER,
    ClientGone,
    StreamEnded,
)
from web.protocols.stream_tasks import StreamTasks

_TYPES = {
    PartsForm.BY_ID: b'multipart/mixed; boundary="-"; incrementalSpec=v0.2',
    PartsForm.BY_PATH: b'multipart/mixed; boundary="-"; deferSpec=20220824',
}
_BOUNDARY = b"\r\n---"
"""It follows each part at once: clients read a part when they see what ends it."""
_PART_HEAD = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class MultipartAnswer:
    """An answer with its first part. Its holder sends it, or closes `under_way`."""

    form: PartsForm
    first: OperationResult
    under_way: PartsUnderWay


class MultipartResponse:
    """The response with an answer in parts. `headers` are those that all responses have."""

    def __init__(
        self, exchange: Exchange, answer: MultipartAnswer, headers: Headers, timeout_s: float
    ) -> None:
        self._exchange, self._answer = exchange, answer
        self._timeout_s = timeout_s
        # only queries: the answer of a mutation may hold a new secret
        coding = exchange.coding.coding if answer.first.is_query else None
        self._compressor = PieceCompressor(coding) if coding is not None else None
        self._headers = [
            (b"content-type", _TYPES[answer.form]),
            *headers,
            (b"x-accel-buffering", b"no"),  # nginx would hold parts back
            *([(b"content-encoding", coding.encode())] if coding is not None else ()),
            *(rate_limit_headers(answer.first.budget) if answer.first.budget else ()),
        ]

    async def send(self, receive: Receive, send: Send) -> None:
        """Send all parts; end the operation if the client is gone before."""
        try:
            async with StreamTasks() as tasks:
                tasks.create_task(_listen(receive))
                await self._send_parts(send)
                raise StreamEnded(COMPLETE, "complete")
        except StreamEnded as ended:
            if ended.code != COMPLETE:
                self._exchange.fields.update(ended=ended.reason)
                cut(self._exchange.scope)
        except Exception:
            logger.exception("an answer in parts was not sent to its end")
            cut(self._exchange.scope)
        finally:
            await self._answer.under_way.close()

    async def _send_parts(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await self._write(send, b"%b%b" % (_BOUNDARY, _part(self._answer.first)))
        async for result in self._answer.under_way:
            await self._write(send, _part(result))
        await self._write(send, b"--\r\n", more=False)

    async def _write(self, send: Send, body: bytes, *, more: bool = True) -> None:
        """Wait while the client does not read. Raises StreamEnded."""
        if self._compressor is not None:
            body = await self._compressor.compress(body, is_last=not more)
        try:
            async with asyncio.timeout(self._timeout_s):
                await send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError as error:
            raise StreamEnded(TRY_AGAIN_LATER, "the client did not read a part in time") from error
        except OSError as error:
            raise ClientGone from error


def _part(result: OperationResult) -> bytes:
    return b"%b%b%b" % (_PART_HEAD, result.body, _BOUNDARY)


async def _listen(receive: Receive) -> None:
    """Wait until the client is gone. Always raises ClientGone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientGone
