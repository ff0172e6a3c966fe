"""The streams of samples that Strava is asked for."""

OTHER_COLUMNS = (
    ("cadence", "cadence_rpm", 0, 300),
    ("altitude", "altitude_m", -1_000, 12_000),
    ("watts", "power_w", 0, 5_000),
    ("temp", "temperature_c", -80, 80),
    ("velocity_smooth", "speed_m_per_s", 0, 150),
)
"""Strava's keys of optional streams, our names, and the range of what sensors can tell."""
STREAM_KEYS = ("time", "distance", "heartrate", "latlng", *(each[0] for each in OTHER_COLUMNS))
