"""The estimates of what documents and plans take, beside what Python says that they take."""

import gc
import pickle
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest

from db.statements.visibility import Viewer
from graph.document.operation import Document, PreparedOperation
from graph.document.reader_process import DocumentWork
from graph.global_id import encode_id
from graph.plan.plan import QueryPlan, compile_plan
from graph.plan.query_tree import QueryTree
from graph.schema.build import build_schema
from runtime.work_meter import WorkMeter
from tests.graph.limits import LIMITS

pytestmark = pytest.mark.whole

SCHEMA = build_schema()
CONTEXT: Any = SimpleNamespace(
    viewer=Viewer(1, 1, sharing=True),
    caller=SimpleNamespace(scopes=[], viewer=None),
    database_work=WorkMeter(),
)
_RUN = "id name sportType source stravaId startedAt bestEfforts { id distance rank }"
_PAGE = """query($id: ID!, $n: Int = 20, $name: String, $after: String) { athlete(id: $id) {
    id firstName lastName city
    activities(first: $n, after: $after, filter: { nameContains: $name }) { nodes { id name distanceMeters } }
    personalBests { distance elapsedTimeSeconds ageGrade { percent } activity { id name startedAt } } } }"""


def many(selection: str, times: int) -> str:
    return " ".join(f"b{number}: {selection}" for number in range(times))


DOCUMENTS = {
    "tiny": "{ viewer { scopes } }",
    "one row": "query($id: ID!) { activity(id: $id) { id name } }",
    "a page": _PAGE,
    "wide": f"query($id: ID!) {{ {many(f'activity(id: $id) {{ {_RUN} }}', 15)} }}",
    "dense": f"{{ {many('viewer { scopes }', 29)} }}",
    "deep": "query($id: ID!) { athlete(id: $id) { activities(first: 2) { nodes { athlete { activities(first: 3) {"
    " nodes { athlete { id } } } } } } } }",
    "fragments": "query($id: ID!) { athlete(id: $id) { ...A } } fragment A on Athlete { id ...B }"
    " fragment B on Athlete { city firstName }",
    "a long value": f'{{ nodes(ids: ["{"x" * 3000}"]) {{ id }} }}',
    "wide letters": f'{{ activities(filter: {{ nameContains: "{"跑" * 150}" }}) {{ totalCount }} }}',
    "invalid": f"{{ {' '.join(f'x{number}' for number in range(25))} }}",
}


def measured(make: Any) -> tuple[Any, int]:
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return made, size


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_estimates_are_near_what_is_used(text):
    sent = pickle.dumps(DocumentWork(SCHEMA.core, LIMITS).read(text))

    def read() -> Document:
        document = Document(pickle.loads(sent), SCHEMA.costs, LIMITS, bytes(text, "utf-8").decode())
        document.operation(None)
        return document

    read()  # what is shared by all is there
    document, size = measured(read)
    assert size / 1.2 <= document.bytes <= 20_000 + 2 * size
    operation = document.operation(None)
    if operation is None:
        return
    prepared = operation.prepare({"id": encode_id("Activity", 1)} if "$id" in text else {})
    assert isinstance(prepared, PreparedOperation)
    variables = prepared.variables
    QueryTree.from_operation(SCHEMA, operation, variables)
    tree, size = measured(lambda: QueryTree.from_operation(SCHEMA, operation, variables))
    assert size / 1.2 <= tree.bytes
    if "nodes(ids" in text:
        return
    id_ = encode_id("Athlete" if "athlete(" in text else "Activity", 1)
    asked = tree.read(operation.prepare({"id": id_} if "$id" in text else {}).variables)
    places = tuple(range(len(tree.roots)))

    def compiled() -> QueryPlan:
        plan = compile_plan(CONTEXT, tree, asked, places)
        if plan.statement is not None:
            _ = plan.of_many  # its text counts, and is made when first asked for
        return plan

    compiled()
    plan, size = measured(compiled)
    assert size / 1.2 <= plan.bytes <= 20_000 + 3 * size


def test_arguments_that_are_kept_stay_within_their_estimate():
    operation = Document(
        DocumentWork(SCHEMA.core, LIMITS).read(_PAGE), SCHEMA.costs, LIMITS, _PAGE
    ).operation(None)

    def tree_of(values: list[dict[str, Any]]) -> QueryTree:
        prepared = [operation.prepare({"id": encode_id("Athlete", 1), **each}) for each in values]
        tree = QueryTree.from_operation(SCHEMA, operation, prepared[0].variables)
        for each in prepared:
            tree.read(each.variables)
        return tree

    values = [{"n": 1 + number, "name": f"{number}" * 100} for number in range(90)]
    tree_of(values)
    tree, size = measured(lambda: tree_of(values))
    assert size / 1.2 <= tree.bytes
