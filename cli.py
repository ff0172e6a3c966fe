"""The command line, `pacegraph`. Each command imports what it needs when it runs."""

import argparse
import gc
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import logs
from flags.commands import add_arguments as add_flag_arguments
from settings import InvalidSettings, Settings, load_settings, wants_json_logs

__all__ = ["main"]

SCHEMA_FILE = Path(__file__).resolve().parent / "schema.graphql"
NEEDED_BY_PROCESSES = (
    "database_url",
    "redis_url",
    "secret_key",
    "token_encryption_keys",
    "strava_client_id",
    "strava_client_secret",
)

HAS_LEGACY = find_spec("legacy") is not None
"""False once its folder is deleted, at the end of the migration."""

Command = Callable[[argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 is success, 1 is failure, 2 is wrong usage or a wrong setting."""
    logs.prepare("pacegraph")
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        logs.set_up_early(options.name)
        return command(options)
    except InvalidSettings as error:
        logs.tell(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        if not logs.log_end():
            raise
        return 1


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in a line of the log, where only such are wanted."""

    def error(self, message: str) -> NoReturn:
        if not wants_json_logs():
            super().error(message)
        logs.tell(f"{message} ({self.format_usage().strip()})")
        self.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pacegraph", description="A GraphQL API over runners' activities, personal bests and age grades."
    )
    commands = parser.add_subparsers(metavar="command", required=True)

    def add(name: str, command: Command, description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description, description=description)
        added.set_defaults(command=command, name=name)
        return added

    run = add("run", _run, "start everything on this machine: PostgreSQL, Redis, simulated Strava, workers, API")
    run.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    api = add("api", _api, "serve the API")
    api.add_argument("--host", help="address to listen on (HOST)")
    api.add_argument("--port", type=int, help="port to listen on (PORT)")
    add("worker", _worker, "run the job workers")
    migrate = add("migrate", _migrate, "bring the database up to date")
    migrate.add_argument(
        "--to", metavar="REVISION", help="the revision to end at; default: the newest, with --down one step back"
    )
    migrate.add_argument("--down", action="store_true", help="go back instead of forward (to `base`: drops everything)")
    schema = add("schema", _schema, "print the GraphQL schema")
    action = schema.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare schema.graphql with it; 1 if they differ")
    action.add_argument("--write", action="store_true", help="write it to schema.graphql")
    trusted = add("trusted-documents", _trusted_documents, "check a manifest of trusted documents")
    trusted.add_argument("action", choices=["check"], help="check: the schema, the limits, and what each would cost")
    trusted.add_argument("manifest", type=Path, metavar="MANIFEST", help="a file of Relay, Apollo or GraphQL Codegen")
    simulator = add("simulate-strava", _simulate_strava, "serve a simulated Strava")
    simulator.add_argument("--port", type=int, default=8100, help="port to listen on (default: 8100)")
    add(
        "doctor", _doctor, "check settings, PostgreSQL, Redis, migrations and Strava credentials, and say what is wrong"
    )
    bench = add("bench-serve", _bench_serve, "serve the benchmark's rows from embedded services (bench/README.md)")
    bench.add_argument("--activities", type=int, default=200_000, help="how many to write on first use")
    bench.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    add("key", _key, "print a new key for TOKEN_ENCRYPTION_KEYS")
    add_flag_arguments(add("flags", _flags, "show the feature flags, and change them (docs/flags.md)"))
    if HAS_LEGACY:
        from legacy.commands import add_commands

        add_commands(add)
    return parser


def _run(options: argparse.Namespace) -> int:
    from local.run import run

    return run(load_settings(), with_parent=options.with_parent)


def _bench_serve(options: argparse.Namespace) -> int:
    from local.bench_serve import DEFAULT_HOME, bench_serve

    settings = load_settings()
    if "pacegraph_home" not in settings.model_fields_set:
        settings = load_settings(pacegraph_home=DEFAULT_HOME)
    return bench_serve(settings, activities=options.activities, with_parent=options.with_parent)


def _api(options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.require(*NEEDED_BY_PROCESSES)
    from web import create_app

    app = create_app(settings)
    if HAS_LEGACY:
        from legacy.app import add_routes

        add_routes(app, settings)
    # What is there now stays: a full collection need not look at it, and seldom finds anything at all.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    app.state.services.documents.begin_process()
    _allow_many_files()
    # The loop is not to wait 5 ms for each of its turns while a thread reads an unknown document.
    sys.setswitchinterval(0.001)

    return _serve(app, settings, options.host or settings.host, options.port or settings.port)


def _allow_many_files() -> None:
    """Take as many open files as the system lets this process have: each client's connection is one."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says "unlimited" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _serve(app: object, settings: Settings, host: str, port: int) -> int:
    import uvicorn

    from web.http_protocol import BoundedHttp
    from web.server import Server

    server = Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            host=host,
            port=port,
            loop="uvloop",
            http=BoundedHttp,
            log_config=None,  # logs are the app's affair
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whom to believe is TRUSTED_PROXIES' affair, not FORWARDED_ALLOW_IPS'
            timeout_graceful_shutdown=3,  # open subscriptions would hold it for ever
            ws_max_size=settings.body_max_bytes,
            ws_ping_timeout=settings.subscription_send_timeout_s,
        ),
        unread_s=settings.subscription_send_timeout_s,
    )
    server.run()
    return 0 if server.started else 1


def _worker(_options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.require(*NEEDED_BY_PROCESSES)
    from jobs.worker import main as work

    return work(settings)


def _migrate(options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.require("database_url")
    from sqlalchemy.exc import OperationalError

    from local.migrations import CommandError, downgrade, upgrade

    try:
        if options.down:
            downgrade(settings, options.to or "-1")
        else:
            upgrade(settings, options.to or "head")
    except CommandError as error:
        logs.tell(str(error))
        return 1
    except OperationalError as error:
        reason, _, _ = str(error.orig).partition("\n")
        logs.tell(f"the migrations stopped: {reason}")
        return 1
    logging.getLogger("pacegraph.migration").info("the migrations are done")
    return 0


def _schema(options: argparse.Namespace) -> int:
    from graph.schema import print_schema

    generated = print_schema()
    if options.write:
        SCHEMA_FILE.write_text(generated)
    elif not options.check:
        print(generated, end="")
    elif not SCHEMA_FILE.exists() or SCHEMA_FILE.read_text() != generated:
        logs.tell("schema.graphql is not what the code says. Write it anew: make schema")
        return 1
    return 0


def _trusted_documents(options: argparse.Namespace) -> int:
    from local.manifest_check import check_manifest

    return check_manifest(options.manifest, load_settings())


def _simulate_strava(options: argparse.Namespace) -> int:
    from local.simulated_strava import create_demo_strava

    settings = load_settings()
    strava = create_demo_strava(settings, url=f"http://127.0.0.1:{options.port}")
    return _serve(strava, settings, "127.0.0.1", options.port)


def _doctor(_options: argparse.Namespace) -> int:
    from local.doctor import diagnose

    return diagnose(load_settings())


def _flags(options: argparse.Namespace) -> int:
    from flags.commands import run
    from local.redis import running_redis

    settings = load_settings()
    if settings.redis_url is None and (url := running_redis(settings.pacegraph_home)):  # that of `pacegraph run`
        settings = load_settings(redis_url=url)
    return run(options, settings)


def _key(_options: argparse.Namespace) -> int:
    from local.secrets import new_encryption_key

    print(new_encryption_key())
    return 0


if __name__ == "__main__":
    sys.exit(main())
