"""Changes of the schema that break clients are refused, unless they were announced."""

from datetime import date

import pytest
from graphql import build_schema

from tests.schema_changes import (
    Changes,
    agreed_changes,
    changes_between,
    last_release,
    main,
    page,
    unannounced,
)

OLD = build_schema(
    """
    type Query { run(id: ID!, old: Int @deprecated(reason: "Use `id`. Goes after 2026-03-01.")): Run }
    type Run { name: String title: String @deprecated(reason: "Use `name`. Goes after 2026-03-01.") kind: Kind
               size: Int @deprecated(reason: "Use `name`.") }
    enum Kind { ROAD TRACK @deprecated(reason: "Use ROAD. Goes after 2026-03-01.") }
    """
)
NEW = build_schema(
    """
    type Query { run(id: ID!): Run size: Int }
    type Run { name: String! kind: Kind @deprecated(reason: "Use `name`.") place: String }
    enum Kind { ROAD HILL }
    """
)
REMOVED = [
    "Argument Query.run(old:) was removed.",
    "Enum value Kind.TRACK was removed.",
    "Field Run.size was removed.",
    "Field Run.title was removed.",
]


def test_changes_are_told_apart():
    assert changes_between(OLD, NEW) == Changes(
        breaking=tuple(REMOVED),
        surprising=("Enum value Kind.HILL was added.",),
        added=(
            "Field Query.size was added.",
            "Field Run.name changed type from String to String!.",
            "Field Run.place was added.",
        ),
        deprecated=("Run.kind: Use `name`.",),
    )


@pytest.mark.parametrize(
    ("today", "wrong"),
    [
        (date(2026, 3, 2), ["breaks clients: Field Run.size was removed."]),
        (date(2026, 3, 1), [f"breaks clients: {change}" for change in REMOVED]),
    ],
)
def test_what_goes_was_deprecated_until_a_day_that_has_passed(today, wrong):
    assert unannounced(OLD, REMOVED, [], today) == wrong


def test_other_breaking_changes_are_to_be_agreed_on():
    change = "Field Run.name changed type from String to Int."
    assert unannounced(OLD, [change], [], date(2030, 1, 1)) == [f"breaks clients: {change}"]
    assert unannounced(OLD, [change], [change], date(2030, 1, 1)) == []
    assert unannounced(OLD, [], [change], date(2030, 1, 1)) == [f"no change, so drop it: {change}"]


def test_the_page_lists_them():
    text = page("1.0.0", Changes(("Gone.",), (), ("New.",), ()))
    assert text.startswith("# The schema since 1.0.0\n")
    assert text.endswith("## Breaking\n\n- Gone.\n\n## New\n\n- New.\n")


def test_the_page_of_this_schema_is_current():
    assert last_release().stem >= "0.2.0"
    assert len(set(agreed_changes())) == len(agreed_changes())
    assert main(["--check"]) == 0
