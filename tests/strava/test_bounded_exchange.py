"""An answer of Strava is bounded as a whole: its time, its bytes, and a check that ends it."""

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from pydantic import SecretStr

from strava.bounded_exchange import interrupted_by
from strava.client import StravaClient
from strava.errors import StravaTooLarge, StravaTooSlow, StravaUnavailable, StravaUnreadable
from tests.patience import PATIENCE_S
from tests.strava.plain_server import sending, serving

TOKEN = SecretStr("x")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MAX_BYTES = 100_000


@contextmanager
def client_of(answer: Callable[[socket.socket], None], **limits: float) -> Iterator[StravaClient]:
    with (
        serving(answer) as url,
        StravaClient(
            api_url=url,
            oauth_url=url,
            client_id="1",
            client_secret=SecretStr("s"),
            max_bytes=MAX_BYTES,
            **{"timeout_s": PATIENCE_S, "refresh_timeout_s": PATIENCE_S} | limits,
        ) as client,
    ):
        yield client


def dripping(start: bytes, rest: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        for number in range(len(rest)):
            connection.sendall(rest[number : number + 1])
            time.sleep(0.1)

    return answer


@pytest.mark.parametrize(
    ("start", "rest"),
    [
        (b"", HEAD * 2),
        (HEAD, b"X-Slow: " + b"y" * 99),
        (HEAD + b"\r\n", b'{"id": 1, "x": "yyyyy"}'),
    ],
)
def test_an_answer_that_drips_ends_in_time(start, rest):
    with client_of(dripping(start, rest), timeout_s=0.5) as client:
        began = time.monotonic()
        with pytest.raises(StravaTooSlow):
            client.athlete(TOKEN)
    assert 0.4 < time.monotonic() - began < PATIENCE_S


def test_a_refresh_may_take_longer():
    body = b'{"access_token": "a", "refresh_token": "r", "expires_at": 1}'

    def late(connection: socket.socket) -> None:
        time.sleep(0.8)
        connection.sendall(HEAD + b"\r\n" + body)

    with client_of(late, timeout_s=0.5, refresh_timeout_s=PATIENCE_S) as client:
        assert client.refresh(TOKEN).refresh_token.get_secret_value() == "r"
        with pytest.raises(StravaTooSlow):
            client.exchange_code("c")


def test_a_check_ends_an_answer_that_drips():
    class Cancelled(Exception):
        pass

    began = time.monotonic()

    def check() -> None:
        if time.monotonic() - began > 0.3:
            raise Cancelled

    with client_of(dripping(HEAD, b"X-Slow: " + b"y" * 99)) as client:
        with interrupted_by(check), pytest.raises(Cancelled):
            client.athlete(TOKEN)
        assert time.monotonic() - began < 5


def test_an_answer_in_many_pieces_is_looked_at_a_few_times_a_second():
    body = b'{"id": 1}' + b" " * 91

    def in_pieces(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        for number in range(len(body)):
            connection.sendall(body[number : number + 1])
            time.sleep(0.003)

    looks = []
    with client_of(in_pieces) as client, interrupted_by(lambda: looks.append(time.monotonic())):
        client.athlete(TOKEN)
    assert len(looks) >= 2
    assert min(after - before for before, after in pairwise(looks)) > 0.09


def pieces_of(size: int) -> list[bytes]:
    return [b" " * 10_000] * (size // 10_000)


@pytest.mark.parametrize(
    "answer",
    [
        sending(HEAD, b"\r\n", *pieces_of(2 * MAX_BYTES)),
        sending(HEAD, b"Content-Length: 400000000\r\n\r\n", *pieces_of(2 * MAX_BYTES)),
    ],
)
def test_a_huge_answer_is_not_read_on(answer):
    with client_of(answer) as client, pytest.raises(StravaTooLarge):
        client.athlete(TOKEN)


@pytest.mark.parametrize("wbits", [zlib.MAX_WBITS | 16, zlib.MAX_WBITS])
def test_what_unfolds_to_400_mb_takes_no_memory(wbits):
    packer = zlib.compressobj(wbits=wbits)
    packed = b"".join(packer.compress(b" " * 1_000_000) for _ in range(400)) + packer.flush()
    name = b"gzip" if wbits > zlib.MAX_WBITS else b"deflate"
    with client_of(sending(HEAD, b"Content-Encoding: " + name + b"\r\n\r\n", packed)) as client:
        tracemalloc.start()
        try:
            with pytest.raises(StravaTooLarge):
                client.athlete(TOKEN)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < 20 * MAX_BYTES


GZIP = b"Content-Encoding: gzip\r\n\r\n"
PACKED = gzip.compress(b'{"id": 1, "firstname": "Rui"}')


@pytest.mark.parametrize(
    "answer",
    [
        sending(HEAD, b"\r\n", b'{"id": 1, "firs'),
        sending(HEAD, GZIP, PACKED[:-1]),
        sending(HEAD, GZIP, PACKED[: len(PACKED) // 2]),
        sending(HEAD, GZIP, b"<html>"),
        sending(HEAD, GZIP, PACKED + bytes(300_000)),
        sending(HEAD, b"Content-Encoding: br\r\n\r\n", PACKED),
        sending(HEAD, b"\r\n"),
        sending(HEAD, b"\r\n", b"<html>Strava is down for maintenance</html>"),
        sending(HEAD, b"\r\n", b"[]"),
        sending(HEAD, b"\r\n", b"{}"),
        sending(HEAD, b"\r\n", b"null"),
    ],
)
def test_what_is_no_answer_is_unreadable(answer):
    with client_of(answer) as client, pytest.raises(StravaUnreadable):
        client.athlete(TOKEN)


def test_an_answer_shorter_than_it_says_is_unavailable():
    with (
        client_of(sending(HEAD, b"Content-Length: 99\r\n\r\n", b'{"id": 1}')) as client,
        pytest.raises(StravaUnavailable, match="connection failed"),
    ):
        client.athlete(TOKEN)


def test_a_broken_body_hides_no_status():
    start = b"HTTP/1.1 503 Unavailable\r\n"
    with (
        client_of(sending(start, GZIP, PACKED[:-1])) as client,
        pytest.raises(StravaUnavailable, match="503"),
    ):
        client.athlete(TOKEN)


def test_a_sound_packed_answer_is_read():
    with client_of(sending(HEAD, GZIP, PACKED)) as client:
        assert client.athlete(TOKEN).first_name == "Rui"
