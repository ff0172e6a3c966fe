"""The short way of `POST /graphql`: requests that `graph/at_hand.py` answers.

Status, headers, limits, log line and counts are those of `web/protocols/graphql_over_http.py`,
which answers everything else: requests with cookies, ids of their own, streams, dry runs and
persisted documents, callers that have to be looked up, budgets without a lease, flags that differ
between callers, and what is refused.
"""

from collections.abc import Mapping
from functools import partial
from time import perf_counter

from starlette.types import Scope

from flags.switches import Switches
from graph.at_hand import KnownQuery
from graph.cache.data_versions import Versions
from graph.context import Caller
from graph.cost.charge import BYTES_PER_POINT
from runtime.bounded_map import WeightedLru
from web.auth.credential_cache import Credential, CredentialKey, CredentialKind
from web.client_name import client_of
from web.errors import HttpRefusal
from web.http.compression import LARGE_BYTES, coding_of
from web.http.header_fields import by_name
from web.http.media_type import acceptable, require_json
from web.http.short_way import (
    LATER,
    Answered,
    KnownHead,
    KnownHeads,
    Later,
    LongWay,
    ShortAnswer,
)
from web.limits.request_memory import FREE_BYTES, weight_of
from web.protocols import parameters
from web.protocols.handed_over import HandedOver
from web.protocols.operation_context import caller_key
from web.protocols.response import ResponseHead
from web.protocols.short_answer import PATH, GraphQLHead, ShortRequest, written
from web.protocols.short_fetch import LaterAnswers
from web.services import Services

_LONG_WAY_ONLY = frozenset(
    {
        b"cookie", b"x-request-id", b"traceparent", b"graphql-cost", b"graphql-explain", b"expect", b"transfer-encoding",
        b"upgrade", b"trailer",
    }
)  # fmt: skip
"""Fields of requests that have no short way."""
_COST_BYTES = 512
"""What is added to the data of an answer, at most: its cost."""
_KEPT_BYTES = 4 * 1024 * 1024
_QUERY_BYTES = 2500
"""Approximate size of a query that is kept, beside its body."""


class GraphQLShortWay:
    """`web.http.short_way.ShortWay` of the application."""

    def __init__(self, services: Services) -> None:
        self._services, self._answers = services, services.at_hand
        self.heads = KnownHeads()
        self._head = ResponseHead(services.settings, services.origins)
        self._most_bytes = services.settings.answer_max_bytes
        self._later = LaterAnswers(services)
        self._queries = WeightedLru[tuple[bytes, str], KnownQuery](_KEPT_BYTES, _size)

    def known_head(self, scope: Scope, size: int) -> GraphQLHead | None:
        """Read the head of a request with `size` bytes of body; None if it takes the long way."""
        headers = by_name(scope["headers"])
        if (
            scope["method"] != "POST"
            or scope["path"] != PATH
            or size >= BYTES_PER_POINT
            or not _LONG_WAY_ONLY.isdisjoint(headers)
        ):
            return None
        try:
            accepts = acceptable(headers.get(b"accept"))
            coding = coding_of(headers.get(b"accept-encoding"))
            require_json(headers.get(b"content-type"), headers.get(b"content-encoding"))
        except HttpRefusal:
            return None
        fields = self._head.known_fields(headers, accepts.json or b"")
        if accepts.json is None or accepts.streams or coding.is_required or fields is None:
            return None
        return GraphQLHead(
            size,
            self._services.addresses.of(scope),
            _credential_of(headers),
            coding.coding,
            client_of(headers),
            *fields,
        )

    def begin(self, head: KnownHead, body: bytes, answered: Answered) -> ShortAnswer | Later | None:
        """Answer a request, or do so later by `answered`. None: it takes the long way."""
        assert isinstance(head, GraphQLHead)
        started, services = perf_counter(), self._services
        switches = services.flags.everybody
        if switches is None:
            return None
        caller = services.identity.known_caller(head.credential, switches)
        if caller is None:
            return None
        key = caller_key(caller, head.address)
        query = self._query(body, key, caller, switches)
        if query is None:
            return None
        request = ShortRequest(head, caller, key, switches, query, started)
        if query.plan is not None:
            return self._later.begin_fetch(request, answered)
        if query.subjects:
            self._answers.read_versions(query, partial(self._go_on, request, answered))
            return LATER
        return self._finish(request, {}, answered)

    def _query(
        self, body: bytes, key: str, caller: Caller, switches: Switches
    ) -> KnownQuery | None:
        """Get the query of a body: worked out once for each caller, while nothing changes."""
        known = self._queries.find((body, key))
        if known is not None and self._answers.is_current(known, caller, switches):
            return known
        if weight_of(body) > FREE_BYTES:
            return None
        try:
            asked = parameters.from_body(body)
            text = None if "extensions" in asked else self._services.persisted.text_of_now(asked)
        except HttpRefusal:
            return None
        if text is None or not asked.get("query"):
            return None
        found = self._answers.query(
            caller, switches, text, asked.get("variables") or {}, asked.get("operationName") or None
        )
        if found is not None and not self._services.persisted.has_manifest:
            self._queries.keep((body, key), found)
        return found

    def _go_on(self, request: ShortRequest, answered: Answered, versions: Versions | None) -> None:
        answer: ShortAnswer | Later | None = None
        try:
            if versions is not None:
                answer = self._finish(request, versions, answered)
        finally:
            if answer is not LATER:
                answered(answer)

    def _finish(
        self, request: ShortRequest, versions: Versions, answered: Answered
    ) -> ShortAnswer | Later | None:
        """Answer with what is at hand, now or when it is the caller's turn. None: nothing was counted.

        The caller's slot is taken for the answer only: to wait for versions takes nothing of
        others.
        """
        queue, key = self._services.limits.fair_queue, request.key
        if not queue.try_acquire(key):
            # The long way would wait, too, then take a slot for longer, and the next would wait for that.
            return self._later.by_task(self._in_turn(request, versions), answered)
        try:
            return self._counted(request, versions)
        finally:
            queue.release(key)

    async def _in_turn(self, request: ShortRequest, versions: Versions) -> ShortAnswer | LongWay:
        """Wait for one of the caller's slots, and answer with what is at hand then."""
        handed = HandedOver()
        if not await self._later.has_turn(request, handed):
            return LongWay(handed)
        try:
            return self._counted(request, versions) or LongWay(handed)
        finally:
            self._services.limits.fair_queue.release(request.key)

    def _counted(self, request: ShortRequest, versions: Versions) -> ShortAnswer | None:
        head, switches = request.head, request.switches
        requests = self._services.limits.requests
        if switches.rate_limiting and not requests.admit_now(head.address):
            return None
        # the executor refuses what is longer
        most_bytes = self._most_bytes - _COST_BYTES
        if head.coding is not None:
            most_bytes = min(most_bytes, LARGE_BYTES - _COST_BYTES)
        ready = self._answers.answer(
            request.query, versions, self._later.budget(request), head.client, most_bytes
        )
        if ready is not None:
            return written(request, ready)
        if switches.rate_limiting:
            requests.give_back(head.address)
        return None


def _credential_of(headers: Mapping[bytes, bytes]) -> CredentialKey | None:
    """Get the key of a token's caller; an empty `Authorization` is none."""
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    if not authorization.strip():
        return None
    return Credential(CredentialKind.TOKEN, authorization).key


def _size(key: tuple[bytes, str], _: KnownQuery) -> int:
    return 2 * len(key[0]) + _QUERY_BYTES
