"""What a Sentry gets of an error: an HTTP server takes the envelopes of the real library."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import brotli
import pytest

import logs
from settings import InvalidSettings, load_settings

SECRET = "Rui Corredor, 41.15 -8.61, rui@example.org"
ROOT = Path(__file__).parents[2]


class Receiver:
    """A Sentry that keeps what it is sent."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.bodies: list[str] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events: an envelope's items are a line of headers and a line of content each."""
        found = []
        for body in self.bodies:
            _, *lines = body.splitlines()
            heads = map(json.loads, lines[::2])
            found += [
                json.loads(content)
                for head, content in zip(heads, lines[1::2], strict=True)
                if head["type"] == "event"
            ]
        return found


@contextmanager
def receiving(status: int = 200) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/api/1/envelope/"
            assert self.headers["content-encoding"] == "br"
            receiver.bodies.append(brotli.decompress(body).decode())
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://public@127.0.0.1:{server.server_port}/1")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()


@pytest.fixture
def report(written):
    """Logs an error with personal data wherever an error has room for it, and sends it.

    Gives the log.
    """

    def send(dsn: str) -> str:
        logged = written()
        logs.report_errors(load_settings(None, sentry_dsn=dsn, sentry_environment="tests"))
        name_of_athlete = SECRET
        with logs.bound(request_id="req-1", path=f"/{SECRET}"):
            try:
                try:
                    raise KeyError(name_of_athlete)
                except KeyError as error:
                    raise ValueError(f"no such athlete: {SECRET}") from error
            except ValueError:
                logging.getLogger("web.tests").exception(
                    "%s could not be read", SECRET, extra={"city": SECRET}
                )
                logging.getLogger("asyncio").exception(f"a task of {SECRET}")  # noqa: G004
        logging.getLogger("web.tests").error("an error without an exception: %s", SECRET)
        logs.flush_reports()
        return logged()

    return send


def test_an_error_has_its_place_and_nothing_of_an_athlete(report):
    with receiving() as receiver:
        assert SECRET in report(receiver.dsn), "the log has it"
        event, of_library = receiver.events
    assert not any(part in body for body in receiver.bodies for part in SECRET.split(", "))
    causes = event["exception"]["values"]
    assert [each["type"] for each in causes] == ["KeyError", "ValueError"]
    assert causes[1]["stacktrace"]["frames"][-1]["function"] == "send"
    assert event["logentry"]["message"] == "%s could not be read"
    assert of_library["logentry"]["message"] == "an error of a library"
    assert event["tags"] == {"request_id": "req-1", "process": "worker"}
    assert event["environment"] == "tests"
    assert event["release"].startswith("pacegraph@")
    assert not event.get("server_name")
    assert not {"user", "request", "breadcrumbs", "modules", "extra"} & {
        name for name, value in event.items() if value
    }


@pytest.mark.parametrize("dsn", ["http://public@127.0.0.1:1/1", "a 500"])
def test_a_sentry_that_fails_holds_nothing_up(report, dsn):
    with receiving(500) as receiver:
        report(receiver.dsn if dsn == "a 500" else dsn)


def test_an_error_that_cannot_be_read_is_logged_and_ends_nothing(written):
    class Unreadable(Exception):
        @property
        def message(self) -> str:
            raise LookupError("no message")

    logged = written()
    with receiving() as receiver:
        logs.report_errors(load_settings(None, sentry_dsn=receiver.dsn))
        logging.getLogger("web.tests").error("an error", exc_info=Unreadable())
        logs.flush_reports()
    assert "could not be written" in logged()


def test_a_dsn_that_is_none_is_refused():
    settings = load_settings(None, sentry_dsn="https://example.org")
    with pytest.raises(InvalidSettings, match="SENTRY_DSN: must be the DSN"):
        logs.report_errors(settings)


def test_without_the_library_the_setting_is_refused():
    code = (
        "import sys; sys.modules['sentry_sdk'] = None\n"
        "import logs, settings\n"
        "s = settings.load_settings(None, sentry_dsn='http://a@b/1')\n"
        "logs.set_up(s, 'api')\n"
        "logs.report_errors(s)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "pip install 'pacegraph[sentry]'" in ran.stderr
