"""What making plans and writing long answers takes is metered, for the caller to pay."""

from types import SimpleNamespace
from typing import Any

import pytest

from db.statements.visibility import Viewer
from graph.document.operation import Document
from graph.document.reader_process import DocumentWork
from graph.plan.plan import QueryPlan, compile_plan
from graph.plan.query_tree import QueryTree
from graph.schema.build import build_schema
from runtime.work_meter import WorkMeter
from tests.graph.limits import LIMITS

SCHEMA = build_schema()
QUERY = "{ athletes { nodes { id displayName } } }"


def compiled(text: str, work: WorkMeter) -> QueryPlan:
    viewer = Viewer(1, 1, sharing=True)
    context: Any = SimpleNamespace(
        viewer=viewer, caller=SimpleNamespace(scopes=[], viewer=viewer), database_work=work
    )
    document = Document(DocumentWork(SCHEMA.core, LIMITS).read(text), SCHEMA.costs, LIMITS, text)
    operation = document.operation(None)
    variables = operation.prepare({}).variables
    tree = QueryTree.from_operation(SCHEMA, operation, variables)
    return compile_plan(context, tree, tree.read(variables), (0,))


@pytest.mark.parametrize(
    ("list_", "is_by_value"),
    [
        ('activities(first: 9, filter: { sportTypes: ["Sailing"] })', True),
        ('activities(first: 9, filter: { nameContains: "ilha" })', True),
        ("activities(first: 9, filter: { includeDuplicates: false })", False),
        ("activities(first: 9)", False),
        ("leaderboard(first: 9, distance: KM5)", False),
        ('leaderboard(first: 9, distance: KM5, filter: { country: "PT" })', True),
    ],
)
def test_a_list_that_a_filter_makes_rare_is_planned_for_its_values(list_, is_by_value):
    """PostgreSQL plans a statement each time whose limit it does not know."""
    statement = compiled(f"{{ {list_} {{ nodes {{ id }} }} }}", WorkMeter()).statement
    assert any(each.name == "row_limit" for each in statement.parameters) is is_by_value


def test_a_new_plan_and_a_long_text_are_metered():
    work = WorkMeter()
    plan = compiled(QUERY, work)
    assert work.take_own() > 0
    columns = sum(isinstance(each, int) for pieces in plan.statement.roots for each in pieces)
    for length, is_long in ((100, False), (10**6, True)):
        plan.texts(["x" * length] * columns, 1.0, work)
        assert (work.take_own() > 0) is is_long
    assert work.take() == 2.0, "it is no time in the database"
