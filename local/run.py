"""`pacegraph run`: everything on one machine, from an empty folder to a served API, and nothing left when it ends."""

import os
import signal
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from local.guard import StopRequested, guarded
from local.home import Home, HomeInUse
from local.postgres import start_postgres
from local.processes import die_with_parent
from local.redis import start_redis
from local.secrets import kept_secret, new_encryption_key, new_secret_key
from local.service import Service, ServiceFailed
from local.supervisor import Supervisor
from logs import tell
from settings import InvalidSettings, Settings, child_environment, load_settings

__all__ = ["run"]

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach one who listens everywhere


def run(settings: Settings, *, with_parent: bool = False) -> int:
    """Serve until Ctrl-C, SIGTERM or SIGHUP (0), or until a part fails (1, said on stderr).

    `with_parent` ends it with the parent process too, so that killing make leaves nothing behind.
    """
    if with_parent:
        die_with_parent(signal.SIGTERM, os.getppid())
    home = Home(settings.pacegraph_home)
    try:
        with home.claimed():
            _refuse_taken_port(settings)
            return guarded(lambda: _Run(settings, home).serve(), at_end=home.withdraw)
    except (HomeInUse, ServiceFailed) as error:
        tell(str(error))
        return 1


def _refuse_taken_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ServiceFailed(
                f"PORT: cannot listen on {settings.host}:{settings.port} ({error.strerror}). "
                f"Stop what listens there, or choose another port: PORT={settings.port % 65535 + 1} make run"
            ) from None


class _Run:
    """One run: the children, and the settings that they share."""

    def __init__(self, settings: Settings, home: Home) -> None:
        self.settings = settings
        self.home = home
        self.values = {"PACEGRAPH_HOME": str(home.folder)}
        """Settings that this run decides, by the names of their environment variables."""
        self.supervisor = Supervisor(home.folder)

    def serve(self) -> int:
        started = time.monotonic()
        try:
            self._start()
            print(f"ready after {time.monotonic() - started:.1f} s; Ctrl-C ends it\n", flush=True)
            self.supervisor.watch()
        except (ServiceFailed, InvalidSettings) as error:
            tell(str(error))
            return 1
        except StopRequested:
            print("\nstopping … ", end="", flush=True)
            return 0
        finally:
            self.home.withdraw()
            self.supervisor.stop()
            print("stopped", flush=True)

    def _start(self) -> None:
        step = self.supervisor.step
        self._keep_secrets()
        simulator = self._start_simulator() if self.settings.strava_client_id is None else None
        if self.settings.database_url is None:
            with step("PostgreSQL"):
                self.values["DATABASE_URL"] = self.supervisor.service(start_postgres).url
        if self.settings.redis_url is None:
            with step("Redis"):
                self.values["REDIS_URL"] = self.supervisor.service(start_redis).url
        with step("migrations"):
            self.supervisor.finish("migrations", *self._command("migrate"))
        api = self._program("api", "api")
        self._program("worker", "worker")
        facts = self._facts()
        if simulator:
            with step("simulated Strava"):
                self.supervisor.await_ready(simulator, lambda: _answers(self.values["STRAVA_API_URL"]))
            with step("demo accounts"):
                facts |= self._set_up_demo()
        with step("API and workers"):
            self.supervisor.await_ready(api, lambda: _answers(f"{self._local_url()}/readyz", expected=200))
        self.home.publish(facts)
        self._say_where(facts)

    def _keep_secrets(self) -> None:
        if self.settings.secret_key is None:
            self.values["SECRET_KEY"] = kept_secret(self.home.folder / "secret_key", new_secret_key)
        if not self.settings.token_encryption_keys:
            self.values["TOKEN_ENCRYPTION_KEYS"] = kept_secret(
                self.home.folder / "token_encryption_key", new_encryption_key
            )

    def _start_simulator(self) -> Service:
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        self.values |= {
            "STRAVA_API_URL": f"{url}/api/v3",
            "STRAVA_OAUTH_URL": f"{url}/oauth",
            "STRAVA_CLIENT_ID": "1",
            "STRAVA_CLIENT_SECRET": "simulated",
        }
        return self._program("strava", "simulate-strava", "--port", str(port))

    def _set_up_demo(self) -> dict[str, object]:
        from local.demo import set_up

        names = {name.lower(): value for name, value in self.values.items()}
        accounts = set_up(load_settings(**names))
        return {
            "tokens": {"athlete": accounts.athlete_token, "admin": accounts.admin_token},
            "athlete_id": accounts.athlete_id,
        }

    def _program(self, name: str, *arguments: str) -> Service:
        return self.supervisor.program(name, *self._command(*arguments))

    def _command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """A sub-command of `pacegraph` and its environment."""
        return [sys.executable, "-m", "cli", *arguments], child_environment(**self.values)

    def _facts(self) -> dict[str, object]:
        """What run.json says; with a real Strava there are no demo accounts."""
        url = self.settings.url
        return {
            "url": url,
            "graphql": f"{url}/graphql",
            "websocket": f"ws{url.removeprefix('http')}/graphql",
            "strava": self.values.get("STRAVA_API_URL", self.settings.strava_api_url).removesuffix("/api/v3"),
            "tokens": {"athlete": None, "admin": None},
            "athlete_id": None,
        }

    def _local_url(self) -> str:
        host = _ANY_ADDRESS.get(self.settings.host, self.settings.host)
        return f"http://[{host}]:{self.settings.port}" if ":" in host else f"http://{host}:{self.settings.port}"

    def _say_where(self, facts: dict[str, object]) -> None:
        print(f"\n  GraphQL    {facts['graphql']}")
        if self.settings.graphiql == "on":
            print(f"  GraphiQL   {facts['url']}/graphiql")
        if facts["athlete_id"]:
            tokens = facts["tokens"]
            assert isinstance(tokens, dict)
            print(f"  token      {tokens['athlete']}   (header: Authorization: Bearer …)")
        print(f"  all of it  {self.home.run_file}\n  logs       {self.home.folder / 'logs'}\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str, expected: int | None = None) -> bool:
    """Whether an HTTP server answers at `url`, with the status `expected` if one is given."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        status = connection.getresponse().status
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return expected in {None, status}
