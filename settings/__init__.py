"""Every setting of pacegraph: typed, described, validated at start.

A value comes from the environment, else from the file `.env` in the working directory, else from
the default here. `load_settings` reports the first invalid setting in one line that names it. A
module for each concern declares its settings; `Settings` has all of them.
"""

from settings.environment import child_environment, named_certificates, tell_libraries
from settings.redis_address import RedisServers
from settings.settings import (
    InvalidSettings,
    Settings,
    get_settings,
    load_settings,
    wants_json_logs,
)

__all__ = [
    "InvalidSettings",
    "RedisServers",
    "Settings",
    "child_environment",
    "get_settings",
    "load_settings",
    "named_certificates",
    "tell_libraries",
    "wants_json_logs",
]
