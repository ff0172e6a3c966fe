"""A simulated Strava, to develop and test against: behaves as the real one is documented, and can be told to fail.

`create_simulator` makes the ASGI application; it keeps its state in memory. The paths of Strava's API are Strava's
own; those under `/simulator` drive the simulation and are described in its OpenAPI at `/docs`.
"""

from strava.simulator.app import create_simulator
from strava.simulator.limits import RateLimits
from strava.simulator.runs_file import SimulatorRunsInvalid

__all__ = ["RateLimits", "SimulatorRunsInvalid", "create_simulator"]
