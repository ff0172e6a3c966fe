"""Flags through OpenFeature."""

import pytest
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import Reason

from flags.provider import RolloutProvider
from flags.rollout import Rollout
from flags.switches import Flag

FLAG = next(iter(Flag))


def resolved(rollout: Rollout, key: str | None = None, *, is_default: bool = False):
    provider = RolloutProvider(lambda _: (rollout, is_default))
    found = provider.resolve_boolean_details(
        FLAG, default_value=False, evaluation_context=EvaluationContext(key)
    )
    return found.value, found.reason


def test_a_value_says_why_it_is_so():
    assert resolved(Rollout(), is_default=True) == (True, Reason.DEFAULT)
    assert resolved(Rollout()) == (True, Reason.STATIC)
    assert resolved(Rollout(is_killed=True)) == (False, Reason.DISABLED)
    assert resolved(Rollout(percent=0, on_for=frozenset({"a"})), "a") == (
        True,
        Reason.TARGETING_MATCH,
    )
    assert resolved(Rollout(percent=50), "a")[1] == Reason.SPLIT


def test_a_flag_that_is_not_there_is_not_found():
    provider = RolloutProvider(lambda _: (Rollout(), True))
    with pytest.raises(FlagNotFoundError, match="'no_such_flag'"):
        provider.resolve_boolean_details("no_such_flag", default_value=False)


@pytest.mark.parametrize("type_", ["string", "integer", "float", "object"])
def test_flags_of_other_types_there_are_none(type_):
    provider = RolloutProvider(lambda _: (Rollout(), True))
    with pytest.raises(TypeMismatchError, match="ask for a boolean"):
        getattr(provider, f"resolve_{type_}_details")(FLAG, None)
