"""Connections of browsers that hold a session's cookie."""

from dataclasses import replace
from datetime import timedelta

from starlette.requests import HTTPConnection

from tests import factories as make
from web.auth.browser_sessions import RENEWED_SESSION


def with_cookie(sessions, cookie):
    """A connection of a browser that holds a session's cookie."""
    value = sessions.cookies.session_header(cookie).partition(";")[0]
    return HTTPConnection({"type": "http", "headers": [(b"cookie", value.encode())]})


def session_of(db, sessions, account=None, *, age=timedelta(0), **columns):
    """A session's first cookie, issued `age` ago."""
    account = account if account is not None else make.create_account(db)
    cookie = sessions.cookies.new_session(make.create_session(db, account, **columns), account, 0)
    return replace(cookie, issued_at=cookie.issued_at - age, expires_at=cookie.expires_at - age)


def renewal_of(sessions, connection):
    """The cookie that the answer renews the session with; None without."""
    header = connection.scope.get("state", {}).get(RENEWED_SESSION)
    return header and sessions.cookies.read_session(
        header.decode().partition("=")[2].partition(";")[0]
    )


async def account_of(identity, connection):
    return (await identity.caller(connection, None)).viewer.account_id
