"""Handles Redis being away: skip it, log once a minute, count, and come back."""

import logging
from time import monotonic

_LOG_EVERY_S = 60.0


class RedisOutage:
    """Whether Redis is away, for one of its users.

    The user asks `is_away` before it uses Redis, calls `begin` when Redis fails and `end` when it
    answers again. With `retry_s`, `is_away` turns False by itself after as many seconds, so that
    one request finds out. `message` is logged once a minute while Redis is away, `end_message` at
    the end (None: nothing is).
    """

    def __init__(
        self,
        logger: logging.Logger,
        message: str,
        *,
        end_message: str | None = None,
        retry_s: float = float("inf"),
        level: int = logging.WARNING,
    ) -> None:
        self._logger, self._message, self._end_message = logger, message, end_message
        self._retry_s, self._level = retry_s, level
        self._away_until = self._logged_at = float("-inf")
        self._is_logged = False
        self.losses = 0
        """How many times Redis failed, since the process started."""

    @property
    def is_away(self) -> bool:
        """Whether to do without Redis now."""
        return monotonic() < self._away_until

    def begin(
        self, error: BaseException, *, level: int | None = None, exc_info: bool = False
    ) -> None:
        """Note that Redis failed by `error`. `level` replaces the log level of this outage."""
        self.losses += 1
        now = monotonic()
        self._away_until = now + self._retry_s
        if now - self._logged_at >= _LOG_EVERY_S:
            self._logged_at, self._is_logged = now, True
            self._logger.log(
                self._level if level is None else level,
                self._message,
                exc_info=error if exc_info else None,
                extra={"error": f"{type(error).__name__}: {error}"},
            )

    def end(self) -> None:
        """Note that Redis answers again."""
        self._away_until = float("-inf")
        if self._is_logged:
            self._is_logged = False
            if self._end_message is not None:
                self._logger.info(self._end_message)
