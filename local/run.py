"""`pacegraph run`: everything on one machine, from an empty folder to a running API."""

import os
import signal
import socket
import sys
import time
from functools import partial
from http.client import HTTPConnection, HTTPException
from importlib import import_module
from urllib.parse import urlsplit

from local.embedded_service import Service, ServiceFailed
from local.generated_secrets import SECRETS, TOKEN_KEY, GeneratedSecret
from local.home import Home, HomeUnusable
from local.home_settings import DATABASE_URL, REDIS_URL
from local.log_files import LogLimits, Outputs
from local.log_pump import LogPump
from local.postgres import start_postgres
from local.process_guard import StopRequested, guarded
from local.processes import Launcher
from local.redis import start_redis
from local.supervisor import Supervisor
from local.terminal import Terminal
from logs import tell
from runtime.parent_death import die_with_parent
from settings import InvalidSettings, Settings, child_environment, load_settings

_PRIVATE = 0o077
_SUBSCRIBES_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.1
_SHOWN = ("strava", "api", "worker")
_MARGIN_S = 0.5
"""Seconds that the API has to end, beyond what the settings give to its requests."""
"""The programs with their output on the terminal."""
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to reach it


def run(settings: Settings, *, with_parent: bool = False, forget_connections: bool = False) -> int:
    """Serve until Ctrl-C, SIGTERM or SIGHUP (returns 0), or until a part fails (1, with a message).

    With `with_parent`, it also ends with the parent process, so that killing make leaves no process
    behind. With `forget_connections`, it forgets the Strava tokens that no key decrypts.
    """
    if with_parent:
        die_with_parent(os.getppid(), signal.SIGTERM)
    os.umask(_PRIVATE)
    try:
        home = Home(settings.pacegraph_home)
        with home.claimed() as claim:
            refuse_taken_port(settings)

            def serve() -> int:
                server = LocalServer(settings, home, claim, forget_connections=forget_connections)
                return server.serve()

            return guarded(serve, at_end=home.withdraw)
    except (HomeUnusable, ServiceFailed) as error:
        tell(str(error))
        return 1


def refuse_taken_port(settings: Settings) -> None:
    """Raise ServiceFailed where another program listens on HOST and PORT."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ServiceFailed(
                f"PORT: cannot listen on {settings.host}:{settings.port} ({error.strerror}). "
                "Stop the program that uses it, or choose another port: "
                f"PORT={settings.port % 65535 + 1} make run"
            ) from None


class LocalServer:
    """One run: the child processes, and the settings that they share."""

    def __init__(
        self, settings: Settings, home: Home, claim: int, *, forget_connections: bool = False
    ) -> None:
        self.settings = settings
        self.home = home
        self.forget_connections = forget_connections
        self.embedded: dict[str, str] = {}
        """URLs of embedded services, for run.json."""
        self.new_secrets: dict[GeneratedSecret, str] = {}
        self.values = {"PACEGRAPH_HOME": str(home.folder)}
        """Settings decided by this run, by the names of their environment variables."""
        self.terminal = Terminal()
        self.supervisor = Supervisor(
            Launcher(self._outputs(), claim),
            self.terminal,
            programs_grace_s=settings.shutdown_delay_s + settings.shutdown_grace_s + _MARGIN_S,
        )

    def _outputs(self) -> Outputs:
        limits = LogLimits(self.settings.local_log_bytes, self.settings.local_logs_kept)
        pump = LogPump(self.home.folder, self.terminal, _SHOWN, limits)
        pump.start()
        return pump

    def serve(self) -> int:
        started = time.monotonic()
        try:
            self._start()
            print(f"ready after {time.monotonic() - started:.1f} s; Ctrl-C ends it\n", flush=True)
            self.terminal.start()
            self.supervisor.watch()
        except (ServiceFailed, InvalidSettings) as error:
            self.terminal.tell(str(error))
            return 1
        except StopRequested:
            self.terminal.show("\nstopping … ")
            return 0
        finally:
            self.home.withdraw()
            self.supervisor.stop()
            self.terminal.show("stopped\n")
            self.terminal.close()

    def _start(self) -> None:
        step = self.supervisor.step
        self._provide_secrets()
        simulator = self._start_simulator() if self.settings.strava_client_id is None else None
        if self.settings.database_url is None:
            with step("PostgreSQL"):
                url = self.supervisor.service(self._start_postgres).url
                self.values["DATABASE_URL"] = self.embedded[DATABASE_URL] = url
        if self.settings.redis_url is None:
            with step("Redis"):
                url = self.supervisor.service(self._start_redis).url
                self.values["REDIS_URL"] = self.embedded[REDIS_URL] = url
        with step("migrations"):
            self.supervisor.finish("migrations", *self._command("migrate"), _import_the_rest)
        self._check_stored_tokens()
        self._keep_applications_apart()
        api = self._program("api", "api")
        self._program("worker", "worker")
        facts = self._facts()
        if simulator:
            with step("simulated Strava"):
                self.supervisor.await_ready(
                    simulator, lambda: answers(self.values["STRAVA_API_URL"])
                )
            with step("demo accounts"):
                facts |= self._set_up_demo()
        with step("API and workers"):
            self.supervisor.await_ready(
                api, lambda: answers(f"{self._local_url()}/readyz", expected=200)
            )
        if simulator:
            self._subscribe()
        self.home.publish(facts)
        self._print_addresses(facts)

    def _start_postgres(self, dead: Service | None) -> Service:
        sockets = dead.temporary_folder if dead else None
        return start_postgres(self.home.folder, launcher=self.supervisor.launcher, sockets=sockets)

    def _start_redis(self, dead: Service | None) -> Service:
        sockets = dead.temporary_folder if dead else None
        service = start_redis(
            self.home.folder,
            launcher=self.supervisor.launcher,
            sockets=sockets,
            memory_bytes=self.settings.embedded_redis_bytes,
        )
        from local.kept_flags import restore_flags

        try:
            restore_flags(self.home.folder, service.url)
        except ServiceFailed:
            service.stop()
            raise
        return service

    def _provide_secrets(self) -> None:
        """Read the generated secrets, and make those that are missing.

        They are stored after `_check_stored_tokens`, so that a refused start changes nothing.
        """
        home = self.home.folder
        is_new = not (home / "postgres").exists() and self.settings.database_url is None
        for secret in SECRETS:
            if getattr(self.settings, secret.setting.lower()):
                continue
            if (value := secret.read(home)) is None:
                value = self.new_secrets[secret] = secret.make()
                if not is_new:
                    tell(f"{home / secret.file} is missing; with a new one, {secret.loss}")
            self.values[secret.setting] = value

    def _check_stored_tokens(self) -> None:
        """Raise ServiceFailed if the stored Strava tokens cannot be read; else keep new secrets."""
        from db.session import SyncDatabase
        from db.transaction_runner import TransactionRunner
        from operator_commands.stored_tokens import examine, forget_unreadable

        settings = self._decided_settings()
        if self.forget_connections and (count := forget_unreadable(settings)):
            tell(f"forgot the Strava tokens of {count} athletes, who have to connect again")
        database = SyncDatabase(settings, application_name="pacegraph run")
        try:
            stored = TransactionRunner(database).read(
                partial(examine, keys=settings.token_encryption_keys)
            )
        finally:
            database.close()
        if not stored.are_readable:
            raise ServiceFailed(self._lost_key())
        for secret, value in self.new_secrets.items():
            secret.store(self.home.folder, value)

    def _lost_key(self) -> str:
        path = self.home.folder / TOKEN_KEY.file
        where = "TOKEN_ENCRYPTION_KEYS" if self.settings.token_encryption_keys else str(path)
        return (
            f"{where}: the key that encrypted the stored Strava tokens is missing. Put "
            "it back from "
            "your backup. If it is lost, let the athletes connect again: "
            "`pacegraph run --forget-connections` forgets the tokens that cannot be read, "
            "and keeps everything else"
        )

    def _keep_applications_apart(self) -> None:
        from local.strava_application import keep_apart

        is_simulated = self.settings.strava_client_id is None
        keep_apart(self._decided_settings(), self.home.folder, is_simulated=is_simulated)

    def _decided_settings(self) -> Settings:
        return load_settings(**{name.lower(): value for name, value in self.values.items()})

    def _start_simulator(self) -> Service:
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        if "suggestions" not in self.settings.model_fields_set:
            self.values["SUGGESTIONS"] = "on"  # the demo is for development
        self.values |= {
            "STRAVA_API_URL": f"{url}/api/v3",
            "STRAVA_OAUTH_URL": f"{url}/oauth",
            "STRAVA_CLIENT_ID": "1",
            "STRAVA_CLIENT_SECRET": "simulated",
        }
        command = self._command("simulate-strava", "--port", str(port))
        return self.supervisor.program("strava", *command, restarted=self._subscribe_again)

    def _set_up_demo(self) -> dict[str, object]:
        from local.demo import set_up

        accounts = set_up(self._decided_settings())
        return {
            "tokens": {"athlete": accounts.athlete_token, "admin": accounts.admin_token},
            "athlete_id": accounts.athlete_id,
        }

    def _subscribe(self) -> None:
        """Let the simulated Strava report changes, so that the demo follows them by itself."""
        from local.demo import report_changes

        report_changes(self._decided_settings(), self._local_url())

    def _subscribe_again(self) -> None:
        """Do so after a restart of the simulated Strava, which has its state in memory."""
        until = time.monotonic() + _SUBSCRIBES_WITHIN_S
        while time.monotonic() < until:
            # The API may have died too, and is asked to verify the subscription.
            if answers(self.values["STRAVA_API_URL"]) and answers(
                f"{self._local_url()}/readyz", expected=200
            ):
                self._subscribe()
                return
            time.sleep(_LOOK_EVERY_S)

    def _program(self, name: str, *arguments: str) -> Service:
        return self.supervisor.program(name, *self._command(*arguments))

    def _command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """A sub-command of `pacegraph` and its environment."""
        return [sys.executable, "-m", "cli", *arguments], child_environment(**self.values)

    def _facts(self) -> dict[str, object]:
        """The content of run.json; with a real Strava there are no demo accounts."""
        url = self.settings.url
        return {
            "url": url,
            "graphql": f"{url}/graphql",
            "websocket": f"ws{url.removeprefix('http')}/graphql",
            "strava": self.values.get("STRAVA_API_URL", self.settings.strava_api_url).removesuffix(
                "/api/v3"
            ),
            "tokens": {"athlete": None, "admin": None},
            "athlete_id": None,
            **self.embedded,
        }

    def _local_url(self) -> str:
        host = _ANY_ADDRESS.get(self.settings.host, self.settings.host)
        return (
            f"http://[{host}]:{self.settings.port}"
            if ":" in host
            else f"http://{host}:{self.settings.port}"
        )

    def _print_addresses(self, facts: dict[str, object]) -> None:
        """Print the addresses. The token is printed to the terminal only, never to a log."""
        tokens = facts["tokens"]
        assert isinstance(tokens, dict)
        token = tokens["athlete"]
        # Browsers send no fragment to a server; both pages read the token and remove it.
        signed_in = f"#token={token}   (signed in)" if token else ""
        print()
        if self.settings.example_app == "on":
            print(f"  app        {facts['url']}/{signed_in}")
        print(f"  GraphQL    {facts['graphql']}")
        if self.settings.graphiql == "on":
            print(f"  GraphiQL   {facts['url']}/graphiql{signed_in}")
        if token:
            print(f"  token      {token}   (of the demo; header: Authorization: Bearer …)")
        print(f"  all of it  {self.home.run_file}\n  logs       {self.home.folder / 'logs'}\n")


def _import_the_rest() -> None:
    """Import what the start needs later: it takes a second, in which another process works."""
    for name in ("local.strava_application", "operator_commands.stored_tokens"):
        import_module(name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str, expected: int | None = None) -> bool:
    """Whether an HTTP server answers at `url`, with the status `expected` if given."""
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
