"""An answer of Strava that was read as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class StravaAnswer:
    """The answer to the request `method` of `path`. `headers` ignore case."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_client_error(self) -> bool:
        return HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR

    def with_body(self, body: bytes) -> "StravaAnswer":
        return replace(self, body=body)
