"""Flags of a process under test, switched as if Redis said so."""

from collections.abc import Iterator
from contextlib import contextmanager

from flags.flags import Flags
from flags.rollout import OFF, ON, Rollout
from flags.switches import Flag


@contextmanager
def switched(flags: Flags, **wanted: bool | Rollout) -> Iterator[None]:
    """Inside the block the flags are as `wanted` says, by the names that `Switches` has; the others
    as before.
    """
    before = {flag: flags.rollout_of(flag)[0] for flag in Flag if not flags.rollout_of(flag)[1]}
    flags.override(before | {_flag(name): _rollout(value) for name, value in wanted.items()})
    try:
        yield
    finally:
        flags.override(before)


def _flag(name: str) -> Flag:
    return Flag(name.replace("_", "-"))


def _rollout(value: bool | Rollout) -> Rollout:
    if isinstance(value, Rollout):
        return value
    return ON if value else OFF
