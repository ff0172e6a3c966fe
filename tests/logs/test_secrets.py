"""No secret in any log, error answer or metric: of a real API and a real worker at DEBUG, through
good days and bad.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from db.encryption import KeyRing
from local.generated_secrets import new_encryption_key
from settings import child_environment, load_settings
from tests.jobs.simulated import ALL_SCOPES, CLIENT_ID, RUNNER, simulated_strava
from tests.web.subscriber import web_socket

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
WITHIN_S = 60
SECRET_KEY = 'the key that signs, with a "quote" and a / in it'
CLIENT_SECRET = "the-secret-of-the-strava-application"
PASSWORD = "correct-horse battery%staple"
WRONG_PASSWORD = "a password that is wrong"
VIEWER = "{ viewer { scopes athlete { id } } }"
CREATE = (
    "mutation($i: CreateApiTokenInput!) { createApiToken(input: $i) { secret apiToken { id } } }"
)
SYNC = (
    "mutation($i: SyncStravaInput!) { syncStrava(input: $i) { job { id } userErrors { message } } }"
)
REVOKE = (
    "mutation($i: RevokeApiTokenInput!) { revokeApiToken(input: $i) { userErrors { message } } }"
)


class Installation:
    """A database, a Redis and a simulated Strava; the processes that use them, and all that they
    said.
    """

    def __init__(self, folder, database_url, redis_url, strava):
        self.folder, self.strava = folder, strava
        self.said: list[str] = []
        self.encryption_key = new_encryption_key()
        with psycopg.connect(database_url, autocommit=True) as connection:
            name = f"role_{make_url(database_url).database}"
            connection.execute(f"""CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{PASSWORD}'""")
            _demand_password(connection, name)
        self.database_url, self.wrong_url = (
            database_url.replace("//postgres@", f"//{name}:{quote(password, safe='')}@")
            for password in (PASSWORD, WRONG_PASSWORD)
        )
        self.environment = {
            "DATABASE_URL": self.database_url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY,
            "TOKEN_ENCRYPTION_KEYS": self.encryption_key, "STRAVA_CLIENT_ID": CLIENT_ID,
            "STRAVA_CLIENT_SECRET": CLIENT_SECRET, "STRAVA_API_URL": f"{strava.url}/api/v3",
            "STRAVA_OAUTH_URL": f"{strava.url}/oauth", "LOG_LEVEL": "DEBUG", "WORKERS": "1", "PYTHONPATH": str(ROOT),
            "PACEGRAPH_HOME": str(folder), "PYTHONFAULTHANDLER": "1",
        }  # fmt: skip

    @contextmanager
    def process(self, *arguments, **changes):
        """Run `pacegraph …`; what it writes is kept."""
        log = self.folder / f"{len(list(self.folder.iterdir()))}.log"
        environment = child_environment(**self.environment | changes)
        command = [sys.executable, "-m", "cli", *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, cwd=self.folder
            )
        try:
            yield process
        except BaseException:
            print(log.read_text()[-3000:])  # noqa: T201 - why it failed
            raise
        finally:
            process.terminate()
            process.wait(WITHIN_S)
            self.said.append(log.read_text())

    @contextmanager
    def api(self, port, **changes):
        with self.process("api", "--port", str(port), **changes), self.browser(port) as http:
            _await(lambda: _answers(http))
            yield http

    def browser(self, port):
        return httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)

    def note(self, response):
        """Keep an answer that must hold no secret; gives it."""
        self.said.append(f"{response.status_code} {response.headers} {response.text}")
        return response

    def strava_tokens(self):
        """The access and refresh tokens that are stored now."""
        ring = KeyRing(
            load_settings(None, token_encryption_keys=self.encryption_key).token_encryption_keys
        )
        query = "SELECT access_token, refresh_token FROM strava_connections"
        with psycopg.connect(self.database_url) as connection:
            return [
                ring.decrypt(bytes(each)).get_secret_value()
                for each in connection.execute(query).fetchone()
            ]


def _demand_password(connection, role):
    """Let PostgreSQL, which trusts this machine's users otherwise, ask this one for the password."""
    shown, pid = connection.execute(
        "SELECT current_setting('hba_file'), pg_backend_pid()"
    ).fetchone()
    # Under root the data folder is an open file of PostgreSQL's processes.
    path = Path(shown.replace("/proc/self/", f"/proc/{pid}/"))
    path.write_text(f"local all {role} scram-sha-256\n{path.read_text()}")
    connection.execute("SELECT pg_reload_conf()")


def _await(condition):
    until = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.1)


def _answers(http):
    try:
        return http.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def unused_ports():
    """Two ports that nobody listens on."""
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
    ):
        return first.getsockname()[1], second.getsockname()[1]


@pytest.fixture
def installation(tmp_path, database_url, redis_url):
    with simulated_strava(client_secret=CLIENT_SECRET) as strava:
        yield Installation(tmp_path, database_url, redis_url, strava)


def ask(http, query, token=None, **options):
    headers = options.pop("headers", {}) | ({"authorization": f"Bearer {token}"} if token else {})
    body = {"query": query, "variables": options.pop("variables", {})}
    return http.post("/graphql", json=body, headers=headers, **options)


def sign_in(installation, http):
    """Sign in, and come back once more; gives the secrets of it: state, code, both cookies."""
    begun = http.get("/auth/strava")
    [state] = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
    back = {"state": state, "code": installation.strava.code(), "scope": ",".join(ALL_SCOPES)}
    installation.note(
        http.get("/strava/callback", params=back | {"state": "another-state-than-mine"})
    )
    done = http.get("/strava/callback", params=back)
    assert done.status_code == 303
    installation.note(http.get("/strava/callback", params=back))
    cookies = [
        SimpleCookie(header)
        for header in begun.headers.get_list("set-cookie") + done.headers.get_list("set-cookie")
    ]
    return [
        state,
        back["code"],
        *(morsel.value for each in cookies for morsel in each.values() if morsel.value),
    ]


def misplace(installation, http, secret):
    """Show a token wherever it does not belong."""
    note = installation.note
    note(ask(http, VIEWER, params={"access_token": secret}))
    note(ask(http, VIEWER, params={"x": secret}))
    note(ask(http, VIEWER, headers={"cookie": f"pacegraph_session={secret}"}))
    # whose id it is gets it back
    ask(http, VIEWER, headers={"x-request-id": secret, "user-agent": secret})
    note(ask(http, VIEWER, headers={"authorization": f"Token {secret}"}))
    note(ask(http, VIEWER, token=secret[:-1] + "?"))
    note(http.get(f"/{secret}", params={"token": secret}))
    note(
        http.post(
            f"/graphql?authorization={secret}",
            content=b"{",
            headers={"content-type": "application/json"},
        )
    )
    note(http.get("/strava/callback", params={"code": secret, "state": secret * 5}))


async def listen(address, secret):
    """Sign in by `connection_init`, and once with the token in the address, as some clients do."""
    async with web_socket(address) as socket:
        await socket.begin(authorization=f"Bearer {secret}")
        await socket.subscribe(VIEWER)
        await socket.next()
    async with web_socket(f"{address}/graphql?token={secret}&of=") as socket:
        await socket.begin()


def fail(installation, http, secret):
    """Let what must not happen happen: a table is gone, and Strava refuses."""
    with psycopg.connect(installation.database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE activities RENAME TO gone")
        answer = installation.note(ask(http, "{ activities { nodes { id } } }", secret))
        assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
        connection.execute("ALTER TABLE gone RENAME TO activities")
        connection.execute("ALTER TABLE accounts RENAME TO gone")
        installation.note(ask(http, VIEWER, secret))
        installation.note(ask(http, CREATE, variables={"i": {"name": "x", "scopes": []}}))
        installation.note(http.get("/auth/strava", follow_redirects=False)).headers.get(
            "set-cookie"
        )
        connection.execute("ALTER TABLE gone RENAME TO accounts")


def sync(installation, http, secret, athlete):
    """Sync with tokens that expire in the midst of it; gives Strava's tokens of before and after."""
    before = installation.strava_tokens()
    installation.strava.control("POST", f"/athletes/{RUNNER}/tokens/expire")
    job = installation.note(
        ask(http, SYNC, secret, variables={"i": {"athleteId": athlete, "mode": "FULL"}})
    ).json()
    query = f'{{ job(id: "{job["data"]["syncStrava"]["job"]["id"]}") {{ status }} }}'
    _await(
        lambda: ask(http, query, secret).json()["data"]["job"]["status"] in {"SUCCEEDED", "FAILED"}
    )
    installation.note(ask(http, query, secret))
    return before + installation.strava_tokens()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_secret_is_said_anywhere(installation, unused_ports, log_format):
    port, other = unused_ports
    installation.environment["LOG_FORMAT"] = log_format
    with installation.api(port) as http, installation.process("worker"):
        secrets = sign_in(installation, http)
        cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        athlete = ask(http, VIEWER).json()["data"]["viewer"]["athlete"]["id"]
        wanted = {"i": {"name": "mine", "scopes": ["READ", "SYNC"]}}
        made = ask(http, CREATE, variables=wanted).json()["data"]["createApiToken"]
        secret = made["secret"]
        assert ask(http, VIEWER, secret).json()["data"]["viewer"]
        misplace(installation, http, secret)
        asyncio.run(listen(f"127.0.0.1:{port}", secret))
        strava_tokens = sync(installation, http, secret, athlete)
        assert len(set(strava_tokens)) == 4, "they were refreshed"
        fail(installation, http, secret)
        installation.note(
            ask(http, REVOKE, secret, variables={"i": {"id": made["apiToken"]["id"]}})
        )
        assert installation.note(ask(http, VIEWER, secret)).status_code == 401
        for path in ("/metrics", "/readyz", "/healthz"):
            installation.note(http.get(path))
        http.post("/auth/sign-out", params={"everywhere": 1})
    with_wrong_password(installation, other, secret, cookies)
    known = [secret, *strava_tokens, *secrets, SECRET_KEY, CLIENT_SECRET, PASSWORD, WRONG_PASSWORD]
    known.append(installation.encryption_key)
    said = "\n".join(installation.said)
    leaks = [
        said[max(0, at - 200) : at + 100]
        for each in known
        for form in forms(each)
        if (at := said.find(form)) >= 0
    ]
    assert leaks == []
    assert len(said) > 10_000, "they say something"


def with_wrong_password(installation, port, secret, cookies):
    """Start all of it with a password that PostgreSQL refuses."""
    with installation.api(port, DATABASE_URL=installation.wrong_url) as http:
        assert installation.note(ask(http, VIEWER, secret)).status_code == 503
        assert installation.note(http.get("/readyz")).status_code == 503
        signed_out = http.post("/auth/sign-out", headers={"cookie": cookies})
        assert installation.note(signed_out).status_code >= 500
        begun = http.get("/auth/strava")
        [state] = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
        assert (
            installation.note(
                http.get("/strava/callback", params={"state": state, "code": "x"})
            ).status_code
            >= 500
        )
    for command in (("worker",), ("migrate",), ("doctor",)):
        process = installation.process(*command, DATABASE_URL=installation.wrong_url)
        with process as started, suppress(subprocess.TimeoutExpired):
            started.wait(3)


def forms(secret):
    """How a secret may stand in a text, and its greater part: what is cut short is told all the
    same.
    """
    whole = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    }
    return whole | {secret[: max(16, len(secret) * 2 // 3)]}
