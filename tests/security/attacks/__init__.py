"""The attacks of the table in `tests/security/README.md`: what is sent, and what must come back."""

from tests.security.attacks.access import access
from tests.security.attacks.documents import documents
from tests.security.attacks.http import http
from tests.security.attacks.streams import streams
from tests.security.attacks.world import Attack

__all__ = ["ATTACKS", "Attack"]

ATTACKS: dict[str, list[Attack]] = {
    "Documents": documents.all,
    "HTTP": http.all,
    "WebSockets": streams.all,
    "Access": access.all,
}
