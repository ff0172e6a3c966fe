"""Idempotency keys: a mutation repeated with its key has no second effect."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol, Self

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.statements.jobs import idempotency_key as keys
from graph.context import Context
from graph.input_checks import checked_text
from graph.types.enums import UserErrorCode
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock

FIELD = "input.idempotencyKey"


class KeyedInput(Protocol):
    """The input of a mutation that takes a key."""

    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key that a request was sent with. Use it in the transaction of the mutation."""

    _parameters: Mapping[str, Any]
    _lifetime_s: float

    @classmethod
    def from_input(cls, context: Context, mutation: str, wanted: KeyedInput) -> Self | None:
        """Get the key of `mutation`'s input, None without one. Raises CallerError."""
        key = checked_text(wanted.idempotency_key, FIELD, min_length=1, max_length=200)
        if key is None:
            return None
        rules = context.write_rules()
        parameters = {
            "key_caller": rules.sender,
            "idempotency_key": key,
            "request_fingerprint": _fingerprint(mutation, wanted),
        }
        return cls(parameters, rules.idempotency_key_lifetime_s)

    async def take(self, connection: AsyncConnection) -> RowMapping | None:
        """Take the key; returns `job_id` and `result_id` of what it made before, or None.

        Waits for an equal request under way. Raises MutationRefused where another request used it.
        """
        mine = {name: self._parameters[name] for name in ("key_caller", "idempotency_key")}
        await connection.execute(keys.delete_if_expired(), mine | {"lifetime_s": self._lifetime_s})
        with waiting_for_lock():
            taken = await connection.execute(keys.take(), self._parameters)
        if taken.first() is not None:
            return None
        found = (await connection.execute(keys.find(), mine)).mappings().first()
        if found is None:
            message = "Another request with this key has just ended. Try again."
            raise MutationRefused(UserErrorCode.CONFLICT, message, FIELD)
        if found["fingerprint"] not in {None, self._parameters["request_fingerprint"]}:
            message = (
                "This key was used for another request. Use a new key, or repeat the request "
                "unchanged."
            )
            raise MutationRefused(UserErrorCode.CONFLICT, message, FIELD)
        return found

    async def record(
        self,
        connection: AsyncConnection,
        *,
        job_id: int | None = None,
        result_id: int | None = None,
    ) -> None:
        """Record what the mutation made."""
        mine = {name: self._parameters[name] for name in ("key_caller", "idempotency_key")}
        made = {"made_job_id": job_id, "made_id": result_id}
        await connection.execute(keys.record(), mine | made)


def _fingerprint(mutation: str, wanted: KeyedInput) -> bytes:
    # Without what was not given, so that a field which a new version adds changes nothing.
    given = {
        name: value
        for name, value in vars(wanted).items()
        if value is not None and name != "idempotency_key"
    }
    return sha256(json.dumps([mutation, given], sort_keys=True, default=str).encode()).digest()
