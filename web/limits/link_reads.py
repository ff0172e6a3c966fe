"""What requests with a link pay for the row that they read. The link is their permission.

Uploads, archives and originals have links. Nobody signs in there, so the account pays whose data it
is. It pays before the row is read, unless this process does not know yet whose it is: then it pays
afterwards, and for links that anybody can make up the address pays before. An address that asks for
many links that are none waits, as one that sends many unknown tokens does.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, TypeVar

from starlette.types import Scope

from flags import targeting
from flags.flags import Flags
from graph.cost.budget import Budget, BudgetExhausted
from graph.cost.charge import read_cost, unpacking_cost
from runtime.bounded_map import LruMap
from web.errors import HttpRefusal
from web.http.client_address import ClientAddresses
from web.limits.cost_budget import Budgets
from web.limits.headers import rate_limit_headers
from web.limits.look_up_turns import LookUpTurns
from web.switches import switches_at

_MOST_KNOWN = 10_000


class TooManyReads(HttpRefusal):
    """The budget does not cover the request."""

    status = 429

    def __init__(self, error: BudgetExhausted) -> None:
        fields = {name.decode(): told.decode() for name, told in rate_limit_headers(error.state)}
        headers = {"retry-after": str(error.retry_after_s), **fields}
        super().__init__(error.message, headers=headers)
        self.code = error.code


class LinkedRow(Protocol):
    """A row that a link names: whose it is, and their account, if they have one."""

    @property
    def athlete_id(self) -> int: ...

    @property
    def account_id(self) -> int | None: ...


Row = TypeVar("Row", bound=LinkedRow)


@dataclass(frozen=True, slots=True)
class _Payer:
    athlete_id: int
    account_id: int | None


@dataclass(slots=True)
class PaidRead:
    """What was paid for a request. `unpacked` bytes of the file are paid, too."""

    budget: Budget
    points: int
    is_taken: bool
    unpacked: int = 0

    def give_back(self) -> None:
        """Return it: the request was worth more than it cost."""
        if self.is_taken:
            self.budget.refund(self.points)

    def pay_for_unpacked(self, size: int) -> None:
        """Take in addition what unpacking `size` more bytes took, as a debt if the budget has less."""
        paid = unpacking_cost(self.budget, self.unpacked)
        self.unpacked += size
        points = unpacking_cost(self.budget, self.unpacked) - paid
        if self.is_taken and points:
            self.budget.refund(-points)


class LinkReads:
    """The payers of one process."""

    def __init__(
        self, budgets: Budgets, flags: Flags, addresses: ClientAddresses, look_ups: LookUpTurns
    ) -> None:
        self._budgets, self._flags = budgets, flags
        self._addresses, self._look_ups = addresses, look_ups
        self._payers = LruMap[tuple[str, str], _Payer](_MOST_KNOWN)

    async def paid(
        self,
        link: tuple[str, str],
        scope: Scope,
        read: Callable[[], Awaitable[Row]],
        *,
        is_signed: bool,
    ) -> tuple[Row, PaidRead]:
        """Get the row of a link (its kind and token), paid, in a turn of the address.

        Nobody makes up a link that `is_signed`. Raises TooManyReads, and what `read` and turns raise.
        """
        payer, address = self._payers.find(link), self._addresses.of(scope)
        if payer is None:
            self._look_ups.admit(scope)
        paid = None if payer is None and is_signed else await self._charge(payer, address)
        async with self._look_ups.taken(scope):
            row = await self._found(read, scope)
        self._payers.keep(link, payer := _Payer(row.athlete_id, row.account_id))
        return row, paid or await self._charge(payer, address)

    async def _found(self, read: Callable[[], Awaitable[Row]], scope: Scope) -> Row:
        try:
            return await read()
        except HttpRefusal as error:
            if error.status == HTTPStatus.NOT_FOUND:
                self._look_ups.count_unknown(scope)
            raise

    async def _charge(self, payer: _Payer | None, address: str) -> PaidRead:
        """Charge an account or, if there is none, an address. Raises TooManyReads."""
        account_id = None if payer is None else payer.account_id
        if payer is None or account_id is None:
            switches = switches_at(self._flags, address)
        else:
            switches = self._flags.everybody or self._flags.of(
                targeting.of_athlete(payer.athlete_id)
            )
        budget = self._budgets.of(account_id, address, is_enforced=switches.cost_limiting)
        points = read_cost(budget)
        try:
            state = await budget.charge(points)
        except BudgetExhausted as error:
            raise TooManyReads(error) from None
        return PaidRead(budget, points, is_taken=not state.retry_after_s)
