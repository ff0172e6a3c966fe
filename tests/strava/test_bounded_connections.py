"""Connections to Strava: proxies and certificates of the environment, and what is kept open."""

import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest
from pydantic import SecretStr

from strava import bounded_connections
from strava.bounded_exchange import interrupted_by
from strava.client import StravaClient
from strava.errors import StravaTooLarge, StravaTooSlow, StravaUnavailable
from tests.patience import PATIENCE_S
from tests.strava.certificate import certificate_of, serving_context
from tests.strava.plain_server import read_request, serving, serving_connections

TOKEN = SecretStr("x")
HOST = "api.test"
BODY = b'{"id": 1}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture(autouse=True)
def _environment_of_its_own(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    bounded_connections._certificates.cache_clear()
    yield
    bounded_connections._certificates.cache_clear()


@contextmanager
def client_to(base: str, timeout_s: float = PATIENCE_S) -> Iterator[StravaClient]:
    with StravaClient(
        api_url=base,
        oauth_url=base,
        client_id="1",
        client_secret=SecretStr("s"),
        timeout_s=timeout_s,
        refresh_timeout_s=timeout_s,
        max_bytes=100_000,
    ) as client:
        yield client


def answering(connection: socket.socket) -> None:
    connection.sendall(ANSWER)


def tunnel_to(context, answer=answering, pause_s=0.0):
    """Answer CONNECT, then serve TLS in the tunnel."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(TUNNEL)
        time.sleep(pause_s)
        with context.wrap_socket(connection, server_side=True) as secure:
            read_request(secure)
            answer(secure)

    return serve


# --- proxies


def test_a_proxy_takes_requests_without_tls(monkeypatch):
    seen = []
    with serving(answering, seen) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("//", "//me:p%40ss@"))
        with client_to(f"http://{HOST}/v3") as client:
            assert client.athlete(TOKEN).strava_id == 1
    assert seen[0].startswith(f"GET http://{HOST}/v3/athlete HTTP/1.1".encode())
    assert b"Basic " + b64encode(b"me:p@ss") in seen[0]


@pytest.mark.parametrize("name", ["https_proxy", "ALL_PROXY"])
def test_a_proxy_has_a_tunnel_for_tls(monkeypatch, tmp_path, name):
    file = certificate_of(HOST, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    seen = []
    with serving(tunnel_to(serving_context(file)), seen) as proxy:
        monkeypatch.setenv(name, proxy.removeprefix("http://"))
        with client_to(f"https://{HOST}") as client:
            assert client.athlete(TOKEN).strava_id == 1
    assert seen[0].startswith(f"CONNECT {HOST}:443 ".encode())
    assert b"Bearer" not in seen[0]


def test_a_proxy_may_speak_tls_itself(monkeypatch, tmp_path):
    file, own = certificate_of(HOST, tmp_path), certificate_of("localhost", tmp_path)
    (tmp_path / "both.pem").write_bytes(file.read_bytes() + own.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "both.pem"))
    context, seen = serving_context(own), []

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            seen.append(read_request(secure))
            secure.sendall(ANSWER)

    with serving_connections(serve) as address:
        monkeypatch.setenv("http_proxy", f"https://localhost:{address.rpartition(':')[2]}")
        with client_to(f"http://{HOST}") as client:
            assert client.athlete(TOKEN).strava_id == 1
    assert seen[0].startswith(f"GET http://{HOST}/athlete ".encode())


def test_a_tunnel_of_a_proxy_with_tls_may_be_silent_for_a_while(monkeypatch, tmp_path):
    """TLS within TLS: both are read in slices, and the connection is used again."""
    file, own = certificate_of(HOST, tmp_path), certificate_of("localhost", tmp_path)
    (tmp_path / "both.pem").write_bytes(file.read_bytes() + own.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "both.pem"))
    inner, outer, seen = serving_context(file), serving_context(own), []

    def serve_host(connection: socket.socket) -> None:
        with inner.wrap_socket(connection, server_side=True) as secure:
            while request := read_request(secure):
                seen.append(request)
                time.sleep(0.7)
                secure.sendall(ANSWER)

    with serving_connections(serve_host) as host:

        def serve_proxy(connection: socket.socket) -> None:
            with (
                outer.wrap_socket(connection, server_side=True) as secure,
                socket.create_connection(host.split(":")) as target,
            ):
                read_request(secure)
                secure.sendall(TUNNEL)
                passing = Thread(target=pass_on, args=(target, secure))
                passing.start()
                pass_on(secure, target)
                passing.join()

        with serving_connections(serve_proxy) as address:
            monkeypatch.setenv("https_proxy", f"https://localhost:{address.rpartition(':')[2]}")
            with client_to(f"https://{HOST}") as client:
                for _ in range(2):
                    assert client.athlete(TOKEN).strava_id == 1
    assert [each.split()[1] for each in seen] == [b"/athlete"] * 2


def pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def test_no_proxy_is_asked_for_excepted_hosts(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.3")
    with (
        client_to("http://127.0.0.3:9") as client,
        pytest.raises(StravaUnavailable, match="NewConnectionError"),
    ):
        client.athlete(TOKEN)
    with (
        client_to(f"http://{HOST}") as client,
        pytest.raises(StravaUnavailable, match="ProxyError"),
    ):
        client.athlete(TOKEN)


def test_this_machine_is_asked_without_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(answering) as url, client_to(url) as client:
        assert client.athlete(TOKEN).strava_id == 1


# --- certificates


@pytest.mark.parametrize("trusted", ["", "other.test"])
def test_a_certificate_is_to_be_trusted_and_of_the_host(monkeypatch, tmp_path, trusted):
    file = certificate_of(trusted or HOST, tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(tunnel_to(serving_context(file))) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        with (
            client_to(f"https://{HOST}") as client,
            pytest.raises(StravaUnavailable, match="SSLError"),
        ):
            client.athlete(TOKEN)


def test_certificates_may_be_in_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with client_to(f"https://{HOST}"):
        context = bounded_connections._certificates(trust_env=True)
    assert context.get_ca_certs() == []  # OpenSSL looks there when it needs one


# --- time as a whole


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"X-Slow: y\r\n"[:1])
        time.sleep(0.05)


@pytest.mark.parametrize("where", ["in the tunnel", "before the tunnel"])
def test_an_answer_through_a_proxy_that_drips_ends_in_time(monkeypatch, tmp_path, where):
    file = certificate_of(HOST, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    answer = tunnel_to(serving_context(file), dripping) if where == "in the tunnel" else dripping
    with serving(answer) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        with client_to(f"https://{HOST}", timeout_s=0.6) as client:
            began = time.monotonic()
            with pytest.raises(StravaTooSlow):
                client.athlete(TOKEN)
    assert 0.5 < time.monotonic() - began < PATIENCE_S


def test_a_check_ends_a_silent_answer_through_tls(monkeypatch, tmp_path):
    class Cancelled(Exception):
        pass

    file = certificate_of(HOST, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    began = time.monotonic()

    def check() -> None:
        if time.monotonic() - began > 0.5:
            raise Cancelled

    with serving(tunnel_to(serving_context(file), lambda _: time.sleep(1.5))) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        with client_to(f"https://{HOST}") as client, interrupted_by(check):
            with pytest.raises(Cancelled):
                client.athlete(TOKEN)
            assert time.monotonic() - began < 1.4


def test_a_host_that_never_shakes_hands_is_unavailable(monkeypatch, tmp_path):
    with serving(lambda connection: connection.sendall(TUNNEL) or time.sleep(1.5)) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        with (
            client_to(f"https://{HOST}", timeout_s=0.4) as client,
            pytest.raises(StravaUnavailable, match="in time"),
        ):
            client.athlete(TOKEN)


def test_a_host_may_take_its_time_to_shake_hands(monkeypatch, tmp_path):
    file = certificate_of(HOST, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(tunnel_to(serving_context(file), pause_s=0.8)) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        with client_to(f"https://{HOST}") as client:
            assert client.athlete(TOKEN).strava_id == 1


# --- what is kept open


@contextmanager
def keeping(count: int) -> Iterator[tuple[str, list[int]]]:
    """Answer `count` requests of each connection; gives the address, and how many each had."""
    had: list[int] = []

    def serve(connection: socket.socket) -> None:
        had.append(0)
        for _ in range(count):
            if not read_request(connection):
                return
            had[-1] += 1
            connection.sendall(ANSWER)

    with serving_connections(serve) as address:
        yield f"http://{address}", had


def test_a_connection_is_used_again():
    with keeping(9) as (url, had), client_to(url) as client:
        for _ in range(3):
            client.athlete(TOKEN)
        assert had == [3]


def test_a_connection_that_the_host_ended_is_replaced():
    with keeping(1) as (url, had), client_to(url) as client:
        for _ in range(3):
            client.athlete(TOKEN)
            time.sleep(0.05)  # until its end has come
        assert had == [1, 1, 1]


def test_a_connection_that_was_idle_for_long_is_replaced():
    with keeping(9) as (url, had), client_to(url) as client:
        client.athlete(TOKEN)
        time.sleep(4.1)
        client.athlete(TOKEN)
        assert had == [1, 1]


def test_a_connection_with_something_unread_is_replaced():
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", ANSWER]
    with (
        serving(lambda connection: connection.sendall(answers.pop(0))) as url,
        client_to(url) as client,
    ):
        with pytest.raises(StravaTooLarge):
            client.athlete(TOKEN)
        assert client.athlete(TOKEN).strava_id == 1
