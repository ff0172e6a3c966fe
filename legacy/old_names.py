"""The older service's import names and their successors."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Successor:
    """What replaces an old name.

    `imports` are pairs of module and name. Without `code` the first pair is the successor; `code`
    binds the old name, `{alias}`, with the help of the imports. `call` replaces a call of a
    function. Without imports there is no successor, and `remedy` says what to do. `old` is the
    object ("module:name") behind the old name until the migration ends, if that differs.
    """

    imports: tuple[tuple[str, str], ...] = ()
    code: str = ""
    call: str = ""
    remedy: str = ""
    old: str = ""

    def instead(self, alias: str) -> str:
        """Write one line of Python that replaces the old name, or else the remedy in words."""
        if not self.imports:
            return self.remedy
        if not self.code:
            [(module, name)] = self.imports
            return f"from {module} import {name}" + (f" as {alias}" if alias != name else "")
        imports = "; ".join(f"from {module} import {name}" for module, name in self.imports)
        return f"{imports}; {self.call or self.code.format(alias=alias)}"

    def resolve(self) -> Any:
        """Get the object behind the old name. Creates an engine, which connects at first use."""
        module, _, name = (self.old or ":".join(self.imports[0])).partition(":")
        found = getattr(import_module(module), name)
        return found() if self.code and not self.old else found


_LOAD_SETTINGS = ("settings", "load_settings")
_DATABASE = {
    "SessionLocal": Successor((("db.session", "sync_sessions"),)),
    "Base": Successor((("db.models.base", "ApplicationBase"),)),
    "engine": Successor((("db.session", "sync_engine"),), "{alias} = sync_engine()"),
    "get_db": Successor((("db.session", "get_db_sync"),)),
    "get_db_sync": Successor(
        (("db.session", "sync_sessions"),), old="legacy.old_session:get_db_sync"
    ),
}
_SET_UP = Successor(
    (("logs", "set_up"), _LOAD_SETTINGS),
    "def {alias}(level=None):\n"
    '    set_up(load_settings(**({{"log_level": level.upper()}} if level else {{}})), "app")\n',
    'set_up(load_settings(), "app")',
    old="legacy.old_logging:setup_logging",
)
_REDIS = "Redis.from_url(load_settings().redis_url.get_secret_value(), decode_responses=True)"
_GET_REDIS = Successor(
    (("functools", "cache"), ("redis", "Redis"), _LOAD_SETTINGS),
    f"{{alias}} = cache(lambda: {_REDIS})",
    old="legacy.old_cache:get_redis",
)
_OWN_CACHE = (
    "a cache of the application's own: "
    "copy legacy/old_cache.py into it and import the name from there"
)

OLD_MODULES: dict[str, dict[str, Successor]] = {
    "database": _DATABASE,
    "core.database": _DATABASE,
    "core.config": {
        "Settings": Successor((("settings", "Settings"),), old="legacy.old_settings:OldSettings"),
        "get_settings": Successor(
            (("settings", "get_settings"),), old="legacy.old_settings:get_settings"
        ),
        "settings": Successor(
            (_LOAD_SETTINGS,), "{alias} = load_settings()", old="legacy.old_settings:settings"
        ),
    },
    "core.logging": {
        "configure_logging": _SET_UP,
        "get_logger": Successor((("logging", "getLogger"),)),
        "logger": Successor(
            (("logging", "getLogger"),),
            '{alias} = getLogger("app")',
            old="legacy.old_logging:logger",
        ),
        "setup_logging": _SET_UP,
    },
    "core.cache": {
        "get_redis": _GET_REDIS,
        "get_redis_client": _GET_REDIS,
        "redis_client": Successor(
            (("redis", "Redis"), _LOAD_SETTINGS),
            f"{{alias}} = {_REDIS}",
            old="legacy.old_cache:redis_client",
        ),
        **{
            name: Successor(remedy=_OWN_CACHE, old=f"legacy.old_cache:{name}")
            for name in (
                "cache_key",
                "cached",
                "delete_cache",
                "delete_pattern",
                "get_cache",
                "set_cache",
            )
        },
    },
}
"""Successors by old module and name."""
