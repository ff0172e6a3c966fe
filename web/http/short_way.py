"""The short way of answers at hand: without a task, a coroutine and ASGI.

A client sends most of its requests with the same head, byte for byte. What a head means is worked
out once, by the parser and the application, when it comes from an address for the second time. A
request that comes whole, in one piece, with such a head, on a connection where nothing else is under
way, is then asked of the application at once. All else goes the long way, as if nothing had been
asked.
"""

from collections.abc import Callable
from enum import Enum
from functools import partial
from time import monotonic
from typing import Any, NamedTuple, Protocol

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from runtime.bounded_map import LruMap, WeightedLru
from web.http.address_bounds import FREE_BYTES, LIKE_A_REQUEST
from web.http.bounded_protocol import BoundedHttp
from web.http.last_answer import DRAINING, make_last
from web.http.server_connection import DefaultFields

APP_KEY = "pacegraph.short_way"
"""Name of the application's short way in the state of its lifespan."""
HANDED_OVER = "pacegraph.handed_over"
"""Name, among a scope's extensions, of what the short way did before a request goes the long way."""
_HEAD_ENDS = b"\r\n\r\n"
_OK = STATUS_LINE[200]
_MOST_MISSES = 6
"""After so many requests in a row without an answer at hand, one in some sixty is asked about."""
_KEPT_BYTES = 1024 * 1024
_HEAD_BYTES = 1000
"""Approximate size of what is known of a head, beside its bytes, of which that has a part."""
_LONGEST_HEAD = 4096
_MOST_SEEN = 1000
_FIRST_REQUEST_S = 0.3
"""Seconds that a connection without a request stays open when the server stops."""

_default_fields = DefaultFields()


class ShortAnswer(NamedTuple):
    """A response of status 200: its own header fields, each with its line break, and its body.

    The body is in parts: long ones are not copied.
    """

    fields: bytes
    parts: list[bytes]


class KnownHead(Protocol):
    """What a head means to the application."""

    size: int
    """Bytes of the body that follows it."""


class Later(Enum):
    """The answer comes later, by a call."""

    LATER = "later"


class LongWay(NamedTuple):
    """The request goes the long way; its scope has what is `handed_over`."""

    handed_over: object


LATER = Later.LATER
Answered = Callable[[ShortAnswer | LongWay | None], None]


class ShortWay(Protocol):
    """What the application offers."""

    heads: "KnownHeads"

    def known_head(self, scope: Scope, size: int) -> KnownHead | None:
        """Work out the head of a request with a body of `size` bytes. None: it has no short way."""

    def begin(self, head: KnownHead, body: bytes, answered: Answered) -> ShortAnswer | Later | None:
        """Answer now, or call `answered` later, once. None, in either way: go the long way."""


class KnownHeads:
    """What heads mean that came again, by their bytes and the peer that sent them.

    A client's next connection begins with what its last one ended with, and its bodies have a few
    lengths in turn.
    """

    def __init__(self) -> None:
        self._known = WeightedLru[tuple[bytes, str], KnownHead | None](_KEPT_BYTES, _size)
        self._seen = LruMap[int, bool](_MOST_SEEN)
        """Hashes of those that came once."""

    def find(self, data: bytes, peer: str) -> tuple[bytes, KnownHead] | None:
        """Find the head that a request of a peer begins with. None: it is not known, or not whole."""
        head = data[: data.find(_HEAD_ENDS) + len(_HEAD_ENDS)]
        known = self._known.find((head, peer))
        return None if known is None else (head, known)

    def learn(
        self,
        head: bytes,
        peer: str,
        work_out: Callable[[], KnownHead | None],
        *,
        is_again: bool,
    ) -> KnownHead | None:
        """Work a head out when it comes for the second time. None: not now, or it has no short way.

        `is_again`: its connection had it before. More clients may come in turn than are kept here.
        """
        key = (head, peer)
        if key in self._known:
            return self._known.find(key)
        if not is_again and self._seen.pop(hash(key), None) is None:
            self._seen.keep(hash(key), True)
            return None
        known = work_out()
        self._known.keep(key, known)
        return known


def _size(key: tuple[bytes, str], _: KnownHead | None) -> int:
    return 2 * len(key[0]) + _HEAD_BYTES


class ShortWayHttp(BoundedHttp):
    """The server's protocol, with the short way."""

    _short_way: ShortWay | None = None
    _known_head: KnownHead | None = None
    _head = b""
    """The head before, known or not."""
    _waiting = b""
    """The request that waits for its answer."""
    _behind = b""
    """What came after it."""
    _answered_at = 0.0
    _misses = _skipped = 0
    """How many requests in a row had no answer at hand, and how many are not asked about now."""
    _is_ending = False
    _handed_over: object = None
    """What the scope of the next request has."""

    def data_received(self, data: bytes) -> None:
        if self._waiting:
            self._behind += data
            self.flow.pause_reading()
            return
        head = self._head_of(data)
        if head is not None and len(data) == len(self._head) + head.size:
            if self._skipped:
                self._skipped -= 1
            elif self._begin(head, data):
                return
        is_alone = len(data) <= FREE_BYTES and self._is_idle()
        super().data_received(data)
        if is_alone:
            self._learn(data)

    def _head_of(self, data: bytes) -> KnownHead | None:
        """Find what the head of a request means: the head before, mostly, or another known one."""
        if self._known_head is not None and data.startswith(self._head):
            return self._known_head
        short_way: ShortWay | None = self.app_state.get(APP_KEY)
        if short_way is None or len(data) > FREE_BYTES:
            return None
        found = short_way.heads.find(data, self._peer)
        if found is None:
            return None
        self._short_way = short_way
        self._head, self._known_head = found
        return self._known_head

    @property
    def _peer(self) -> str:
        """The address of the connection's other end; empty for a Unix socket."""
        return self.client[0] if self.client else ""

    def _begin(self, head: KnownHead, data: bytes) -> bool:
        """Answer by the short way; False where it has none."""
        assert self._short_way is not None
        if DRAINING in self.app_state or not self._is_idle():
            return False
        if not self._is_in_pace(len(data)):
            return False
        answer = self._short_way.begin(head, data[len(self._head) :], self._answer_later)
        if isinstance(answer, ShortAnswer):
            self._answer(answer)
            return True
        if answer is LATER:
            self._waiting = data
            self._forget_deadline()  # the head is here, if it is the first
            return True
        self._unpace(len(data))
        self._miss()
        return False

    def _miss(self) -> None:
        """Ask about fewer requests, the more of them had no answer at hand: to ask costs time."""
        self._misses = min(self._misses + 1, _MOST_MISSES)
        self._skipped = 2**self._misses - 2

    def _is_idle(self) -> bool:
        """Tell whether the parser is between requests, and nothing is under way or waits."""
        cycle, flow = self.cycle, self.flow
        if cycle is None:
            is_between = not self._head_bytes and self.headers is None
        else:
            is_between = cycle.response_complete and not cycle.more_body and cycle.keep_alive
        return (
            is_between
            and (cycle is None or self._deadline is None)
            and not self.pipeline
            and not self._unread
            and self._late_start is None
            and not flow.is_held
            and not flow.write_paused
            and not self.transport.is_closing()
        )

    def _is_in_pace(self, size: int) -> bool:
        """Count a request and its bytes, unless it has to wait."""
        pace = None if self._connection is None else self._connection.pace
        if pace is None or not pace.take(1 + size / LIKE_A_REQUEST, monotonic()):
            return True
        self._unpace(size)
        return False

    def _unpace(self, size: int) -> None:
        """Take back what was counted: the long way counts it."""
        if self._connection is not None and self._connection.pace is not None:
            self._connection.pace.take(-(1 + size / LIKE_A_REQUEST), monotonic())

    def _learn(self, data: bytes) -> None:
        """Remember the head of a request that came whole and alone; work it out if it comes again."""
        cycle, short_way = self.cycle, self.app_state.get(APP_KEY)
        if short_way is None or cycle is None or cycle.more_body or cycle.response_complete:
            return
        end = data.find(_HEAD_ENDS) + len(_HEAD_ENDS)
        if cycle.keep_alive and end <= _LONGEST_HEAD and cycle.body == data[end:]:
            head, before = data[:end], self._head
            work_out = partial(short_way.known_head, cycle.scope, len(cycle.body))
            self._short_way, self._head = short_way, head
            self._known_head = short_way.heads.learn(
                head, self._peer, work_out, is_again=head == before
            )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._handed_over is not None:
            self.scope["extensions"][HANDED_OVER] = self._handed_over  # type: ignore[assignment]
            self._handed_over = None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if DRAINING in self.app_state:
            make_last(cycle)
        super()._start_asgi_task(cycle, app)

    def _answer(self, answer: ShortAnswer) -> None:
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        self._misses = 0
        if self.timeout_keep_alive_task is None:
            self._begin_idleness()
        default = _default_fields.written(self.server_state.default_headers)
        self.transport.writelines([_OK, default, answer.fields, b"\r\n", *answer.parts])
        if self._is_ending:
            self.transport.close()

    def _answer_later(self, answer: ShortAnswer | LongWay | None) -> None:
        data, self._waiting = self._waiting, b""
        behind, self._behind = self._behind, b""
        if self.parser is None:
            return  # the connection is lost
        if isinstance(answer, ShortAnswer):
            self._answer(answer)
        else:
            self._unpace(len(data))
            self._miss()
            self._handed_over = None if answer is None else answer.handed_over
            super().data_received(data)
        if behind and not self.transport.is_closing():
            self.data_received(behind)
            self.flow.resume_reading()

    # --- the end

    def _begin_idleness(self) -> None:
        """Limit how long a connection is idle, on which nothing went the long way yet."""
        self._forget_deadline()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection. Short answers leave the timer as it is, so it may be early."""
        left_s = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if self._waiting or left_s > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                max(left_s, 0.1), self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        if self._waiting:
            self._is_ending = True
            return
        if self.cycle is None and not (self._answered_at or self._is_ending):
            # It is new, and a proxy's request may be on its way: that is answered, as the last.
            self._is_ending = True
            self.loop.call_later(_FIRST_REQUEST_S, self.shutdown)
            return
        if self._running is not None and not self._running.response_started:
            make_last(self._running)
        super().shutdown()

    def handle_websocket_upgrade(self) -> None:
        self._known_head = None
        super().handle_websocket_upgrade()
