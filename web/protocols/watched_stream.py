"""What WebSockets and event streams do at times: they check their callers, and end in time."""

from web.protocols.stream_end import SERVICE_RESTART, StreamEnded
from web.protocols.stream_tasks import StreamTasks
from web.protocols.subscriber import Subscriber


class WatchedStream:
    """An open stream that its process's rounds look at (`web/limits/stream_rounds.py`).

    Its tasks end together. One that finds a reason to end it raises StreamEnded.
    """

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._tasks = StreamTasks()
        self.look_at = 0.0

    def look(self, now: float) -> None:
        """Do what is due, and set `look_at`."""
        try:
            if not self._subscriber.is_checked(now):
                self._tasks.create_beside(self._check())
            self.look_at = min(self._subscriber.look_at, self._look_further(now))
        except StreamEnded as ended:
            self._tasks.end(ended.with_traceback(None))

    def leave(self) -> None:
        """End: the process stops."""
        self._tasks.end(StreamEnded(SERVICE_RESTART, "The server is restarting. Connect again."))

    async def _check(self) -> None:
        try:
            await self._subscriber.check_in_time()
        finally:
            self.look_at = 0.0

    def _look_further(self, now: float) -> float:
        """Do what is due beside that, and tell when the next is. Raises StreamEnded."""
        raise NotImplementedError
