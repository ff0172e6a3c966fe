"""Strava's error answers."""

from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Response


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error in Strava's form."""

    status: int
    message: str
    resource: str
    field: str
    code: str

    @property
    def body(self) -> bytes:
        error = {"resource": self.resource, "field": self.field, "code": self.code}
        return orjson.dumps({"message": self.message, "errors": [error]})


class RequestRefused(Exception):
    """The request is answered with `refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


BAD_TOKEN = Refusal(401, "Authorization Error", "Athlete", "access_token", "invalid")
INACTIVE = Refusal(403, "Forbidden", "Application", "Status", "Inactive")
ATHLETE_LIMIT = Refusal(
    403, "Limit of connected athletes exceeded", "Application", "connected athletes", "exceeded"
)
RATE_LIMITED = Refusal(429, "Rate Limit Exceeded", "Application", "rate limit", "exceeded")
SERVER_ERROR = Refusal(500, "Internal Server Error", "Application", "", "error")
UNAVAILABLE = Refusal(503, "Service Unavailable", "Application", "", "unavailable")
BAD_CLIENT = Refusal(400, "Bad Request", "Application", "client_id", "invalid")
BAD_CODE = Refusal(400, "Bad Request", "AuthorizationCode", "code", "invalid")
BAD_REFRESH_TOKEN = Refusal(400, "Bad Request", "RefreshToken", "refresh_token", "invalid")


def missing_scope(scope: str = "activity:read") -> Refusal:
    """Strava's answer to a token without `scope`: 401, although the token is valid."""
    return Refusal(401, "Authorization Error", "AccessToken", f"{scope}_permission", "missing")


def not_found(resource: str) -> Refusal:
    return Refusal(404, "Record Not Found", resource, "id", "not found")


def invalid(resource: str, field: str, code: str = "invalid") -> Refusal:
    return Refusal(400, "Bad Request", resource, field, code)


def json_response(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
