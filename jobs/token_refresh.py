"""Refreshes an athlete's token pair, in a process that outlives the job which needs it.

Strava spends a refresh token when it issues the next pair, however late its answer. So a process of
its own waits for the answer, STRAVA_REFRESH_TIMEOUT_S at most, and stores the pair even if the job
gave up, was cancelled or lost its worker. No transaction is open during that time. The column
`refreshing_until` lets one process refresh at a time.
"""

import logging
import os
import signal
import time
import warnings
from contextlib import suppress
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import Any

from pydantic import SecretStr

from db.encryption import KeyRing
from db.errors import DatabaseError
from db.session import SyncDatabase
from db.statements.strava import strava_connection
from jobs.strava_tokens import encrypted, usable_token
from runtime.errors import PacegraphError
from runtime.open_files import leave_files
from settings import Settings
from strava.client import StravaClient
from strava.errors import StravaBadData, StravaUnauthorized, StravaUnavailable
from strava.tokens import TokenPair

_LOOK_EVERY_S = 0.05
REFUSED_AGAIN_AFTER_S = 1.0
_STORING_S = 60.0
"""Seconds for which a pair is tried to be stored while PostgreSQL is away."""
_ISSUED = {"body", "access_token", "refresh_token", "expires_at"}
"""Fields of an answer that may have issued a pair, and cannot be read."""

logger = logging.getLogger(__name__)
_fork = get_context("fork")


def access_token(
    database: SyncDatabase,
    client: StravaClient,
    keys: KeyRing,
    athlete_id: int,
    *,
    refused: SecretStr | None = None,
    since: datetime | None = None,
) -> SecretStr:
    """Get a token that is valid for 5 more minutes; `refused` is one that Strava rejected before.

    The new pair is committed before it is used. If two processes need a token at once, the second
    waits for the first one's. Raises StravaNotConnected, and what `StravaClient.refresh` raises; a
    refusal of the refresh token only if Strava repeats it a moment later. It is noted, and Strava
    is not asked again by who began before, at `since`.
    """
    values = {"athlete": athlete_id}
    limit_s = client.refresh_timeout_s + _STORING_S
    refusals = 0
    while True:
        with database.read() as connection:
            row = connection.execute(strava_connection.tokens(), values).one_or_none()
        if token := usable_token(keys, row, athlete_id, refused, since):
            return token
        assert row is not None
        spent = {"limit_s": limit_s, "unusable": row.access_token}
        with database.write() as connection:
            mine = connection.execute(
                strava_connection.begin_refresh(), values | spent
            ).one_or_none()
        if mine is None:
            time.sleep(_LOOK_EVERY_S)
            continue
        try:
            if token := usable_token(keys, mine, athlete_id, refused, since):
                return token
            pair = _refresh(client, keys.decrypt(mine.refresh_token))
            if _store(database, keys, athlete_id, mine, pair):
                return pair.access_token
        except StravaUnauthorized as error:
            refusals += 1
            if error.what == "client id or secret":
                raise
            if refusals > 1:
                _note_refusal(database, athlete_id, mine)
                raise
            time.sleep(REFUSED_AGAIN_AFTER_S)
        finally:
            _end(database, athlete_id, mine)


def _refresh(client: StravaClient, refresh_token: SecretStr) -> TokenPair:
    try:
        return client.refresh(refresh_token)
    except StravaBadData as error:
        if error.field not in _ISSUED:
            raise
        unreadable = StravaUnavailable(f"the answer to a refresh cannot be read: {error.problem}")
    raise unreadable


def _store(
    database: SyncDatabase, keys: KeyRing, athlete_id: int, mine: Any, pair: TokenPair
) -> bool:
    """Store the pair, unless the one that it replaces is no longer stored.

    It is the only copy: while PostgreSQL is away, it is tried again.
    """
    values = {"athlete": athlete_id, "spent": mine.refresh_token, **encrypted(keys, pair)}
    until = time.monotonic() + _STORING_S
    while True:
        try:
            with database.write() as connection:
                return connection.execute(strava_connection.store_tokens(), values).rowcount > 0
        except DatabaseError:
            if time.monotonic() > until:
                logger.exception(
                    "a new token pair is lost, because PostgreSQL does not store it",
                    extra={"athlete_id": athlete_id},
                )
                raise
            time.sleep(10 * _LOOK_EVERY_S)


def _note_refusal(database: SyncDatabase, athlete_id: int, mine: Any) -> None:
    values = {"athlete": athlete_id, "spent": mine.refresh_token}
    with suppress(DatabaseError), database.write() as connection:
        connection.execute(strava_connection.note_refusal(), values)


def _end(database: SyncDatabase, athlete_id: int, mine: Any) -> None:
    values = {"athlete": athlete_id, "mine": mine.refreshing_until}
    with suppress(DatabaseError), database.write() as connection:
        connection.execute(strava_connection.end_refresh(), values)


class TokenRefresh:
    """`access_token` in a process of its own, which goes on without a caller that waits."""

    def __init__(
        self, settings: Settings, athlete_id: int, refused: SecretStr | None, since: datetime
    ) -> None:
        self._pipe, theirs = _fork.Pipe(duplex=False)
        arguments = (theirs, settings, athlete_id, refused, since)
        process = _fork.Process(target=_run, args=arguments, name="token refresh")
        with warnings.catch_warnings():
            # Of threads in a process that forks: the child uses nothing that they may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        theirs.close()

    def has_ended(self, within_s: float) -> bool:
        """Wait for the end. Raises what `access_token` raised."""
        if not self._pipe.poll(within_s):
            return False
        try:
            failure = self._pipe.recv()
        except EOFError:
            raise StravaUnavailable("the process that refreshes tokens has died") from None
        if failure is not None:
            raise _rebuilt(*failure)
        return True

    def leave(self) -> None:
        """Stop waiting; the process goes on."""
        self._pipe.close()


def _run(
    pipe: Pipe, settings: Settings, athlete_id: int, refused: SecretStr | None, since: datetime
) -> None:
    os.setsid()  # what ends the worker's processes leaves this one
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    leave_files(pipe.fileno())
    database = SyncDatabase(settings, application_name="pacegraph-refresh")
    failure: PacegraphError | None = None
    try:
        with StravaClient.from_settings(settings) as client:
            keys = KeyRing(settings.token_encryption_keys)
            access_token(database, client, keys, athlete_id, refused=refused, since=since)
    except PacegraphError as error:
        failure = error
        logger.info("a refresh of tokens failed", extra={"error": str(error)})
    except Exception:
        logger.exception("a refresh of tokens failed")
        raise
    with suppress(OSError):  # the caller no longer waits
        pipe.send(failure and (type(failure), str(failure), vars(failure)))


def _rebuilt(kind: type[PacegraphError], message: str, fields: dict[str, Any]) -> PacegraphError:
    """Make the error that another process raised."""
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(fields)
    return error
