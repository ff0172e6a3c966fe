"""Expected failures of mutations: data, not errors."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import strawberry

from db.errors import PacegraphError
from graph.cost_directives import sized
from graph.errors import CallerError
from graph.types.enums import UserErrorCode

P = ParamSpec("P")
PayloadType = TypeVar("PayloadType", bound="Payload")


@strawberry.type(description="Why a mutation did not do what was asked.")
class UserError:
    """An expected failure."""

    field: list[str] | None = strawberry.field(description="Path of the input at fault; null where none is.")
    code: UserErrorCode = strawberry.field(description="Stable, for programs.")
    message: str = strawberry.field(description="What is wrong and what helps, for people.")


@strawberry.type
class Payload:
    """What every mutation answers with."""

    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why it was not done; empty when it was.", directives=[sized(1)]
    )


class Refused(PacegraphError):  # noqa: N818 - the name says what is the case
    """A mutation is not done. `field` is an input's path with dots, None where no input is at fault."""

    def __init__(self, code: UserErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


def refusable(
    payload: type[PayloadType],
) -> Callable[[Callable[P, Awaitable[PayloadType]]], Callable[P, Awaitable[PayloadType]]]:
    """Turn the refusals of a mutation into its payload, whose other fields then have their defaults."""

    def decorate(resolve: Callable[P, Awaitable[PayloadType]]) -> Callable[P, Awaitable[PayloadType]]:
        @wraps(resolve)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> PayloadType:
            try:
                return await resolve(*args, **kwargs)
            except Refused as refused:
                return payload(user_errors=[_user_error(refused.code, refused)])
            except CallerError as error:
                return payload(user_errors=[_user_error(UserErrorCode.INVALID, error)])

        return wrapper

    return decorate


def _user_error(code: UserErrorCode, error: Any) -> UserError:
    return UserError(field=error.field.split(".") if error.field else None, code=code, message=error.message)
