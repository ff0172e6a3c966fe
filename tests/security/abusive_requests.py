"""What abusive clients send. Each request has UNLIKE in it, for which something new is put in each
time it is sent: so that nothing is answered from what is known, and making requests costs the
abusers little.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from itertools import count

from tests.security.http_connection import post, request

Headers = dict[str, str]
Template = Callable[[Headers], bytes]

UNLIKE = "qxxxxxxxxx"
_numbers = count(1)

_INTROSPECTION = """{ __schema { queryType { name } types { kind name description fields(includeDeprecated: true) {
    name description args { name description type { ...T } defaultValue } type { ...T } isDeprecated }
    inputFields { name type { ...T } } interfaces { ...T } enumValues { name description } possibleTypes { ...T } }
    directives { name description locations args { name type { ...T } } } } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }"""
_ALL_OF_AN_ACTIVITY = """id name sportType source stravaId startedAt startedAtLocal timezone distanceMeters
    elapsedTimeSeconds movingTimeSeconds elevationGainMeters averagePaceSecondsPerKilometer visibility"""


def unlike_any_before(template: bytes) -> bytes:
    """Put something new into a template, which stays as long as it is."""
    return template.replace(UNLIKE.encode(), b"q%09d" % next(_numbers))


def long_document(headers: Headers) -> bytes:
    """Sound, nearly 2,000 tokens."""
    fields = " ".join(
        f"{UNLIKE}{n}: activity(id: $id) {{ {f'{_ALL_OF_AN_ACTIVITY} ' * 3} bestEfforts {{ id distance rank }} }}"
        for n in range(28)
    )
    return post(f"query($id: ID!) {{ {fields} }}", headers, variables={"id": _node("Activity", 1)})


def entangled_document(headers: Headers) -> bytes:
    """One whose fields all have to be compared with each other."""
    return post(f"query {UNLIKE} {{ viewer {{ athlete {{ {'id firstName ' * 900} }} }} }}", headers)


def dearest_query(headers: Headers) -> bytes:
    """As much as one operation may cost, over all athletes."""
    inner = f"activities(first: 60) {{ nodes {{ {_ALL_OF_AN_ACTIVITY} }} }}"
    return post(f"query {UNLIKE} {{ athletes(first: 75) {{ nodes {{ id {inner} }} }} }}", headers)


def dearest_of_a_runner(headers: Headers) -> bytes:
    """The same along a way on which there is something to be seen by anybody."""
    inner = "athlete { activities(first: 66) { nodes { id name startedAt } } }"
    inner = f"activities(first: 70) {{ nodes {{ id {inner} }} }}"
    return post(f"query {UNLIKE} {{ viewer {{ athlete {{ {inner} }} }} }}", headers)


def beyond_the_cost(headers: Headers) -> bytes:
    """`first: 1000` in `first: 1000`."""
    inner = (
        "activities(first: 1000) { nodes { athlete { activities(first: 1000) { nodes { id } } } } }"
    )
    return post(f"query {UNLIKE} {{ athletes(first: 1000) {{ nodes {{ {inner} }} }} }}", headers)


def scan(headers: Headers) -> bytes:
    """A search that no index helps, over all there is."""
    query = "query($t: String!) { activities(filter: { nameContains: $t }, first: 1) { totalCount nodes { id } } }"
    return post(query, headers, variables={"t": UNLIKE})


def far_end(headers: Headers) -> bytes:
    """The last of a list, in an order of its own."""
    order = "orderBy: { field: MOVING_TIME }, filter: { nameContains: $t }"
    query = f"query($t: String!) {{ a: activities(last: 100, {order}) {{ nodes {{ id }} }} }}"
    return post(query, headers, variables={"t": "Morning", "x": UNLIKE})


def broken_document(headers: Headers) -> bytes:
    """No GraphQL."""
    return post("{ " + "viewer { " * 150 + UNLIKE, headers)


def unknown_fields(headers: Headers) -> bytes:
    """Names to guess at the schema with."""
    return post("{ " + " ".join(f"{UNLIKE}{number}" for number in range(25)) + " }", headers)


def aliases(headers: Headers) -> bytes:
    """The same field under hundreds of names."""
    return post(
        "{ " + " ".join(f"{UNLIKE}{n}: rateLimit {{ remaining }}" for n in range(300)) + " }",
        headers,
    )


def nesting(headers: Headers) -> bytes:
    """As deep as a text goes."""
    inner = "activities { nodes { athlete { " * 60 + "id" + " } } }" * 60
    return post(f"query {UNLIKE} {{ viewer {{ athlete {{ {inner} }} }} }}", headers)


def fragments(headers: Headers) -> bytes:
    """Fragments that double with each step."""
    steps = " ".join(f"fragment a{n} on Query {{ ...a{n + 1} ...a{n + 1} }}" for n in range(60))
    return post(
        f"query {UNLIKE} {{ ...a0 }} {steps} fragment a60 on Query {{ __typename }}", headers
    )


def introspection(headers: Headers) -> bytes:
    """All of the schema."""
    return post(f"query {UNLIKE} {_INTROSPECTION}", headers)


def batch(headers: Headers) -> bytes:
    """A hundred operations at once."""
    return request(
        "POST", "/graphql", headers, json.dumps([{"query": f"{{ {UNLIKE} }}"}] * 100).encode()
    )


def long_body(headers: Headers) -> bytes:
    """Just as much as is read, of no use."""
    ids = ["x" * 40] * 5000
    return post(
        "query($a: [ID!]!) { nodes(ids: $a) { id } }", headers, variables={"a": ids, "b": UNLIKE}
    )


def too_long_body(headers: Headers) -> bytes:
    """More than is read."""
    return post(UNLIKE, headers, variables={"a": "x" * 400_000})


def guessed_token(headers: Headers) -> bytes:
    """A token that was never given."""
    return post(
        "{ viewer { scopes } }", {**headers, "authorization": f"Bearer pace_{UNLIKE}{'0' * 50}"}
    )


def guessed_session(headers: Headers) -> bytes:
    """A cookie that nobody signed."""
    others = {name: value for name, value in headers.items() if name != "authorization"}
    return post(
        "{ viewer { scopes } }",
        {**others, "cookie": f"pacegraph_session=eyJhbGciOiJub25lIn0.{UNLIKE}.x"},
    )


def get_query(headers: Headers) -> bytes:
    """By address, for caches to be filled with."""
    return request("GET", f"/graphql?query=query%20{UNLIKE}%7B__typename%7D", headers)


def mutation(headers: Headers) -> bytes:
    """Writes, as many as are let through."""
    query = (
        "mutation($m: String!) { submitFeedback(input: { message: $m }) { userErrors { code } } }"
    )
    return post(query, headers, variables={"m": UNLIKE * 50})


def registration(headers: Headers) -> bytes:
    """A text to be kept for later. Its hash is of its own, so it is made anew each time."""
    query = f"query q{next(_numbers)} {{ __typename {'rateLimit { remaining } ' * 20} }}"
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}
    return post(query, headers, extensions=hashed)


def _node(type_name: str, number: int) -> str:
    return b64encode(f"{type_name}:{number}".encode()).decode()


TEMPLATES: tuple[Template, ...] = (
    long_document, entangled_document, dearest_query, dearest_of_a_runner, beyond_the_cost, scan, far_end,
    broken_document, unknown_fields, aliases, nesting, fragments, introspection, batch, long_body, too_long_body,
    guessed_token, guessed_session, get_query, mutation,
)  # fmt: skip
