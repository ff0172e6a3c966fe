"""OpenFeature's provider for the rollouts that a process knows."""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from flags.rollout import Rollout
from flags.switches import Flag

_Value = FlagValueType


class RolloutProvider(AbstractProvider):
    """Resolves booleans by a flag's rollout and the context's targeting key.

    There are no flags of other types. An unknown flag raises, so that a default value is never used.
    """

    def __init__(self, rollout_of: Callable[[Flag], tuple[Rollout, bool]]) -> None:
        """`rollout_of` gets a flag's rollout, and whether it comes from the settings."""
        super().__init__()
        self._rollout_of = rollout_of

    def get_metadata(self) -> Metadata:
        return Metadata(name="pacegraph")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: ARG002, FBT001 - OpenFeature's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        try:
            flag = Flag(flag_key)
        except ValueError:
            raise FlagNotFoundError(f"there is no flag {flag_key!r}") from None
        rollout, is_from_settings = self._rollout_of(flag)
        key = evaluation_context.targeting_key if evaluation_context else None
        value = rollout.is_on(flag, key)
        reason = Reason.DEFAULT if is_from_settings else _reason(rollout, key)
        return FlagResolutionDetails(value, variant="on" if value else "off", reason=reason)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return _refuse(flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return _refuse(flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        return _refuse(flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[_Value] | Mapping[str, _Value],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[_Value] | Mapping[str, _Value]]:
        return _refuse(flag_key, default_value, evaluation_context)


def _reason(rollout: Rollout, key: str | None) -> Reason:
    if rollout.is_killed:
        return Reason.DISABLED
    if key in rollout.off_for or key in rollout.on_for:
        return Reason.TARGETING_MATCH
    return Reason.STATIC if rollout.is_for_all else Reason.SPLIT


def _refuse(flag_key: str, *_: object) -> NoReturn:
    raise TypeMismatchError(f"the flag {flag_key!r} is on or off: ask for a boolean")
