"""How a stream ends: its reasons, and their close codes."""

from graph.errors import CallerError, Unauthenticated
from web.services import Services

COMPLETE = 1000
GOING_AWAY = 1001
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
FORBIDDEN = 4403


class StreamEnded(Exception):
    """The server ends a stream.

    A WebSocket ends with the close code and the reason. An event stream says `complete` only for
    COMPLETE: clients do not reconnect after that. For every other code its connection is cut, after
    `error` if there is one.
    """

    def __init__(self, code: int, reason: str, error: CallerError | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.error = code, reason, error


class ClientGone(StreamEnded):
    """The client ended the stream, or the connection was lost: nothing can be sent anymore."""

    def __init__(self, code: int = 1006) -> None:
        super().__init__(code, "the client is gone")


def too_much_unread(services: Services, key: str, *, is_known: bool = False) -> StreamEnded:
    """Count and log that a caller's clients leave too much unread; returns what ends the stream.

    `is_known`: the stream was counted before.
    """
    if not is_known:
        services.address_bounds.strike("unread", key.removeprefix("address:"))
    return StreamEnded(TRY_AGAIN_LATER, "Too many answers wait to be read.")


class CredentialsEnded(Unauthenticated):
    """The stream's session or token ended, or no longer allows the same."""

    def __init__(self) -> None:
        super().__init__(
            "Your session or token has ended, or allows less than before. Sign in, then connect "
            "again."
        )
