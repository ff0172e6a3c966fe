"""What is known of a document and of its operations."""

import pytest

from graph.document.store import DocumentStore
from graph.schema.build import build_schema
from tests.graph.limits import LIMITS

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()


@pytest.fixture
def documents():
    return DocumentStore(SCHEMA.costs, LIMITS)


async def test_errors_are_copies_that_may_be_raised(documents):
    document = await documents.read("{ nothing }")
    with pytest.raises(Exception, match="nothing"):
        raise document.errors[0]
    assert document.errors[0].__traceback__ is None


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("{ __schema { types { name } } }", True),
        ('{ viewer { scopes } ...x } fragment x on Query { __type(name: "Query") { name } }', True),
        ("{ __typename viewer { __typename } }", False),
    ],
)  # fmt: skip
async def test_what_asks_about_the_schema_is_known(documents, text, asks):
    assert (await documents.read(text)).operation(None).asks_about_schema is asks


async def test_each_operation_of_a_document_is_itself(documents):
    document = await documents.read(
        "query a { __schema { types { name } } } query b { viewer { scopes } }"
    )
    assert document.operation("a").asks_about_schema
    assert not document.operation("b").asks_about_schema
    assert document.operation(None) is document.operation("c") is None


async def test_kept_documents_know_where_their_fields_stand(documents):
    """Errors of execution have locations."""
    document = await documents.read("query($id: ID!) {\n  node(id: $id) { id }\n}")
    [node] = document.operation(None).node.selection_set.selections
    assert (node.loc.start, node.loc.source.get_location(node.loc.start)) == (20, (2, 3))
