"""What a sign-in asks of Strava.

The client, and the libraries that a sign-in needs, are loaded by the first one, in its thread: they
take 15 MB, and a tenth of the time until a process answers.
"""

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from db.encryption import KeyRing
from db.models import ASKED_SCOPES
from settings import Settings
from strava.authorization import authorization_url
from strava.tokens import TokenGrant

if TYPE_CHECKING:
    from strava.client import StravaClient


class StravaSignIn:
    """Strava's part of the sign-ins of one process. Call `close` at its end."""

    def __init__(self, settings: Settings, keys: KeyRing) -> None:
        """Take the `keys` that encrypt tokens. Raises InvalidSettings without client id or secret."""
        settings.require("strava_client_id", "strava_client_secret")
        self._settings, self._keys, self._lock = settings, keys, Lock()

    def authorization_url(self, state: str) -> str:
        """Get where to send the athlete's browser, which comes back with `state`."""
        return authorization_url(
            self._settings, f"{self._settings.url}/strava/callback", state, ASKED_SCOPES
        )

    def exchange_code(self, code: str) -> TokenGrant:
        """Trade the callback's code for tokens; works once. Raises StravaError. Takes a thread."""
        with self._lock:
            client = self._client
            self._keys.load()  # the tokens are encrypted on the event loop
        return client.exchange_code(code)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> "StravaClient":
        from strava.client import StravaClient

        return StravaClient.from_settings(self._settings)
