"""The flags of one process: what the settings say, and over it what Redis holds.

Whoever asks gets a caller's `Switches`, made once and kept until a flag changes. Each value comes through OpenFeature's
client, so that an operator's own hooks see it; but neither a hook that fails nor a provider that somebody shut down
changes it.
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
from settings import Settings

DOMAIN = "pacegraph"
VERSION = b"version"
"""Field beside the flags' own, which every change raises: where it is lower, Redis lost what it held."""
_MOST_KNOWN = 10_000
_LONGEST_TOLD = 200
_MOST_DIGITS = 18

logger = logging.getLogger("pacegraph.flags")
_numbers = count()


class Flags:
    """What is switched on, for whom."""

    def __init__(self, settings: Settings) -> None:
        self._defaults = {flag: each.default(settings) for flag, each in DEFINITIONS.items()}
        self._overrides: dict[Flag, Rollout] = {}
        self._held: Mapping[bytes, bytes] = {}
        self._wrong: dict[bytes, bytes] = {}
        self._known: dict[str, Switches] = {}
        self._listeners: list[Callable[[], None]] = []
        self._is_stale = False
        self._provider = RolloutProvider(self.rollout_of)
        number = next(_numbers)
        domain = f"{DOMAIN}-{number}" if number else DOMAIN
        api.set_provider_and_wait(self._provider, domain)
        self._client = api.get_client(domain)
        self.changes = 0
        """How many changes of a flag were heeded since the process started."""
        self.losses = 0
        """How often Redis was found to be away."""
        self.nonsense = 0
        """How often Redis was found to hold what is no rollout."""
        self._apart: list[Flag]
        self._common: dict[str, bool]
        self.everybody: Switches | None = self._for_all()
        """The switches of all callers, while no flag tells callers apart; else None, and `of` tells."""

    def of(self, key: str) -> Switches:
        """Get the switches of who is named by a targeting key (`flags.targeting`)."""
        return self.everybody or self._known.get(key) or self._keep(key)

    def rollout_of(self, flag: Flag) -> tuple[Rollout, bool]:
        """Get a flag's rollout, and whether it is the settings' own."""
        override = self._overrides.get(flag)
        return (self._defaults[flag], True) if override is None else (override, False)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each change."""
        self._listeners.append(listener)

    # --- what Redis says

    def heed(self, held: Mapping[bytes, bytes], level: int = logging.INFO) -> Mapping[bytes, bytes] | None:
        """Go by what Redis holds; changes are logged at `level`.

        Where Redis lost what it held the last known state stays, and is returned to be written back. A flag's last
        known state stays, too, where what Redis holds of it is no rollout.
        """
        if self._is_stale:
            self._is_stale = False
            logger.info("Redis tells the flags again")
            self._provider.emit_provider_ready(ProviderEventDetails())
        if version_of(held) < version_of(self._held):
            return self._held
        if held != self._held:
            self._held = dict(held)
            self.override(self._read(held), level)
        return None

    def lose(self, error: Exception) -> None:
        """Note that Redis does not tell: the last known state stays. Said once, until it tells again."""
        self.losses += 1
        if not self._is_stale:
            self._is_stale = True
            fields = {"error": f"{type(error).__name__}: {error}"}
            logger.warning("Redis does not tell the flags; they stay as they are", extra=fields)
            self._provider.emit_provider_stale(ProviderEventDetails(message="Redis is away"))

    def override(self, overrides: Mapping[Flag, Rollout], level: int = logging.INFO) -> None:
        """Put `overrides`, and nothing else, over the settings."""
        before, self._overrides = self._overrides, dict(overrides)
        changed = [each for each in Flag if before.get(each) != self._overrides.get(each)]
        if not changed:
            return
        for flag in changed:
            self._log(flag, before.get(flag), level)
        self.changes += len(changed)
        self._known.clear()
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
        fields = {"flag": name.decode(errors="replace")[:_LONGEST_TOLD], "error": str(error)[:_LONGEST_TOLD]}
        logger.warning("what Redis holds is no flag; the last known state stays", extra=fields)

    def _log(self, flag: Flag, before: Rollout | None, level: int) -> None:
        now, is_default = self.rollout_of(flag)
        fields = {
            "flag": flag.value,
            "old": (before or self._defaults[flag]).text,
            "new": now.text,
            "source": "settings" if is_default else "redis",
            "by": now.by or None,
            "reason": now.reason or None,
        }
        logger.log(level, "a flag changed", extra=fields)

    # --- evaluation

    def _for_all(self) -> Switches | None:
        """Evaluate the flags that are the same for everybody; their switches, if all flags are."""
        common = [flag for flag in Flag if self.rollout_of(flag)[0].is_for_all]
        self._apart = [flag for flag in Flag if flag not in common]
        self._common = self._values(common, None)
        return None if self._apart else Switches(**self._common)

    def _keep(self, key: str) -> Switches:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        found = self._known[key] = Switches(**self._common, **self._values(self._apart, key))
        return found

    def _values(self, flags: Iterable[Flag], key: str | None) -> dict[str, bool]:
        context = EvaluationContext(targeting_key=key)
        values = {}
        for flag in flags:
            value = self.rollout_of(flag)[0].is_on(flag, key)
            values[flag.value.replace("-", "_")] = self._client.get_boolean_value(flag.value, value, context)
        return values


def version_of(held: Mapping[bytes, bytes]) -> int:
    """Get the version of what Redis holds; 0 where it holds nothing, or nonsense."""
    version = held.get(VERSION, b"")[:_MOST_DIGITS]
    return int(version) if version.isdigit() else 0
