"""Connects to the first of several hosts that fits, past one that is dark.

The limit of asyncpg is for all hosts together: a dark one, which does not even refuse, takes it all,
and those behind it are never asked. psycopg gives each host the whole limit, at each connection. Here
each has its share of it, and the host that answered last is asked first. Not where any would do: an
operator without `target_session_attrs` names the primary first, and a standby would be kept for good.
"""

from typing import Any

from sqlalchemy import Engine, event


def try_each_host(engine: Engine) -> None:
    """Let the engine connect so. Call it after what changes the arguments of a connection."""
    first = 0

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: Any, arguments: Any, options: dict[str, Any]) -> Any:
        nonlocal first
        addresses = _addresses(options)
        if not addresses:
            return None  # SQLAlchemy goes on
        shares = _shares(options, len(addresses))
        order = [*addresses[first:], *addresses[:first]]
        for turn, (host, port) in enumerate(order):
            try:
                found = dialect.connect(
                    *arguments, **{**options, **shares, "host": host, "port": port}
                )
            except Exception:
                if turn + 1 == len(order):
                    raise
            else:
                if options.get("target_session_attrs", "any") != "any":
                    first = addresses.index((host, port))
                return found
        raise AssertionError


def _shares(options: dict[str, Any], among: int) -> dict[str, float]:
    """Divide the limit, in seconds, by the driver's name of it. libpq's is whole, and two at least."""
    if "timeout" in options:
        return {"timeout": options["timeout"] / among}
    return {"connect_timeout": max(2, round(options["connect_timeout"] / among))}


def _addresses(options: dict[str, Any]) -> list[tuple[str, Any]]:
    """Get hosts and ports where there are several, in the form of either driver; else none.

    Nor where all are asked before one is chosen.
    """
    if options.get("target_session_attrs") == "prefer-standby":
        return []
    hosts, ports = (_list(options.get(name)) for name in ("host", "port"))
    if len(hosts) < 2 or len(hosts) != len(ports):  # noqa: PLR2004 - several
        return []
    return list(zip(hosts, ports, strict=True))


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else str(given or "").split(",")
