"""A server whose parts can be taken away, and client libraries that watch a job of it."""

import json
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Any

from redis import Redis
from sqlalchemy import Connection, create_engine

from graph.global_id import encode_id
from jobs.enqueue import publish
from local.embedded_service import Service
from local.postgres import start_postgres
from local.redis import start_redis
from operator_commands.migrations import upgrade
from settings import Settings, load_settings
from tests import factories as make
from tests.conftest import SECRETS, STRAVA
from tests.web.api_process import ApiProcess, api_process

FOLDER = Path(__file__).parent
ENDED = "status = 'SUCCEEDED', finished_at = now(), lease_until = NULL"


def install_packages(folder: Path = FOLDER, command: tuple[str, ...] = ("ci",)) -> None:
    """Install what the lock file says, unless it is there already."""
    marker = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    if not marker.exists() or marker.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", *command, "--no-fund", "--no-audit"], cwd=folder, check=True)


@dataclass
class Clients:
    """The libraries of `watch.mjs`, and what each of them told its app so far."""

    process: subprocess.Popen[str]
    heard: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def listen(self) -> None:
        for line in self.process.stdout or ():
            said = json.loads(line)
            self.heard[said.pop("client")].append(said | {"at": time.monotonic()})

    def version(self, client: str) -> int:
        """The newest version of the job that a client knows."""
        return max((each.get("version", 0) for each in self.heard[client]), default=0)

    def is_over(self, client: str) -> bool:
        """Whether a client says that nothing more will come."""
        return any(
            each["kind"] == "complete" or each.get("final", False) for each in self.heard[client]
        )

    def errors(self, client: str) -> list[str]:
        return [each["text"] for each in self.heard[client] if each["kind"] == "error"]

    def until(self, is_so: Any, within_s: float, *, names: list[str] | None = None) -> None:
        """Wait until it is so of all clients, or the time is over: the verdict tells of whom not."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the clients ended"
            if self.heard and all(is_so(each) for each in names or list(self.heard)):
                return
            time.sleep(0.05)


class World:
    """PostgreSQL, Redis and an API process on one address, all of which can go and come back."""

    def __init__(self, home: Path, settings: dict[str, Any]) -> None:
        self.home, self.changes = home, settings
        self.stack = ExitStack()
        with create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]

    def start(self) -> None:
        self.start_postgres()
        self.start_redis()
        values = {"database_url": self.postgres.url, "redis_url": self.redis.url}
        values |= {"pacegraph_home": self.home, "public_url": "http://pacegraph.test"}
        self.settings: Settings = load_settings(None, **values, **SECRETS, **STRAVA)
        upgrade(self.settings)
        self.start_api()

    def start_postgres(self) -> None:
        self.postgres: Service = start_postgres(self.home, durable=False)

    def start_redis(self) -> None:
        self.redis: Service = start_redis(self.home)

    def start_api(self) -> None:
        settings = self.settings.model_copy(update=self.changes)
        self.api: ApiProcess = self.stack.enter_context(
            api_process(settings, self.home, port=self.port)
        )

    def stop_api(self) -> None:
        self.stack.close()

    def stop(self) -> None:
        self.stop_api()
        self.redis.stop()
        self.postgres.stop()

    @contextmanager
    def db(self) -> Iterator[Connection]:
        url = self.postgres.url.replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def begin_job(self) -> None:
        """Make a person with a job that runs; the token is in a file, for clients to read."""
        with self.db() as db:
            self.person = make.create_person(db)
            self.job = make.create_job(db, self.person.athlete_id, status="RUNNING", version=1)
        self.token_file = self.home / "token"
        self.token_file.write_text(self.person.token)

    def change_job(self, assignments: str = "progress_done = progress_done + 1") -> int:
        """Change the job as a worker does, and tell; gives its version."""
        query = f"UPDATE jobs SET version = version + 1, {assignments} WHERE id = {self.job}"
        with self.db() as db:
            version: int = db.exec_driver_sql(f"{query} RETURNING version").scalar_one()
        with Redis.from_url(self.redis.url) as redis:
            publish(redis, self.job, self.person.athlete_id, version)
        return version

    def renew_token(self, *, known_to_clients: bool) -> None:
        """Revoke the token; a new one may be what clients find when they look for it."""
        with self.db() as db:
            if known_to_clients:
                self.token_file.write_text(make.create_token(db, self.person.account_id))
            db.exec_driver_sql(
                "UPDATE api_tokens SET revoked_at = now() WHERE name = 'test' AND secret_sha256 = "
                f"sha256('{self.person.token}'::bytea)"
            )

    @contextmanager
    def clients(self) -> Iterator[Clients]:
        """Have all libraries watch the job, and know its present state."""
        command = [
            "node",
            str(FOLDER / "watch.mjs"),
            f"http://{self.api.address}/graphql",
            str(self.token_file),
            encode_id("Job", self.job),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        clients = Clients(process)
        listener = threading.Thread(target=clients.listen)
        listener.start()
        try:
            yield clients
        finally:
            process.terminate()
            process.wait(10)
            listener.join()
            process.stdout.close()
