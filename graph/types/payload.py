"""Expected failures of mutations: data, not errors."""

import re
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

import strawberry

from graph.cost.directives import sized
from graph.errors import CallerError, SeveralProblems
from graph.types.enums import UserErrorCode
from runtime.error_links import ERROR_LINKS
from runtime.errors import PacegraphError

_PLACE = re.compile(r"[^.\[\]]+")
CODE_PAGE = "Address of the page of `code`: cause and remedy. Null if the server has no such pages."
PayloadType = TypeVar("PayloadType", bound="Payload")


@strawberry.type(description="Why a mutation was refused.")
class UserError:
    """An expected failure."""

    field: list[str] | None = strawberry.field(
        description="Path of the value at fault, from `input` on; a place in a list is a number "
        "from 0. `message` names it without `input`: `files[0].name`. Null if none is at fault."
    )
    code: UserErrorCode = strawberry.field(description="Stable code for programs.")
    message: str = strawberry.field(description="Message for people: what is wrong and what to do.")
    retry_at: datetime | None = strawberry.field(
        default=None, description="Time to try again. Null if waiting does not help."
    )
    documentation: str | None = strawberry.field(default=None, description=CODE_PAGE)


@strawberry.type
class Payload:
    """Base of the payloads of all mutations."""

    user_errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="Why the mutation was refused. Empty if it succeeded.",
        directives=[sized(1)],
    )


def idempotency_key(effect: str = "returns the same job") -> Any:
    """Declare the input field of that name; `effect` is what the same key does again."""
    return strawberry.field(
        default=None,
        description="Any text of at most 200 characters. Repeating the mutation with the same key "
        f"within 24 hours (a setting of the server) {effect}. The same key with other input is "
        "refused.",
    )


class MutationRefused(PacegraphError):
    """A mutation was refused.

    `field` is the place of the value at fault, as in `CallerError`; None if no input is at fault.
    `retry_at` is when to try again, None if waiting does not help.
    """

    def __init__(
        self,
        code: UserErrorCode,
        message: str,
        field: str | None = None,
        *,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field
        self.retry_at = retry_at


async def answer_refusals(
    payload: type[PayloadType], command: Awaitable[PayloadType]
) -> PayloadType:
    """Await a command, and turn a refusal into its payload with defaults."""
    try:
        return await command
    except MutationRefused as refused:
        return payload(user_errors=[_user_error(refused.code, refused)])
    except SeveralProblems as several:
        return payload(
            user_errors=[_user_error(UserErrorCode.INVALID, each) for each in several.each]
        )
    except CallerError as problem:
        # No name here may keep it: its traceback has this frame, so both would stay.
        return payload(user_errors=[_user_error(UserErrorCode.INVALID, problem)])


def _user_error(code: UserErrorCode, error: Any) -> UserError:
    return UserError(
        field=_PLACE.findall(error.field) if error.field else None,
        code=code,
        message=error.message.replace("`input.", "`"),  # a person reads it
        retry_at=getattr(error, "retry_at", None),
        documentation=ERROR_LINKS.address(code.value),
    )
