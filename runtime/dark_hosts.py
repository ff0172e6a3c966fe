"""How soon a connection ends whose other host is gone without a word: cut off, or without power.

A process that dies is told of by its system at once. Of a host that goes dark nobody tells: TCP alone
waits a quarter of an hour for what was sent to arrive, and for an answer for ever.
"""

import socket

_IDLE_S, _EVERY_S, _TIMES = 4, 2, 3
_NOTICED_S = 10
"""Seconds after which what was sent, or asked on an idle connection, has not arrived for good."""

SOCKET_OPTIONS: dict[int, int] = {
    getattr(socket, name): value
    for name, value in {
        "TCP_KEEPIDLE": _IDLE_S,
        "TCP_KEEPINTVL": _EVERY_S,
        "TCP_KEEPCNT": _TIMES,
        "TCP_USER_TIMEOUT": 1000 * _NOTICED_S,
    }.items()
    if hasattr(socket, name)
}
"""By their numbers, for a TCP socket with SO_KEEPALIVE. A system other than Linux lacks some."""

LIBPQ_OPTIONS = {
    "keepalives_idle": _IDLE_S,
    "keepalives_interval": _EVERY_S,
    "keepalives_count": _TIMES,
    "tcp_user_timeout": 1000 * _NOTICED_S,
}
"""The same for a connection of libpq."""

SERVER_OPTIONS = {
    "tcp_keepalives_idle": _IDLE_S,
    "tcp_keepalives_interval": _EVERY_S,
    "tcp_keepalives_count": _TIMES,
    "tcp_user_timeout": 1000 * _NOTICED_S,
}
"""The same for PostgreSQL's end, as settings of a session: else it keeps a dark client's locks."""


def notice(connection: socket.socket) -> None:
    """Let a TCP connection end soon where the other host is dark. Others are left as they are."""
    if connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in SOCKET_OPTIONS.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
