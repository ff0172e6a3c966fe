"""The command line, `pacegraph`. Each command imports what it needs when it runs."""

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from runtime import kept_at_start

kept_at_start.begin_for(sys.argv)  # before what it is to find is imported

import logs
from flags.commands import add_arguments as add_flag_arguments
from operator_commands.arguments import (
    CommandParser,
    add_api_arguments,
    add_backup_arguments,
    add_bench_serve_arguments,
    add_doctor_arguments,
    add_export_arguments,
    add_import_arguments,
    add_migrate_arguments,
    add_move_arguments,
    add_move_samples_arguments,
    add_nothing,
    add_partition_tables_arguments,
    add_rederive_arguments,
    add_restore_arguments,
    add_run_arguments,
    add_schema_arguments,
    add_schema_usage_arguments,
    add_simulate_strava_arguments,
    add_strava_webhook_arguments,
    add_trusted_documents_arguments,
    add_yes_argument,
)
from runtime.lean_imports import import_without_extras
from settings import InvalidSettings, Settings, load_settings

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
"""False once the folder is deleted, at the end of the migration."""

Command = Callable[[argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 is success, 1 is failure, 2 is wrong usage or a wrong setting."""
    logs.prepare("pacegraph")
    options = make_parser().parse_args(arguments)
    command: Command = options.command
    try:
        logs.set_up_early(options.name)
        return command(options)
    except InvalidSettings as error:
        logs.tell(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not logs.log_end(error):
            raise
        return 1


def _settings_here() -> Settings:
    """Load the settings, completed by what runs in PACEGRAPH_HOME."""
    from local.home_settings import with_running_services

    return with_running_services(load_settings())


def _run(options: argparse.Namespace) -> int:
    from local.run import run

    home = {} if options.home is None else {"pacegraph_home": options.home}
    return run(
        load_settings(**home),
        with_parent=options.with_parent,
        forget_connections=options.forget_connections,
    )


def _bench_serve(options: argparse.Namespace) -> int:
    from local.bench_serve import DEFAULT_HOME, bench_serve

    settings = load_settings()
    if "pacegraph_home" not in settings.model_fields_set:
        settings = load_settings(pacegraph_home=DEFAULT_HOME)
    return bench_serve(settings, activities=options.activities, with_parent=options.with_parent)


def _api(options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.require(*NEEDED_BY_PROCESSES)
    import_without_extras()
    from graph.schema.build import build_core_schema
    from web import Stopping, create_app
    from web.http.server import serve, tune_process

    app = create_app(settings)
    if HAS_LEGACY:
        from legacy.app import add_routes

        add_routes(app, settings)
    kept_at_start.end()
    tune_process()
    app.state.services.documents.begin_process(build_core_schema)
    host, port = options.host or settings.host, options.port or settings.port
    return serve(app, settings, host, port, ending=Stopping(app))


def _worker(_options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.require(*NEEDED_BY_PROCESSES)
    from jobs.worker_start import main as work

    return work(settings)


def _migrate(options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.require("database_url")
    from operator_commands.migrate import migrate

    return migrate(settings, target=options.to, is_down=options.down, yes=options.yes)


def _schema(options: argparse.Namespace) -> int:
    from graph.schema.build import print_schema

    generated = print_schema()
    if options.write:
        SCHEMA_FILE.write_text(generated)
    elif not options.check:
        print(generated, end="")
    elif not SCHEMA_FILE.exists() or SCHEMA_FILE.read_text() != generated:
        logs.tell("schema.graphql is not what the code says. Write it: make schema")
        return 1
    return 0


def _trusted_documents(options: argparse.Namespace) -> int:
    from operator_commands.check_trusted_documents import check_manifest

    return check_manifest(options.manifest, load_settings())


def _schema_usage(options: argparse.Namespace) -> int:
    from db.errors import DatabaseError
    from operator_commands.schema_usage import show_usage

    settings = _settings_here()
    settings.require("database_url")
    try:
        return show_usage(settings, days=options.days, shows_all=options.all, form=options.form)
    except DatabaseError as error:
        logs.tell(str(error))
        return 1


def _simulate_strava(options: argparse.Namespace) -> int:
    from local.simulated_strava import create_demo_strava
    from web.http.server import serve

    settings = load_settings()
    strava = create_demo_strava(settings, url=f"http://127.0.0.1:{options.port}")
    return serve(strava, settings, "127.0.0.1", options.port)


def _doctor(options: argparse.Namespace) -> int:
    from operator_commands.doctor import diagnose, diagnose_proxy

    settings, url = _settings_here(), options.through
    return diagnose(settings) if url is None else diagnose_proxy(settings, url)


def _flags(options: argparse.Namespace) -> int:
    from local.flag_commands import run_action

    return run_action(options, load_settings())


def _forget_connections(options: argparse.Namespace) -> int:
    from operator_commands.stored_tokens import ask_and_forget

    return ask_and_forget(_settings_here(), yes=options.yes)


def _end_demo(options: argparse.Namespace) -> int:
    from operator_commands.demo_tokens import ask_and_end

    return ask_and_end(_settings_here(), yes=options.yes)


def _import(options: argparse.Namespace) -> int:
    from db.models import Visibility
    from operator_commands.import_files import import_files

    return import_files(
        _settings_here(),
        options.paths,
        athlete=options.athlete,
        visibility=Visibility(options.visibility),
        is_dry_run=options.dry_run,
    )


def _export(options: argparse.Namespace) -> int:
    from operator_commands.export_athlete import export_athlete

    return export_athlete(_settings_here(), athlete=options.athlete, to=options.to)


def _rederive(options: argparse.Namespace) -> int:
    from operator_commands.rederive import rederive

    return rederive(_settings_here(), athlete=options.athlete, again=options.again)


def _backup(options: argparse.Namespace) -> int:
    from local.home_backups import backup

    return backup(load_settings(), options)


def _restore(options: argparse.Namespace) -> int:
    from local.home_backups import restore

    return restore(load_settings(), options)


def _move(options: argparse.Namespace) -> int:
    from operator_commands.move_originals import move_originals

    return move_originals(_settings_here(), to=options.to, athlete=options.athlete)


def _move_samples(options: argparse.Namespace) -> int:
    from operator_commands.move_samples import move_samples

    days, athlete = options.older_than, options.athlete
    return move_samples(_settings_here(), to=options.to, older_than_days=days, athlete=athlete)


def _partition_tables(options: argparse.Namespace) -> int:
    from operator_commands.partition_tables import partition_tables

    return partition_tables(_settings_here(), options)


def _strava_webhook(options: argparse.Namespace) -> int:
    from operator_commands.strava_webhook import run_action

    return run_action(options.action, _settings_here())


def _key(_options: argparse.Namespace) -> int:
    from local.generated_secrets import new_encryption_key

    print(new_encryption_key())
    return 0


class _CommandRow(NamedTuple):
    name: str
    command: Command
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None] = add_nothing


_COMMANDS = (
    _CommandRow(
        "run",
        _run,
        "start everything on this machine: PostgreSQL, Redis, simulated Strava, workers, API",
        add_run_arguments,
    ),
    _CommandRow("api", _api, "serve the API", add_api_arguments),
    _CommandRow("worker", _worker, "run the job workers"),
    _CommandRow(
        "migrate", _migrate, "migrate the database to the newest revision", add_migrate_arguments
    ),
    _CommandRow("schema", _schema, "print the GraphQL schema", add_schema_arguments),
    _CommandRow(
        "schema-usage",
        _schema_usage,
        "show which fields clients use: deprecated ones that are used, and unused ones",
        add_schema_usage_arguments,
    ),
    _CommandRow(
        "trusted-documents",
        _trusted_documents,
        "check a manifest of trusted documents",
        add_trusted_documents_arguments,
    ),
    _CommandRow(
        "simulate-strava", _simulate_strava, "simulate Strava's API", add_simulate_strava_arguments
    ),
    _CommandRow(
        "doctor",
        _doctor,
        "check settings, PostgreSQL, Redis, migrations and Strava credentials, "
        "and say what is wrong",
        add_doctor_arguments,
    ),
    _CommandRow(
        "bench-serve",
        _bench_serve,
        "serve the benchmark's rows from embedded services (bench/README.md)",
        add_bench_serve_arguments,
    ),
    _CommandRow(
        "forget-connections",
        _forget_connections,
        "forget the Strava tokens that no key decrypts; athletes then connect again",
        add_yes_argument,
    ),
    _CommandRow("import", _import, "import recordings (docs/files.md)", add_import_arguments),
    _CommandRow(
        "export",
        _export,
        "write an archive of all that is stored of an athlete (docs/export.md)",
        add_export_arguments,
    ),
    _CommandRow("backup", _backup, "write a backup (docs/backups.md)", add_backup_arguments),
    _CommandRow(
        "restore",
        _restore,
        "put a backup in the place of an empty or an old database (docs/backups.md)",
        add_restore_arguments,
    ),
    _CommandRow(
        "rederive",
        _rederive,
        "derive activities again from the files that they were read from (docs/files.md)",
        add_rederive_arguments,
    ),
    _CommandRow("move-originals", _move, "move kept files (docs/files.md)", add_move_arguments),
    _CommandRow(
        "move-samples",
        _move_samples,
        "move samples of old activities out of the database, or back (docs/streams.md)",
        add_move_samples_arguments,
    ),
    _CommandRow(
        "partition-tables",
        _partition_tables,
        "put samples in partitions by the athlete, or back in one table (docs/partitions.md)",
        add_partition_tables_arguments,
    ),
    _CommandRow(
        "strava-webhook",
        _strava_webhook,
        "let Strava report changes to this server, or end it",
        add_strava_webhook_arguments,
    ),
    _CommandRow("end-demo", _end_demo, "end the API tokens of the demo", add_yes_argument),
    _CommandRow("key", _key, "print a new key for TOKEN_ENCRYPTION_KEYS"),
    _CommandRow("flags", _flags, "show and change flags (docs/flags.md)", add_flag_arguments),
)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands; `command` and `name` of what it parses say which to run."""
    parser = CommandParser(
        prog="pacegraph",
        description="A GraphQL API over runners' activities, personal bests and age grades.",
    )
    commands = parser.add_subparsers(metavar="command", required=True)

    def add(name: str, command: Command, description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description, description=description)
        added.set_defaults(command=command, name=name)
        return added

    for row in _COMMANDS:
        row.add_arguments(add(row.name, row.command, row.description))
    if HAS_LEGACY:
        from legacy.commands import add_commands

        add_commands(add)
    return parser


if __name__ == "__main__":
    sys.exit(main())
