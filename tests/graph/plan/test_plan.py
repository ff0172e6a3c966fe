"""What making plans and writing long answers takes is metered, for the caller to pay."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from db.statements.visibility import Viewer
from graph.document.operation import Document
from graph.document.reader_process import DocumentWork
from graph.plan.plan import compile_plan
from graph.plan.query_tree import QueryTree
from graph.schema.build import build_schema
from runtime.work_meter import WorkMeter
from tests.graph.limits import LIMITS

SCHEMA = build_schema()
QUERY = "{ athletes { nodes { id displayName } } }"


def test_a_new_plan_and_a_long_text_are_metered():
    work = WorkMeter()
    viewer = Viewer(1, 1, sharing=True)
    context: Any = SimpleNamespace(
        viewer=viewer, caller=SimpleNamespace(scopes=[], viewer=viewer), database_work=work
    )
    document = Document(DocumentWork(SCHEMA.core, LIMITS).read(QUERY), SCHEMA.costs, LIMITS, QUERY)
    operation = document.operation(None)
    variables = operation.prepare({}).variables
    tree = QueryTree.from_operation(SCHEMA, operation, variables)
    plan = compile_plan(context, tree, tree.read(variables), (0,))
    assert work.take_own() > 0
    columns = sum(isinstance(each, int) for pieces in plan.statement.roots for each in pieces)
    for length, is_long in ((100, False), (10**6, True)):
        plan.texts([*["x" * length] * columns, timedelta(milliseconds=1)], work)
        assert (work.take_own() > 0) is is_long
    assert work.take() == 2.0, "it is no time in the database"
