"""Errors of the routes, with `errors` as in GraphQL and `detail` as the older service had it.

web.errors.HttpRefusal
└── RestRefusal          with a status and code of its own
    ├── NotThere             404 NOT_FOUND: absent, or not visible to the caller
    ├── InvalidParameters    422 BAD_USER_INPUT, OUT_OF_RANGE; `detail` is FastAPI's list
    └── SwitchedOff          410 LEGACY_REST_OFF: the flag legacy-rest is off
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from graph.errors import CallerError
from graph.operation_request import OperationResult
from runtime.error_links import ERROR_LINKS
from web.errors import HttpRefusal

STATUS_OF_CODE = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "INTROSPECTION_DISABLED": 403,
    "UNTRUSTED_DOCUMENT": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "NOT_CONNECTED": 400,
    "COST_LIMIT_EXCEEDED": 400,
    "INVALID": 422,
    "INVALID_ID": 422,
    "INVALID_CURSOR": 422,
    "OUT_OF_RANGE": 422,
    "BAD_USER_INPUT": 422,
    "RATE_LIMITED": 429,
    "TOO_MANY_OPERATIONS": 429,
    "DATABASE_BUSY": 503,
    "DATABASE_UNAVAILABLE": 503,
    "TIMEOUT": 503,
    "TOO_BUSY": 503,
    "INTERNAL": 500,
}
_OUT_OF_RANGE = frozenset(
    {
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "string_too_long",
        "string_too_short",
        "too_long",
    }
)
_LONGEST_MESSAGE = 300
_UNPROCESSABLE = 422


class RestRefusal(HttpRefusal):
    """A refused request."""

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, field, headers)
        self.code, self.status, self.more = code, STATUS_OF_CODE.get(code, 400), more or {}

    @property
    def body(self) -> bytes:
        detail = _detail(self.status, self.message, self.field)
        return problems([(self.code, self.message, self.field)], detail, self.more)


class NotThere(RestRefusal):
    """An object that is absent or not visible to the caller."""

    def __init__(self, what: str, field: str | None = None) -> None:
        super().__init__("NOT_FOUND", f"{what} not found", field)


class SwitchedOff(RestRefusal):
    """The routes are switched off for the caller."""

    def __init__(self, successor: str) -> None:
        super().__init__(
            "LEGACY_REST_OFF",
            "The REST routes are switched off (feature flag legacy-rest). "
            "Send the query in `extensions.successor` to POST /graphql instead.",
            more={"successor": {"url": "/graphql", "query": successor}},
        )
        self.status = 410


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """What is wrong with a parameter.

    `where` is query, path or body; `kind` is pydantic's type of the error.
    """

    where: str
    name: str
    message: str
    kind: str = "value_error"

    @property
    def code(self) -> str:
        return "OUT_OF_RANGE" if self.kind in _OUT_OF_RANGE else "BAD_USER_INPUT"


class InvalidParameters(RestRefusal):
    """Invalid parameters, or an invalid body."""

    def __init__(self, faults: Sequence[ParameterFault]) -> None:
        first = faults[0]
        super().__init__(first.code, _message(first), first.name or None)
        self.faults = faults

    @property
    def body(self) -> bytes:
        detail = [
            {
                "type": each.kind,
                "loc": [each.where, *([each.name] if each.name else [])],
                "msg": each.message,
            }
            for each in self.faults
        ]
        return problems(
            [(each.code, _message(each), each.name or None) for each in self.faults], detail
        )


def faults_of(error: ValidationError, where: Callable[[str], str]) -> list[ParameterFault]:
    """Convert pydantic's errors, without values. `where` finds where a parameter was given."""
    return [
        ParameterFault(
            where(str(each["loc"][0]) if each["loc"] else ""),
            ".".join(map(str, each["loc"])),
            each["msg"].removeprefix("Value error, ")[:_LONGEST_MESSAGE],
            each["type"],
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def problems(
    errors: Sequence[tuple[str, str, str | None]],
    detail: Any,
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """Write an error's body from (code, message, field)."""
    shown = [
        {
            "message": message,
            "extensions": {
                "code": code,
                **({"field": field} if field else {}),
                **ERROR_LINKS.link(code),
                **(more or {}),
            },
        }
        for code, message, field in errors
    ]
    return orjson.dumps({"errors": shown, "detail": detail})


class OperationFailed(Exception):
    """An operation answered with errors. `answer` is the response for the caller."""

    def __init__(self, answer: OperationResult) -> None:
        super().__init__()
        self.answer = answer


def failed(
    answer: OperationResult, error: Mapping[str, Any], names: Mapping[str, str]
) -> OperationFailed:
    """Build the failure of an operation from its first error.

    `names` maps GraphQL arguments to the parameters' names.
    """
    extensions = {**error.get("extensions", {})}
    code, message = extensions.pop("code", "INTERNAL"), error["message"]
    field = extensions.pop("field", None)
    if field is not None:
        name = names.get(field, field)
        message = message.replace(f"`{field}`", f"`{name}`")
        message, field = message if f"`{name}`" in message else f"`{name}`: {message}", name
    status = answer.status or STATUS_OF_CODE.get(code, 400)
    body = problems([(code, message, field)], _detail(status, message, field), extensions)
    return OperationFailed(
        OperationResult(body, False, status, answer.retry_after_s, answer.budget)
    )


def refused_mutation(
    answer: OperationResult, error: Mapping[str, Any], names: Mapping[str, str]
) -> OperationFailed:
    """Build the failure of a mutation from its first user error."""
    field = ".".join(error["field"]) if error["field"] else None
    said = {"message": error["message"], "extensions": {"code": error["code"], "field": field}}
    if field is None:
        del said["extensions"]["field"]
    return failed(answer, said, names)


def as_refusal(error: Exception) -> Exception:
    """Convert a GraphQL error to a refusal with a REST status; return others unchanged."""
    if isinstance(error, CallerError) and not hasattr(error, "retry_after_s"):
        return RestRefusal(error.code, error.message, error.field)
    return error


def _detail(status: int, message: str, field: str | None) -> Any:
    """Write an error as FastAPI does, without telling query, path and body apart."""
    if status != _UNPROCESSABLE:
        return message
    return [{"type": "value_error", "loc": [field] if field else [], "msg": message}]


def _message(fault: ParameterFault) -> str:
    return (
        f"`{fault.name}`: {fault.message}."
        if fault.name
        else f"The {fault.where}: {fault.message}."
    )
