"""Attacks by what a document holds: too much of something, or something to be found out."""

from tests.security.attacks.world import Attacks, World, data_of, outcome
from tests.security.http_connection import Answer

documents = Attacks()

COP, OWASP, ARMOR = "graphql-cop", "OWASP", "GraphQL Armor"
_SHAPE, _HOSTILE, _COST = (
    "tests/graph/document/test_measure.py",
    "tests/graph/test_hostile_input.py",
    "tests/graph/cost/test_model.py",
)


def _refused(
    name: str, known_from: str, sent: str, query: str, came_back: str, more_in: str, server: str = "default",
    **members: object,
) -> None:  # fmt: skip
    async def run(world: World) -> str:
        return outcome(await world.ask(query, world.attacker.token, server, **members))

    documents.add(name, known_from, sent, came_back, more_in)(run)


def _many(count: int, template: str) -> str:
    return " ".join(template.replace("#", str(number)) for number in range(count))


_refused(
    "Alias overloading",
    f"{COP}; {ARMOR} max-aliases",
    "101 aliases of one field",
    "query cop { " + _many(101, "alias#: __typename") + " }",
    "422 TOO_MANY_ALIASES",
    _SHAPE,
)
_refused(
    "Alias batching (brute force)",
    f"{OWASP} batching attacks",
    "100 guesses of an id in one operation",
    "{ " + _many(100, 'a#: node(id: "QXRobGV0ZTox#") { id }') + " }",
    "422 TOO_MANY_ALIASES",
    _SHAPE,
)
_refused(
    "Aliases multiplied by fragments",
    "Strawberry CVE-2026-47707",
    "6 aliases in a fragment that is spread 20 times",
    "{ " + "...a " * 20 + "} fragment a on Query { " + _many(6, "a#: __typename") + " }",
    "422 TOO_MANY_ALIASES",
    _SHAPE,
)
_refused(
    "Directive overloading",
    f"{COP}; {ARMOR} max-directives",
    "51 directives at one field",
    "{ __typename " + "@aa" * 51 + " }",
    "422 TOO_MANY_DIRECTIVES",
    _SHAPE,
)
_refused(
    "Directives to collect errors by",
    COP,
    "`@aa` ten times: an error for each tells that no limit is there",
    "{ __typename " + "@aa" * 10 + " }",
    "422 GRAPHQL_VALIDATION_FAILED",
    "tests/graph/document/test_store.py",
)
_refused(
    "Field duplication",
    COP,
    "one field 500 times",
    "{ " + "__typename " * 500 + "}",
    "422 TOO_MANY_ROOT_FIELDS",
    _SHAPE,
)
_refused(
    "Fields to be compared with each other",
    "CVE-2023-26144, CVE-2026-40476",
    "1,800 fields of two names",
    "{ viewer { athlete { " + "id firstName " * 900 + "} } }",
    "422 DOCUMENT_TOO_COMPLEX",
    _HOSTILE,
)
_refused(
    "Fields compared within inline fragments",
    "GHSA-fc86-6rv6-2jpm",
    "25 inline fragments in each of 15",
    "{ viewer { "
    + ("... on Viewer { " + "... on Viewer { athlete { id } } " * 12 + "} ") * 15
    + "} }",
    "422 DOCUMENT_TOO_COMPLEX",
    _HOSTILE,
)
_refused(
    "Circular fragments",
    f"{OWASP}; Strawberry CVE-2026-47706",
    "two fragments that spread each other",
    "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
    "422 GRAPHQL_VALIDATION_FAILED",
    _HOSTILE,
)
_refused(
    "Fragments that double",
    ARMOR,
    "40 fragments, each spreading the next one twice",
    "{ __typename ...a0 } fragment a40 on Query { a: __typename } "
    + " ".join(f"fragment a{n} on Query {{ ...a{n + 1} ...a{n + 1} }}" for n in range(40)),
    "422 TOO_MANY_ALIASES",
    _SHAPE,
)
_refused(
    "Deep nesting",
    f"{OWASP} depth; {ARMOR} max-depth",
    "14 levels of fields",
    "{ viewer { " + "athlete { activities(first: 1) { nodes { " * 4 + "id" + " } } }" * 4 + " } }",
    "422 DOCUMENT_TOO_DEEP",
    _SHAPE,
)
_refused(
    "Depth hidden in a fragment named __schema",
    "Armor GHSA-hmfr-rx46-4jx2",
    "the same, in `fragment __schema`",
    "{ viewer { athlete { activities(first: 1) { nodes { ...__schema } } } } } fragment __schema on Activity { "
    + "athlete { activities(first: 1) { nodes { " * 3
    + "id"
    + " } } }" * 3
    + " }",
    "422 DOCUMENT_TOO_DEEP",
    _SHAPE,
)
_refused(
    "Depth hidden in a fragment that was measured elsewhere",
    "Armor GHSA-224p-v68g-5g8f",
    "a fragment spread at level 2, then at level 11",
    "{ viewer { athlete { ...a activities(first: 1) { nodes { athlete { activities(first: 1) { nodes { athlete { "
    "activities(first: 1) { nodes { athlete { ...a } } } } } } } } } } } } fragment a on Athlete { "
    "activities(first: 1) { nodes { id } } }",
    "422 DOCUMENT_TOO_DEEP",
    _SHAPE,
)
_refused(
    "Cost hidden in a fragment named __schema",
    "Armor GHSA-733v-p3h5-qpq7",
    "10,000 objects, in `fragment __schema`",
    "{ ...__schema } fragment __schema on Query { athletes(first: 100) { nodes { activities(first: 100) { nodes { id "
    "} } } } }",
    "422 COST_LIMIT_EXCEEDED",
    _COST,
)
_refused(
    "Nested lists",
    f"{OWASP} amount; {ARMOR} cost-limit",
    "`first: 1000` in `first: 1000`",
    "{ athletes(first: 1000) { nodes { activities(first: 1000) { nodes { id } } } } }",
    "422 COST_LIMIT_EXCEEDED",
    _COST,
)
_refused(
    "Cost hidden in variables",
    "GraphQL Armor counts them as 1",
    "`first: $n` in `first: $n`, n = 1000",
    "query($n: Int!) { athletes(first: $n) { nodes { activities(first: $n) { nodes { id } } } } }",
    "422 COST_LIMIT_EXCEEDED",
    _COST,
    variables={"n": 1000},
)
_refused(
    "Cost hidden in a variable's default",
    "as above",
    "`$n: Int = 1000`, no value sent",
    "query($n: Int = 1000) { athletes(first: $n) { nodes { activities(first: $n) { nodes { id } } } } }",
    "422 COST_LIMIT_EXCEEDED",
    _COST,
)
_refused(
    "Cost behind @include",
    "as above",
    "`@include(if: $yes)` at the dear part",
    "query($yes: Boolean!) { athletes(first: 1000) { nodes { id activities(first: 1000) @include(if: $yes) { nodes "
    "{ id } } } } }",
    "422 COST_LIMIT_EXCEEDED",
    _COST,
    variables={"yes": True},
)
_refused(
    "A page beyond its bounds",
    OWASP,
    "`first: 2000000000`",
    "{ athletes(first: 2000000000) { nodes { id } } }",
    "294 OUT_OF_RANGE",
    "tests/graph/test_pagination.py",
)
_refused(
    "A long document",
    f"{ARMOR} max-tokens",
    "3,000 tokens",
    "{ " + "a " * 3000 + "}",
    "422 DOCUMENT_TOO_LARGE",
    _SHAPE,
)
_refused(
    "A huge string",
    f"{OWASP} input",
    "an id of 100,000 characters",
    '{ node(id: "' + "a" * 100_000 + '") { id } }',
    "422 DOCUMENT_TOO_LARGE",
    _HOSTILE,
)
_refused(
    "Huge variables",
    f"{OWASP} input",
    "5,000 ids",
    "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
    "422 BAD_USER_INPUT",
    "tests/graph/document/test_store.py",
    variables={"ids": ["a"] * 5000},
)
_refused(
    "More ids than may be",
    f"{OWASP} batching attacks",
    "101 ids to `nodes`",
    "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
    "294 OUT_OF_RANGE",
    "tests/graph/cost/test_model.py",
    variables={"ids": ["QXRobGV0ZTox"] * 101},
)
_refused(
    "A text that ends too early",
    OWASP,
    "`{ viewer {` 500 times",
    "{ viewer " * 500,
    "422 DOCUMENT_TOO_DEEP",
    _HOSTILE,
)
_refused(
    "Introspection where it is off",
    f"{COP}; {OWASP}; Armor block-introspection",
    "`__schema`, INTROSPECTION=off",
    "query cop { __schema { types { name fields { name } } } }",
    "422 INTROSPECTION_DISABLED",
    "tests/graph/document/test_store.py",
    "production",
)
_refused(
    "Introspection hidden in a fragment",
    COP,
    "the same, in a fragment",
    "{ ...a } fragment a on Query { __schema { types { name } } }",
    "422 INTROSPECTION_DISABLED",
    "tests/graph/document/test_store.py",
    "production",
)
_refused(
    "Introspection of one type",
    COP,
    "`__type`",
    '{ __type(name: "Athlete") { fields { name } } }',
    "422 INTROSPECTION_DISABLED",
    "tests/graph/document/test_store.py",
    "production",
)
_refused(
    "Deep introspection",
    f"{COP} circular introspection",
    "13 levels of `fields { type }`",
    "{ __schema { types { " + "fields { type { " * 13 + "name" + " } }" * 13 + " } } }",
    "422 DOCUMENT_TOO_DEEP",
    _SHAPE,
)


_refused(
    "Circular introspection",
    COP,
    "`fields { type { … } }` four levels deep",
    "{ __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }",
    "422 GRAPHQL_VALIDATION_FAILED",
    _SHAPE,
)


async def _without(world: World, query: str, *tells: str, **members: object) -> Answer:
    answer = await world.ask(query, **members)
    assert not any(tell in answer.body.decode() for tell in tells), answer.body
    return answer


@documents.add("Field suggestions", f"{COP}; {OWASP}; Armor block-field-suggestions", "`{ __schema { directive } }`",
               "422 GRAPHQL_VALIDATION_FAILED", "tests/graph/document/test_store.py")  # fmt: skip
async def _(world: World) -> str:
    return outcome(
        await _without(world, "query cop { __schema { directive } }", "Did you mean", "directives")
    )


@documents.add(
    "Trace mode",
    COP,
    "`{ __typename }`, and a look for `extensions.tracing`",
    "200",
    "tests/web/limits/test_cost_budget_over_http.py",
)
async def _(world: World) -> str:
    return outcome(await _without(world, "query cop { __typename }", "tracing", "debug"))


@documents.add("Unhandled errors", COP, "`qwerty cop { abc }`, and a look for an exception in the answer",
               "400 GRAPHQL_PARSE_FAILED", "tests/graph/test_error_masking.py")  # fmt: skip
async def _(world: World) -> str:
    return outcome(await _without(world, "qwerty cop { abc }", "exception", "Traceback", ".py"))


@documents.add(
    "SQL in an id",
    f"{OWASP} injection",
    "`Athlete:1 OR 1=1`, as an id",
    "294 INVALID_ID",
    "tests/graph/test_global_id.py",
)
async def _(world: World) -> str:
    query = '{ athlete(id: "QXRobGV0ZToxIE9SIDE9MQ==") { id } }'
    return outcome(await _without(world, query, "syntax", "asyncpg", "SELECT"))


@documents.add(
    "SQL in a cursor",
    f"{OWASP} injection",
    '`after: "\' OR 1=1 --"`',
    "294 INVALID_CURSOR",
    "tests/graph/test_pagination.py",
)
async def _(world: World) -> str:
    return outcome(
        await _without(
            world, '{ athletes(after: "\' OR 1=1 --") { nodes { id } } }', "asyncpg", "SELECT"
        )
    )


@documents.add("SQL and patterns in a filter", f"{OWASP} injection", "`nameContains` of `%`, `_` and `'; DROP TABLE`",
               "200", "tests/graph/test_hostile_input.py")  # fmt: skip
async def _(world: World) -> str:
    query = "query($t: String!) { activities(filter: { nameContains: $t }) { totalCount nodes { id } } }"
    for text in ("%", "_", "\\", "'; DROP TABLE activities; --"):
        answer = await world.ask(query, world.victim.token, variables={"t": text})
        assert data_of(answer) == {"activities": {"totalCount": 0, "nodes": []}}, (
            text,
            answer.body,
        )
    return outcome(answer)
