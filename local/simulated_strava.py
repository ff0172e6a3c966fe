"""The simulated Strava, with the demo runs or those of SIMULATOR_RUNS."""

from pathlib import Path

from fastapi import FastAPI

from settings import InvalidSettings, Settings
from strava_simulator import SimulatorRunsInvalid, create_simulator

DEMO_RUNS = Path(__file__).with_name("demo_runs.ndjson")


def create_demo_strava(settings: Settings, *, url: str) -> FastAPI:
    """Make the application served at `url`. Raises InvalidSettings if SIMULATOR_RUNS is invalid."""
    settings.require("strava_client_id", "strava_client_secret")
    assert settings.strava_client_id
    assert settings.strava_client_secret
    try:
        return create_simulator(
            runs=settings.simulator_runs or DEMO_RUNS,
            client_id=settings.strava_client_id,
            client_secret=settings.strava_client_secret.get_secret_value(),
            athletes=settings.simulator_athletes,
            public_url=url,
        )
    except SimulatorRunsInvalid as error:
        raise InvalidSettings(f"SIMULATOR_RUNS: {error}") from None
