"""A simulated Strava to develop and test against: it follows Strava's documentation, and can fail.

`create_simulator` makes the ASGI application, with its state in memory. The paths of Strava's API
are Strava's own; those under `/simulator` control the simulation and are described in its OpenAPI
at `/docs`.
"""

from strava_simulator.app import create_simulator
from strava_simulator.limits import RateLimits
from strava_simulator.runs_file import SimulatorRunsInvalid

__all__ = ["RateLimits", "SimulatorRunsInvalid", "create_simulator"]
