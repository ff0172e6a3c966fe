"""What `pacegraph doctor --through` says of a proxy that does something wrong."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from websockets.sync.server import serve

from operator_commands.checks import proxy as checks
from operator_commands.checks import proxy_streams
from operator_commands.checks.failure import CheckFailed
from operator_commands.checks.proxy import Proxy
from settings import load_settings

SOUND = {
    "peer": "10.0.0.1",
    "port": 5,
    "isTrusted": True,
    "isForwarded": True,
    "isDirect": False,
    "address": "198.51.100.2",
    "scheme": "https",
    "host": "runs.example",
    "bodyMaxBytes": 100,
}
OK, EVENT = 200, b'event: next\ndata: {"data": {"__typename": "Query"}}\n\n'


def through(url: str = "https://runs.example", seen: dict | None = None, **values) -> Proxy:
    """A proxy of which is known what the API sees through it."""
    made = Proxy(url, load_settings(None, **values))
    vars(made)["seen"] = SOUND | (seen or {})
    return made


@contextmanager
def answering(answers: dict[str, tuple[int, bytes]]):
    """A proxy that answers by method, and path if it matters; all else is answered 200 and nothing."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked = self.rfile.read(int(self.headers.get("content-length", 0)))
            keys = (f"{self.command} {self.path} {len(asked)}", f"{self.command} {self.path}")
            status, body = next((answers[key] for key in keys if key in answers), (OK, b""))
            self.send_response(status)
            self.send_header("content-length", str(max(len(body), int(body == b"cut") * 100)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - names of BaseHTTPRequestHandler

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield through(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({}, None),
        ({"isDirect": True, "address": "10.0.0.1"}, None),
        ({"address": "203.0.113.77"}, "believes what a client writes into X-Forwarded-For"),
        ({"isTrusted": False}, "Name that proxy in TRUSTED_PROXIES"),
        ({"isForwarded": False}, "Let that proxy set X-Forwarded-For"),
    ],
)
def test_clients_that_all_seem_to_be_the_proxy(seen, said):
    if said is None:
        assert checks.check_address(through(seen=seen)).startswith("this machine is")
    else:
        with pytest.raises(CheckFailed, match=said):
            checks.check_address(through(seen=seen))


@pytest.mark.parametrize(
    ("seen", "values", "said"),
    [
        ({}, {}, None),
        ({"scheme": "http"}, {}, "X-Forwarded-Proto"),
        ({"host": "127.0.0.1:8000"}, {}, "gets the host 127.0.0.1:8000, not runs.example"),
        ({}, {"public_url": "https://other.example"}, "Set it to https://runs.example"),
    ],
)
def test_what_the_api_knows_of_its_address(seen, values, said):
    if said is None:
        assert checks.check_scheme_and_host(through(seen=seen)) == "https://runs.example"
    else:
        with pytest.raises(CheckFailed, match=said):
            checks.check_scheme_and_host(through(seen=seen, **values))


GRAPHQL, UPLOAD = "POST /graphql", "PUT /uploads/unknown"
LIMITED = {f"{GRAPHQL} 101": (413, b""), UPLOAD: (404, b"")}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (LIMITED, None),
        (LIMITED | {f"{GRAPHQL} 100": (413, b"")}, "Raise the proxy's limit"),
        (LIMITED | {f"{GRAPHQL} 101": (502, b"")}, "answered 502, not 413"),
        (LIMITED | {UPLOAD: (413, b"")}, "Bound no bodies of /uploads"),
    ],
)
def test_limits_of_bodies(answers, said):
    with answering(answers) as proxy:
        if said is None:
            assert checks.check_bodies(proxy) == "up to 100 bytes, and files"
        else:
            with pytest.raises(CheckFailed, match=said):
                checks.check_bodies(proxy)


STREAM = "/graphql/stream"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({f"GET {STREAM}": (OK, EVENT)}, None),
        ({f"PUT {STREAM}": (405, b"")}, "Pass on PUT and DELETE"),
        ({f"GET {STREAM}": (404, b"")}, f"GET {STREAM} is answered 404"),
        ({f"POST {STREAM}": (502, b"")}, f"POST {STREAM} is answered 502"),
        (
            {f"GET {STREAM}": (OK, b": none\n\n")},
            "ended without an event. Let the proxy not buffer",
        ),
        ({f"GET {STREAM}": (OK, b"cut")}, "the event stream broke off"),
    ],
)
def test_events_that_do_not_come_through(answers, said):
    with answering(answers) as proxy:
        if said is None:
            assert "events come after" in proxy_streams.check_events(proxy)
        else:
            with pytest.raises(CheckFailed, match=said):
                proxy_streams.check_events(proxy)


def test_web_sockets_and_http2_that_do_not_work():
    def refuse(socket) -> None:
        socket.recv()
        socket.send(json.dumps({"type": "connection_ack"}))
        socket.recv()
        socket.send(json.dumps({"type": "error"}))

    with serve(refuse, "127.0.0.1", 0, subprotocols=["graphql-transport-ws"]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"127.0.0.1:{server.socket.getsockname()[1]}"
        with pytest.raises(CheckFailed, match="answers connection_ack and error"):
            proxy_streams.check_web_sockets(through(f"http://{url}"))
        server.shutdown()
        thread.join()
    with answering({}) as proxy:
        with pytest.raises(CheckFailed, match=r"does not open .* Pass Upgrade and Connection on"):
            proxy_streams.check_web_sockets(proxy)
        assert "not without TLS" in proxy_streams.check_http2(proxy)
        with pytest.raises(CheckFailed, match="TLS fails"):
            proxy_streams.check_http2(through(proxy.url.replace("http:", "https:")))
    with pytest.raises(CheckFailed, match="no answer"):
        checks.check_metrics(proxy)
