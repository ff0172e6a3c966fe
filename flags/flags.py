"""The flags of one process: the settings' values, overridden by those in Redis.

A caller's `Switches` are computed once and kept until a flag changes. Each value passes through
OpenFeature's client, so that an operator's hooks see it. A hook that fails, or a provider that was
shut down, does not change the value.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import count

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails

from flags.definition import DEFINITIONS
from flags.provider import RolloutProvider
from flags.rollout import InvalidRollout, Rollout, read_json
from flags.switches import Flag, Switches
from runtime.bounded_map import LruMap
from runtime.redis_outage import RedisOutage
from settings import Settings

DOMAIN = "pacegraph"
VERSION = b"version"
"""Field that every change raises. A lower value means that Redis lost data."""
_MOST_CALLERS = 10_000
_LONGEST_TOLD = 200
_MOST_DIGITS = 18

logger = logging.getLogger("pacegraph.flags")
_numbers = count()


class Flags:
    """Evaluates the flags for each caller."""

    def __init__(self, settings: Settings) -> None:
        self._defaults = {flag: each.default(settings) for flag, each in DEFINITIONS.items()}
        self._overrides: dict[Flag, Rollout] = {}
        self._held: Mapping[bytes, bytes] = {}
        self._wrong: dict[bytes, bytes] = {}
        self._switches = LruMap[str, Switches](_MOST_CALLERS)
        self._listeners: list[Callable[[], None]] = []
        self._is_stale = False
        self._outage = RedisOutage(
            logger,
            "Redis does not tell the flags; they stay as they are",
            end_message="Redis tells the flags again",
        )
        self._provider = RolloutProvider(self.rollout_of)
        number = next(_numbers)
        self.domain = f"{DOMAIN}-{number}" if number else DOMAIN
        """The domain under which an operator's own code asks OpenFeature for these flags."""
        api.set_provider_and_wait(self._provider, self.domain)
        self._client = api.get_client(self.domain)
        self.changes = 0
        """How many changes of flags were applied since the process started."""
        self.nonsense = 0
        """How many times Redis held an invalid rollout."""
        self._apart: list[Flag]
        self._common: dict[str, bool]
        self.everybody: Switches | None = self._for_all()
        """The switches of all callers while no flag differs between callers, else None: ask `of`.
        """

    def of(self, key: str) -> Switches:
        """Get the switches of the caller with a targeting key (`flags.targeting`)."""
        return self.everybody or self._switches.find(key) or self._keep(key)

    def rollout_of(self, flag: Flag) -> tuple[Rollout, bool]:
        """Get a flag's rollout, and whether it comes from the settings."""
        override = self._overrides.get(flag)
        return (self._defaults[flag], True) if override is None else (override, False)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change."""
        self._listeners.append(listener)

    @property
    def losses(self) -> int:
        """How many times Redis was found to be away, since the process started."""
        return self._outage.losses

    # --- what Redis says

    def heed(
        self, held: Mapping[bytes, bytes], level: int = logging.INFO
    ) -> Mapping[bytes, bytes] | None:
        """Apply the flags that Redis holds; log changes at `level`.

        If Redis lost its data, the last known state stays and is returned, to be written back. If
        Redis holds an invalid rollout of a flag, that flag keeps its last known state.
        """
        if self._is_stale:
            self._is_stale = False
            self._outage.end()
            self._provider.emit_provider_ready(ProviderEventDetails())
        if version_of(held) < version_of(self._held):
            return self._held
        if held != self._held:
            self._held = dict(held)
            self.override(self._read(held), level)
        return None

    def lose(self, error: Exception) -> None:
        """Note that Redis does not answer: the last known state stays."""
        self._outage.begin(error)
        if not self._is_stale:
            self._is_stale = True
            self._provider.emit_provider_stale(ProviderEventDetails(message="Redis is away"))

    def override(self, overrides: Mapping[Flag, Rollout], level: int = logging.INFO) -> None:
        """Replace all overrides of the settings by `overrides`."""
        before, self._overrides = self._overrides, dict(overrides)
        changed = [each for each in Flag if before.get(each) != self._overrides.get(each)]
        if not changed:
            return
        for flag in changed:
            self._log(flag, before.get(flag), level)
        self.changes += len(changed)
        self._switches.clear()
        self.everybody = self._for_all()
        for listener in self._listeners:
            listener()
        details = ProviderEventDetails(flags_changed=[each.value for each in changed])
        self._provider.emit_provider_configuration_changed(details)

    def _read(self, held: Mapping[bytes, bytes]) -> dict[Flag, Rollout]:
        found: dict[Flag, Rollout] = {}
        wrong: dict[bytes, bytes] = {}
        for name, value in held.items():
            if name == VERSION:
                continue
            try:
                found[Flag(name.decode(errors="replace"))] = read_json(value)
            except (InvalidRollout, ValueError) as error:
                wrong[name] = value
                self._note_wrong(name, value, error)
        for name in wrong:
            flag = next((each for each in Flag if each.value.encode() == name), None)
            if flag is not None and flag in self._overrides:
                found[flag] = self._overrides[flag]
        self._wrong = wrong
        return found

    def _note_wrong(self, name: bytes, value: bytes, error: Exception) -> None:
        if self._wrong.get(name) == value:
            return  # it was said
        self.nonsense += 1
        fields = {
            "flag": name.decode(errors="replace")[:_LONGEST_TOLD],
            "error": str(error)[:_LONGEST_TOLD],
        }
        logger.warning("what Redis holds is no flag; the last known state stays", extra=fields)

    def _log(self, flag: Flag, before: Rollout | None, level: int) -> None:
        now, is_from_settings = self.rollout_of(flag)
        fields = {
            "flag": flag.value,
            "old": (before or self._defaults[flag]).text,
            "new": now.text,
            "source": "settings" if is_from_settings else "redis",
            "by": now.by or None,
            "reason": now.reason or None,
        }
        logger.log(level, "a flag changed", extra=fields)

    # --- evaluation

    def _for_all(self) -> Switches | None:
        """Evaluate the flags that are equal for all callers; returns switches if all flags are."""
        common = [flag for flag in Flag if self.rollout_of(flag)[0].is_for_all]
        self._apart = [flag for flag in Flag if flag not in common]
        self._common = self._values(common, None)
        return None if self._apart else Switches(**self._common)

    def _keep(self, key: str) -> Switches:
        found = Switches(**self._common, **self._values(self._apart, key))
        self._switches.keep(key, found)
        return found

    def _values(self, flags: Iterable[Flag], key: str | None) -> dict[str, bool]:
        context = EvaluationContext(targeting_key=key)
        values = {}
        for flag in flags:
            value = self.rollout_of(flag)[0].is_on(flag, key)
            values[flag.value.replace("-", "_")] = self._client.get_boolean_value(
                flag.value, value, context
            )
        return values


def version_of(held: Mapping[bytes, bytes]) -> int:
    """Get the version in Redis' hash; 0 where there is none, or an invalid one."""
    version = held.get(VERSION, b"")[:_MOST_DIGITS]
    return int(version) if version.isdigit() else 0
