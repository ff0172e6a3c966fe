"""UUIDs that tell kind and number themselves."""

from uuid import RFC_4122, UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.global_id import encode_id
from legacy.rest.uuids import KINDS, number_in, uuid_of

NUMBERS = st.integers(1, 2**63 - 1)
TYPES = st.sampled_from(sorted(KINDS))


@given(TYPES, NUMBERS)
def test_there_and_back(type_name, number):
    written = uuid_of(encode_id(type_name, number))
    assert (UUID(written).variant, UUID(written).version) == (RFC_4122, 8)
    assert number_in(written, type_name) == number
    assert number_in(written.upper().replace("-", ""), type_name) == number
    assert [each for each in KINDS if number_in(written, each)] == [type_name]


@given(TYPES, st.uuids())
def test_foreign_ones_are_not_mistaken(type_name, foreign):
    assert number_in(str(foreign), type_name) is None
    of_version_8 = UUID(int=foreign.int & ~(0xF << 76 | 3 << 62) | 8 << 76 | 2 << 62)
    assert number_in(str(of_version_8), type_name) is None


@given(TYPES, NUMBERS, st.integers(64, 127))
def test_each_fixed_bit_counts(type_name, number, bit):
    written = UUID(uuid_of(encode_id(type_name, number)))
    changed = UUID(int=written.int ^ 1 << bit)
    assert number_in(str(changed), type_name) is None or bit == 64  # 64 is the number's highest


@pytest.mark.parametrize("uuid", [uuid4(), uuid5(uuid4(), "x"), UUID(int=0), UUID(int=2**128 - 1)])
def test_others(uuid):
    assert number_in(str(uuid), "Athlete") is None


def test_callers_keep_them():
    """What is written once leads there for ever."""
    assert uuid_of(encode_id("Athlete", 1)) == "70616365-6772-8002-8000-000000000001"
    assert uuid_of(encode_id("Activity", 2**62)) == "70616365-6772-8005-8000-000000000000"
    assert uuid_of(encode_id("Job", 77)) == "70616365-6772-800a-8000-00000000004d"
    assert number_in("70616365-6772-8002-8000-000000000000", "Athlete") is None
