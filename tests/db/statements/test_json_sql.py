"""How parts become one expression."""

import re

from db.statements.json_sql import Literal, Value, joined


def test_literals_that_follow_each_other_are_one_argument():
    assert joined([Literal("{"), Literal('"a":'), Value("x"), Literal("}")]) == (
        """concat('{"a":',x,'}')"""
    )


def test_no_call_has_more_arguments_than_postgresql_takes():
    """`concat` takes 100; more are joined in groups, in their order."""
    values = [f"v{number}" for number in range(10_000)]
    text = joined([Value(name) for name in values])
    assert re.findall(r"v\d+", text) == values
    innermost = re.findall(r"concat\(([^()]*)\)", text)
    assert innermost
    assert max(len(each.split(",")) for each in innermost) <= 100
    while "(" in text:
        text, calls = re.subn(r"concat\(([^()]*)\)", "call", text)
        assert calls
        for each in re.findall(r"concat\(([^()]*)\)", text):
            assert len(each.split(",")) <= 100
    assert text == "call"
