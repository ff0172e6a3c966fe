"""`pacegraph flags`: what it shows, changes and refuses."""

import getpass
import json
import logging
import sys

import pytest
from redis import Redis

import cli
from flags.store import HASH, LOG
from flags.switches import Flag
from local.redis import start_redis


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, redis_url):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", redis_url)
    root = logging.getLogger()  # the command sets logs up
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["flags", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def listed(run) -> dict[str, dict[str, str]]:
    code, out, _ = run("--json")
    assert code == 0
    return {row["name"]: row for row in json.loads(out)}


def test_all_flags_are_listed_with_their_defaults(run, monkeypatch):
    monkeypatch.setenv("COST_MODE", "report")
    rows = listed(run)
    assert list(rows) == [flag.value for flag in Flag]
    assert (rows["sharing"]["state"], rows["sharing"]["from"]) == ("off", "SHARING=off")
    assert (rows["cost-limiting"]["state"], rows["cost-limiting"]["default"]) == (
        "off",
        "off (COST_MODE=report)",
    )
    code, table, _ = run()
    assert code == 0
    assert table.splitlines()[0].split() == ["NAME", "STATE", "FROM", "DEFAULT", "OFF"]
    assert len(table.splitlines()) == 1 + len(Flag)


def test_a_change_is_told_listed_and_logged(run):
    code, out, line = run(
        "set", "sharing", "25%", "--on-for", "athlete:7", "account:2", "--reason", "a first try"
    )
    assert (
        code,
        out.startswith("sharing: off (settings) → 25%; on for account:2, athlete:7; every"),
    ) == (0, True)
    assert (listed(run)["sharing"]["state"], listed(run)["sharing"]["from"]) == (
        "25%; on for account:2, athlete:7", "redis",
    )  # fmt: skip
    run("set", "sharing", "off")
    assert listed(run)["sharing"]["state"] == "off; on for account:2, athlete:7"
    run("set", "sharing", "on", "--on-for")
    assert listed(run)["sharing"]["state"] == "on"
    assert run("reset", "sharing", "--reason", "enough")[0] == 0
    assert listed(run)["sharing"]["from"] == "SHARING=off"
    _, out, _ = run("log", "--json")
    entries = json.loads(out)
    assert [each["new"].partition(";")[0] for each in entries] == [
        "off (settings)",
        "on",
        "off",
        "25%",
    ]
    assert {each["by"] for each in entries} == {getpass.getuser()}
    assert [entries[0]["reason"], entries[-1]["reason"]] == ["enough", "a first try"]
    assert "a first try" in run("log")[1]
    logged = json.loads(line)
    assert (logged["logger"], logged["message"], logged["flag"]) == (
        "pacegraph.flags",
        "a flag was set",
        "sharing",
    )
    assert (logged["by"], logged["reason"]) == (getpass.getuser(), "a first try")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("set", "sharring", "on"), "sharring"),
        (("set", "sharing", "maybe"), "maybe"),
        (("set", "sharing", "30"), "30"),
        (("set", "sharing", "130%"), "130%"),
        (("set", "sharing", "on", "--on-for", "bob"), "bob"),
        (("set", "sharing", "0%", "--on-for", "athlete:1", "--off-for", "athlete:1"), "athlete:1"),
        (("reset", "x"), "x"),
    ],
)
def test_a_wrong_name_or_value_is_one_line_and_changes_nothing(run, redis_url, arguments, named):
    code, out, error = run(*arguments)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert named in error
    with Redis.from_url(redis_url) as redis:
        assert not redis.exists(HASH, LOG)


def test_redis_away_is_one_line(run, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    for arguments in ((), ("set", "sharing", "on"), ("log",)):
        code, out, error = run(*arguments)
        assert (code, out) == (1, "")
        assert error.startswith("pacegraph: Redis (REDIS_URL)")
        assert error.count("\n") == 1


def test_a_reason_commands_no_terminal(run):
    run("set", "sharing", "on", "--reason", "\x1b[2J")
    assert "\x1b" not in run("log")[1]


def test_nonsense_is_replaced_by_setting_the_flag(run, redis_url):
    with Redis.from_url(redis_url) as redis:
        redis.hset(HASH, mapping={"version": 1, "sharing": "{"})
    assert listed(run)["sharing"]["from"] == "SHARING=off"
    assert run("set", "sharing", "on")[0] == 0
    assert listed(run)["sharing"]["state"] == "on"


def test_beside_a_running_pacegraph_run_nothing_needs_to_be_set(run, monkeypatch, services_home):
    monkeypatch.delenv("REDIS_URL")
    home = services_home / "flags"
    monkeypatch.setenv("PACEGRAPH_HOME", str(home))
    code, _, error = run()
    assert (code, "REDIS_URL" in error) == (2, True)
    service = start_redis(home)
    try:
        assert run("set", "sharing", "on")[0] == 0
        assert listed(run)["sharing"]["state"] == "on"
    finally:
        service.stop()
