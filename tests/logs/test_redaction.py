"""What is taken out of log lines, and what is not."""

import io
import json
import logging
import re
import sys
import time
from urllib.parse import quote

import pytest

import logs
from logs.redaction import Redaction
from settings import load_settings
from tests.logs.log_state import logs_restored

SECRET_KEY = 'the key that signs, with a "quote" and a / in it'
CLIENT_SECRET = "the-secret-of-the-strava-application"
PASSWORD = "correct-horse battery%staple"


@pytest.fixture
def redact():
    settings = load_settings(
        None,
        secret_key=SECRET_KEY,
        strava_client_secret=CLIENT_SECRET,
        database_url=f"postgresql://runner:{quote(PASSWORD, safe='')}@db/pacegraph",
        redis_url="redis+sentinel://:pacegraph@cache/0?sentinel_password=of-the-sentinels",
        database_replica_urls="postgresql://runner:of-replica-1@one/x,postgresql://me:of-replica-2@b/x",
    )
    return Redaction(settings).redact


HEX = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "pace_" + "aB3-_" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
LEAKS = {
    f"the key is {SECRET_KEY}": "the key is ***",
    json.dumps({"key": SECRET_KEY}): '{"key": "***"}',
    f"?k={quote(SECRET_KEY, safe='')}": "?k=***",
    f"password {PASSWORD!r}": "password '***'",
    "AUTH of-the-sentinels, of-replica-1, of-replica-2": "AUTH ***, ***, ***",
    "cache/0?sentinel_password=of-the-sentinels": "cache/0?sentinel_password=***",
    f"postgresql://runner:{quote(PASSWORD, safe='')}@db/pacegraph": "postgresql://runner:***@db/pacegraph",
    "cannot reach redis://:pacegraph@cache/0": "cannot reach redis://:***@cache/0",
    "postgresql://me:another@db/x": "postgresql://me:***@db/x",
    f"Authorization: Bearer {TOKEN}": "Authorization: Bearer ***",
    "b'authorization', b'Basic dXNlcjpwYXNzd29yZA=='": "b'authorization', b'Basic ***'",
    f"unknown {TOKEN}, sorry": "unknown pace_***, sorry",
    f"cookie: pacegraph_session={JWT}; theme=dark": "cookie: pacegraph_session=***; theme=dark",
    f"a {JWT} by itself": "a *** by itself",
    f"access_token='{HEX}'": "access_token='***'",
    f"Strava said {HEX}": "Strava said ***",
    r"{\"refresh_token\": \"not-of-a-known-form\"}": r"{\"refresh_token\": \"***\"}",
    "GET /strava/callback?state=abc&code=def&scope=read": "GET /strava/callback?state=***&code=***&scope=read",
    '1.2.3.4 - "WebSocket /graphql?t=whatever&u=1" [accepted]': '1.2.3.4 - "WebSocket /graphql?***" [accepted]',
}
HARMLESS = [
    "logger=pacegraph.request code=STRAVA_UNAVAILABLE state=RUNNING token_id=4711",
    "SELECT pace_s_per_km FROM personal_bests",
    "request_id=0123456789abcdef0000000000000001",
    "see https://www.strava.com/settings/api and http://127.0.0.1:8000/graphql?query=1",
    "the document 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef is not in the manifest",
]


@pytest.mark.parametrize(("text", "expected"), LEAKS.items(), ids=range(len(LEAKS)))
def test_a_secret_is_taken_out(redact, text, expected):
    assert redact(text) == expected


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_what_is_no_secret_stays(redact, text):
    assert redact(text) == text


HOSTILE = [
    "eyJ",
    "://a:",
    "bearer ",
    "pace_",
    '"GET ?',
    "pacegraph_sign_in_",
    "token=",
    "x",
    '"WebSocket ',
    "?code=",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_no_text_takes_long(redact, part):
    started = time.process_time()
    redact(part * (200_000 // len(part)))
    assert time.process_time() - started < 2


@pytest.fixture
def written(monkeypatch):
    """Sets the logs of this process up, as JSON lines; gives what they are written to."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with logs_restored():
        logs.set_up(load_settings(None, secret_key=SECRET_KEY), "test")
        yield stream


def test_every_way_of_logging_is_covered(written):
    logger = logging.getLogger("anybody")
    logger.warning("message %s", SECRET_KEY, extra={"field": {"inner": TOKEN}})
    logs.write(logger, logging.INFO, "request", {"path": f"/{TOKEN}", "operation": "Mine"})
    with logs.bound(request_id=TOKEN):
        logs.write(logger, logging.INFO, "request", {})
    try:
        raise ValueError(SECRET_KEY)
    except ValueError as error:
        logger.exception("failed")
        sys.excepthook(ValueError, error, error.__traceback__)
    unfit = logging.makeLogRecord({"name": "anybody", "msg": "%d", "args": (SECRET_KEY,)})
    logging.getLogger().handlers[0].handle(unfit)
    text = written.getvalue()
    forms = [SECRET_KEY, SECRET_KEY[:20], json.dumps(SECRET_KEY)[1:-1], TOKEN]
    assert [form for form in forms if form in text] == []
    lines = text.splitlines()
    assert [bool(re.match(r"\{.*\}$", line)) for line in lines] == [True] * 6
    assert all("***" in line for line in lines[:5])
    levels = ["WARNING", "INFO", "INFO", "ERROR", "CRITICAL", "ERROR"]
    assert [json.loads(line)["level"] for line in lines] == levels
