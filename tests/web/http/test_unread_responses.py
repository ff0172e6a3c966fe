"""Answers that a client does not read: they are bounded in bytes for each address, and cut."""

import json
import socket
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

import web
from tests import factories as make
from tests.security.connection_floods import connect
from tests.security.http_connection import post, request
from tests.web.api_process import ApiProcess, api_process
from tests.web.http.test_address_bounds import bounded, bounds_of, connected, read_all

pytestmark = pytest.mark.whole

__all__ = ["bounds_of"]

_ASSETS = Path(web.__file__).parent / "graphiql" / "dist" / "assets"
_LARGEST = max(_ASSETS.iterdir(), key=lambda each: each.stat().st_size)
FILE = request("GET", f"/graphiql/assets/{_LARGEST.name}")
SCHEMA_QUERY = (
    "{ __schema { types { name description fields { name description args { name description "
    "defaultValue type { name } } } inputFields { name description } } } }"
)
SCHEMA = post(SCHEMA_QUERY)
TYPENAME = post("{ __typename }", {"connection": "close"})
LEAST = {"unread_bytes_per_address": 64 * 1024}
UNLIMITED_READING = {"cost_refill_ip_per_s": 10**6}


def narrow(address: str, source: str = "127.0.0.1") -> socket.socket:
    """A connection whose client holds little, and reads nothing by itself."""
    host, port = address.split(":")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.bind((source, 0))
    made.settimeout(10)
    made.connect((host, int(port)))
    return made


def soon(is_so) -> bool:
    ends = time.monotonic() + 5
    while not is_so() and time.monotonic() < ends:
        time.sleep(0.05)
    return is_so()


def sum_of_log(folder: Path, what: str) -> int:
    return (folder / "api.log").read_text().count(what)


# --- the count


def test_unread_bytes_are_counted_for_their_address(bounds_of):
    bounds = bounds_of(unread_bytes_per_address=100_000)
    one, two, other = bounds.enter("1.2.3.4"), bounds.enter("1.2.3.4"), bounds.enter("1.2.3.5")
    assert one.leaves_unread(60_000)
    assert two.leaves_unread(40_000)
    assert not two.leaves_unread(40_001)
    assert other.leaves_unread(100_000)
    assert one.leaves_unread(50_000)  # less than before
    one.leave()
    assert two.leaves_unread(100_000)
    assert bounds.struck["unread"] == 1


def test_a_trusted_proxy_may_leave_more(bounds_of):
    bounds = bounds_of(unread_bytes_per_address=100_000, trusted_proxies=("10.0.0.0/8",))
    assert bounds.enter("10.1.1.1").leaves_unread(10**9)


def test_a_connection_that_the_kernel_ended_counts(bounds_of):
    bounds = bounds_of()
    bounds.enter("1.2.3.4").lost(TimeoutError(110, "Connection timed out"))
    bounds.enter("1.2.3.4").lost(ConnectionResetError())
    bounds.enter("1.2.3.4").lost(None)
    assert bounds.struck["unread"] == 1


# --- connections


@pytest.fixture
def api(settings, tmp_path):
    with api_process(settings, tmp_path, **LEAST, **UNLIMITED_READING) as made:
        yield made


def test_who_leaves_too_much_unread_is_cut_and_others_are_not(api: ApiProcess, tmp_path):
    with ExitStack() as stack:
        for _ in range(4):
            greedy = stack.enter_context(closing(narrow(api.address, "127.0.0.2")))
            greedy.sendall(SCHEMA * 2)
        assert soon(lambda: bounded(api.address, "unread") >= 1)
        with connected(api.address) as honest:
            honest.sendall(SCHEMA + TYPENAME)
            assert read_all(honest).count(b"HTTP/1.1 200 OK") == 2
        assert sum_of_log(tmp_path, '"unread"') + sum_of_log(tmp_path, "bound=unread") >= 1


MOST = 2 * 1024 * 1024


def test_answers_that_wait_for_a_websocket_are_bounded(settings, tmp_path):
    """One is on its way, and the others wait for it."""
    options = {**UNLIMITED_READING, "unread_bytes_per_address": MOST}
    with api_process(settings, tmp_path, **options) as api:
        host, port = api.address.split(":")
        with closing(connect((host, int(port)), is_websocket=True)) as client:
            client.settimeout(10)
            for number in range(40):
                payload = {"query": SCHEMA_QUERY}
                message = {"type": "subscribe", "id": str(number), "payload": payload}
                frame = Frame(Opcode.TEXT, json.dumps(message).encode())
                client.sendall(frame.serialize(mask=True))
            assert soon(lambda: bounded(api.address, "unread") == 1)
        assert soon(lambda: api.gauges()["open_connections"] == 0)


def test_parts_that_wait_are_bounded(settings, db, tmp_path):
    person = make.create_person(db)
    for _ in range(100):
        make.create_activity(db, person.athlete_id, notes="of a long run, " * 600)
    parts = "".join(
        f' ... @defer(label: "{name}") {{ {name}: activities(first: 100) {{ nodes {{ notes }} }} }}'
        for name in "abcdef"
    )
    headers = {
        "accept": "multipart/mixed, application/json", "authorization": f"Bearer {person.token}",
    }  # fmt: skip
    asked = post(f"{{ viewer {{ athlete {{ id {parts} }} }} }}", headers)
    with (
        api_process(settings, tmp_path, unread_bytes_per_address=MOST) as api,
        closing(narrow(api.address)) as client,
    ):
        client.sendall(asked)
        time.sleep(2)  # the first part is on its way, and the others gather behind it
        answer = b""
        with suppress(ConnectionError):
            while block := client.recv(65536):
                answer += block
        assert b'"hasNext":true' in answer
        assert b'"hasNext":false' not in answer
        assert soon(lambda: bounded(api.address, "unread") == 1)


def test_a_file_is_shared_and_does_not_count(api: ApiProcess):
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(narrow(api.address))) for _ in range(4)]
        for each in opened:
            each.sendall(FILE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        time.sleep(1)
        assert bounded(api.address, "unread") == 0
        for each in opened[:2]:
            assert read_all(each).partition(b"\r\n\r\n")[2] == _LARGEST.read_bytes()


def test_no_request_begins_while_an_answer_is_unread(api: ApiProcess):
    def answered() -> float:
        return api.gauges()["planned_operations_total"]

    with closing(narrow(api.address)) as client:
        before = answered()
        client.sendall(FILE + post("{ __typename }") + TYPENAME)
        time.sleep(0.5)
        assert answered() == before
        received = read_all(client)
    assert received.count(b'{"data":{"__typename":"Query"}') == 2
    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_a_client_that_is_gone_begins_nothing(api: ApiProcess):
    with closing(narrow(api.address)) as client:
        client.sendall(FILE + TYPENAME)
        time.sleep(0.3)
    assert soon(lambda: api.gauges()["client_connections"] == 1)  # the one that asks
    assert sum(name.startswith("operations_under_way") for name in api.gauges()) == 1
    assert api.gauges()["operations_under_way"] == 0


def test_a_client_that_reads_nothing_is_ended_in_time(settings, tmp_path):
    with (
        api_process(settings, tmp_path, subscription_send_timeout_s=1) as api,
        closing(narrow(api.address)) as client,
    ):
        client.sendall(FILE)
        assert soon(lambda: bounded(api.address, "unread") == 1)
        with pytest.raises(ConnectionError):
            read_all(client)


def test_the_kernel_takes_little_of_what_is_unread(settings, tmp_path):
    """It would take up to 4 MB of each connection."""
    with api_process(settings, tmp_path) as api, ExitStack() as stack:
        before = kernel_mb()
        for _ in range(100):
            stack.enter_context(closing(narrow(api.address))).sendall(FILE)
        time.sleep(1)
        assert kernel_mb() - before < 40


def kernel_mb() -> float:
    """Memory of all TCP connections of the machine."""
    text = Path("/proc/net/sockstat").read_text()
    pages = next(line for line in text.splitlines() if line.startswith("TCP:")).split()[-1]
    return int(pages) * 4096 / 2**20
