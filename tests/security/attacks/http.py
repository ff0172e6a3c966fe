"""Attacks by HTTP itself: where a request comes from, how it is framed, what it carries besides a
document.
"""

import asyncio
import gzip
import json
from time import perf_counter

from tests.security.attacks.world import ACCEPT, Attacks, World, data_of, outcome
from tests.security.http_connection import Answer, Connection, post, request

http = Attacks()

COP, OWASP, STRAWBERRY = "graphql-cop", "OWASP", "Strawberry"
_HTTP, _CROSS = "tests/web/protocols/test_graphql_over_http.py", "tests/web/http/test_cross_site.py"
_PROTOCOL, _SIGN_IN, _BODY = (
    "tests/web/http/test_bounded_protocol.py",
    "tests/web/routes/test_sign_in.py",
    "tests/web/http/test_body.py",
)
_FORM = b"query=%7B__typename%7D"
_MUTATION = 'mutation { submitFeedback(input: { message: "x" }) { userErrors { code } } }'


@http.add(
    "Array batching",
    f"{COP}; {OWASP} batching attacks",
    "a list of ten operations",
    "422 BATCHING_DISABLED",
    _HTTP,
)
async def _(world: World) -> str:
    return outcome(
        await world.send(
            request("POST", "/graphql", ACCEPT, json.dumps([{"query": "{a}"}] * 10).encode())
        )
    )


@http.add(
    "Mutation by GET",
    COP,
    "`mutation cop { __typename }` in the address",
    "405 BAD_USER_INPUT",
    _HTTP,
)
async def _(world: World) -> str:
    return outcome(await world.get("/graphql?query=mutation%20cop%20%7B__typename%7D"))


@http.add(
    "Query by GET",
    COP,
    "`{ __typename }` in the address: answered, for caches; it can change nothing",
    "200",
    _HTTP,
)
async def _(world: World) -> str:
    return outcome(await world.get("/graphql?query=query%20cop%20%7B__typename%7D"))


def _typed(name: str, known_from: str, media_type: str, body: bytes) -> None:
    @http.add(
        name,
        known_from,
        f"a POST of `{media_type.partition(';')[0]}` with the victim's cookie",
        "415 UNSUPPORTED_MEDIA_TYPE",
        _CROSS,
    )
    async def _(world: World) -> str:
        headers = {**ACCEPT, "content-type": media_type, "cookie": world.cookie}
        return outcome(await world.send(request("POST", "/graphql", headers, body)))


_typed("CSRF by a form", COP, "application/x-www-form-urlencoded", _FORM)
_typed("CSRF by plain text", OWASP, "text/plain", b'{"query": "{ __typename }"}')
_typed(
    "CSRF by an upload",
    f"{STRAWBERRY} CVE-2024-47082",
    "multipart/form-data; boundary=x",
    b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"{__typename}"}\r\n--x--',
)


@http.add(
    "Backslashes in a quoted cookie",
    "Python CVE-2024-7592",
    "12,000 of them, answered within a second: nothing unquotes them",
    "200",
    "tests/web/http/test_header_fields.py",
)
async def _(world: World) -> str:
    headers = {**ACCEPT, "cookie": 'a="%s"' % ("\\a" * 12_000)}
    began = perf_counter()
    answer = await world.send(post("{ __typename }", headers))
    return outcome(answer) if perf_counter() - began < 1 else "too late"


@http.add(
    "CSRF by script",
    OWASP,
    "JSON from another site, with the victim's cookie",
    "403 CROSS_SITE",
    _CROSS,
)
async def _(world: World) -> str:
    return outcome(
        await world.ask(
            _MUTATION, headers={"cookie": world.cookie, "origin": "https://evil.example"}
        )
    )


@http.add("Reading across sites", OWASP, "a preflight from another site", "204", _CROSS)
async def _(world: World) -> str:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await world.send(request("OPTIONS", "/graphql", headers))
    assert b"access-control" not in answer.head.lower()
    return outcome(answer)


@http.add(
    "GraphiQL found",
    COP,
    "`GET /graphiql`, GRAPHIQL=off",
    "404",
    "tests/web/routes/test_graphiql_page.py",
)
async def _(world: World) -> str:
    answer = await world.get("/graphiql", "production", accept="text/html")
    assert b"GraphiQL" not in (await world.get("/graphql", "production", accept="text/html")).body
    return outcome(answer)


@http.add(
    "Clickjacking", OWASP, "GraphiQL in a frame", "200", "tests/web/http/test_security_headers.py"
)
async def _(world: World) -> str:
    answer = await world.get("/graphiql", accept="text/html")
    assert "frame-ancestors 'none'" in answer.header("content-security-policy")
    return outcome(answer)


@http.add(
    "A token in the address",
    f"{STRAWBERRY} CVE-2026-45739",
    "`?token=…`, `?authorization=Bearer …`",
    "200",
    "tests/web/auth/test_identity.py",
)
async def _(world: World) -> str:
    token = world.victim.token
    target = f"/graphql?query=%7Bviewer%7Bscopes%7D%7D&token={token}&access_token={token}&authorization=Bearer%20{token}"
    answer = await world.get(target)
    assert data_of(answer) == {"viewer": None}
    assert token not in world.log("default")
    return outcome(answer)


@http.add(
    "Guessing tokens",
    OWASP,
    "a token that was never given",
    "401 UNAUTHENTICATED",
    "tests/web/auth/test_identity.py",
)
async def _(world: World) -> str:
    return outcome(await world.ask("{ __typename }", "pace_" + "0" * 64))


@http.add("A forged session", OWASP, "a cookie with `alg: none`", "200", _SIGN_IN)
async def _(world: World) -> str:
    name = world.cookie.partition("=")[0]
    answer = await world.ask(
        "{ viewer { scopes } }", headers={"cookie": f"{name}=eyJhbGciOiJub25lIn0.eyJzdWIiOjF9."}
    )
    assert data_of(answer) == {"viewer": None}
    return outcome(answer)


@http.add(
    "Login CSRF, session fixation",
    OWASP,
    "the callback with a state of another browser",
    "400 SIGN_IN_EXPIRED",
    _SIGN_IN,
)
async def _(world: World) -> str:
    answer = await world.get("/strava/callback?state=planted&code=mine")
    assert b"pacegraph_session" not in answer.head
    return outcome(answer)


@http.add("Open redirect", OWASP, "`/auth/strava?next=https://evil.example`", "303", _SIGN_IN)
async def _(world: World) -> str:
    answer = await world.get(
        "/auth/strava?next=https://evil.example&back_to=//evil.example&redirect_uri=https://evil.example"
    )
    assert "evil" not in answer.header("location")
    return outcome(answer)


@http.add(
    "Forged X-Forwarded-For",
    "rate limits",
    "a new address in each of 3 requests, no proxy trusted",
    "200",
    "tests/web/http/test_client_address.py",
)
async def _(world: World) -> str:
    left = []
    for number in range(3):
        answer = await world.ask(
            "{ rateLimit { remaining } __schema { types { fields { name } } } }",
            headers={"x-forwarded-for": f"9.9.9.{number}"},
        )
        left.append(data_of(answer)["rateLimit"]["remaining"])
    assert left[0] > left[1] > left[2]  # one budget
    return outcome(answer)


@http.add("A long body", OWASP, "300 KiB", "413 BODY_TOO_LARGE", _BODY)
async def _(world: World) -> str:
    return outcome(await world.send(request("POST", "/graphql", ACCEPT, b" " * 300 * 1024)))


@http.add(
    "Decompression bomb",
    OWASP,
    "100 MB of zeros in 100 KB of gzip",
    "415 UNSUPPORTED_MEDIA_TYPE",
    _HTTP,
)
async def _(world: World) -> str:
    packed = gzip.compress(bytes(100_000_000), 9)
    return outcome(
        await world.send(
            request("POST", "/graphql", {**ACCEPT, "content-encoding": "gzip"}, packed)
        )
    )


@http.add(
    "BREACH",
    "compression of secrets",
    "a new token, with `Accept-Encoding: gzip, br`: it comes uncompressed",
    "200",
    "tests/web/protocols/test_response.py",
)
async def _(world: World) -> str:
    query = 'mutation { createApiToken(input: { name: "x", scopes: [READ] }) { secret } }'
    answer = await world.ask(query, world.victim.token, headers={"accept-encoding": "gzip, br"})
    assert data_of(answer)["createApiToken"]["secret"]
    assert not answer.header("content-encoding")
    return outcome(answer)


async def _raw(world: World, data: bytes) -> bytes:
    connection = Connection(world.servers["default"])
    reader, writer = await connection.open()
    writer.write(data)
    try:
        async with asyncio.timeout(2):
            return await reader.read()
    except TimeoutError:
        return await reader.read(65536) if reader._buffer else b""
    finally:
        await connection.end()


@http.add(
    "Request smuggling",
    OWASP,
    "Content-Length and Transfer-Encoding, a second request hidden in the body",
    "400",
    _PROTOCOL,
)
async def _(world: World) -> str:
    hidden = post(_MUTATION, {"authorization": f"Bearer {world.victim.token}"})
    head = "content-length: 4\r\ntransfer-encoding: chunked\r\ncontent-type: application/json"
    came = await _raw(
        world, f"POST /graphql HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n0\r\n\r\n".encode() + hidden
    )
    assert came.count(b"content-length: ") == 1, came
    assert b"submitFeedback" not in came
    return came[9:12].decode()


@http.add("Too many headers", OWASP, "1,000 headers", "431", _PROTOCOL)
async def _(world: World) -> str:
    return (await _raw(world, b"GET /graphql HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n"))[
        9:12
    ].decode()


@http.add(
    "Slow headers (slowloris)",
    OWASP,
    "half of a request's head, and nothing more",
    "408",
    _PROTOCOL,
)
async def _(world: World) -> str:
    return await _slowly(world, b"POST /graphql HTTP/1.1\r\nhost: x\r\n")


@http.add("Slow body", OWASP, "half of a body, and nothing more", "408 BODY_TIMEOUT", _BODY)
async def _(world: World) -> str:
    return await _slowly(
        world, request("POST", "/graphql", {**ACCEPT, "content-length": "100"}, b'{"query"')
    )


async def _slowly(world: World, data: bytes) -> str:
    connection, began = Connection(world.servers["default"]), perf_counter()
    answer = await connection.send(data)
    assert perf_counter() - began < 12
    await connection.end()
    return outcome(Answer(answer.status, answer.head, answer.body))


@http.add(
    "Header injection",
    f"{OWASP} CRLF injection",
    "a line's end in `X-Request-Id` and in an operation's name",
    "400 GRAPHQL_PARSE_FAILED",
    "tests/web/http/test_request_log.py",
)
async def _(world: World) -> str:
    answer = await world.ask(
        "query a\r\nset-cookie: x=y { __typename }",
        headers={"x-request-id": "a%0d%0aset-cookie: x=y"},
    )
    assert b"set-cookie" not in answer.head.lower()
    return outcome(answer)


@http.add(
    "Log injection",
    OWASP,
    "a log line in an operation's name, a header and a string",
    "294 INVALID_ID",
    "tests/logs/test_logs.py",
)
async def _(world: World) -> str:
    forged = '\n{"level": "INFO", "message": "forged"}'
    answer = await world.ask(
        "query($id: ID!) { node(id: $id) { id } }",
        headers={"user-agent": "x", "x-request-id": '{"a":1}'},
        variables={"id": forged},
    )
    assert all(isinstance(json.loads(line), dict) for line in world.log("default").splitlines())
    assert '"message": "forged"' not in world.log("default")
    return outcome(answer)
