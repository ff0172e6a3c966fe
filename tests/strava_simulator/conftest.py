"""The fixtures of `tests/strava`: a simulated Strava on a real socket, and a client of it."""

from tests.strava.conftest import simulate, strava

__all__ = ["simulate", "strava"]
