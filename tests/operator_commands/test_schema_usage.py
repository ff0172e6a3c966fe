"""`pacegraph schema-usage`: deprecated members that are used, and members that nobody uses."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from graphql import build_schema

import cli
from db.session import SyncDatabase
from db.statements.server import schema_use
from operator_commands.report import Section, as_html, as_markdown
from operator_commands.schema_usage import Use, members_of, read_uses, report

SCHEMA = build_schema(
    """
    type Query { run(id: ID!, old: Int @deprecated(reason: "Use `id`.")): Run }
    type Run { name: String title: String @deprecated(reason: "Use `name`.") kind: Kind }
    enum Kind { ROAD TRACK @deprecated(reason: "Use ROAD.") }
    input Unused { a: Int }
    """
)
TODAY = datetime.now(UTC).date()


@pytest.fixture
def uses(db):
    """Rows of two days and two clients."""

    def add(coordinate: str, client: tuple[str, str], count: int, days_ago: int = 0) -> None:
        values = (coordinate, *client, TODAY - timedelta(days=days_ago), count)
        db.exec_driver_sql("INSERT INTO schema_uses VALUES (%s, %s, %s, %s, %s)", values)

    add("Run.title", ("phone", "1.2"), 5)
    add("Run.title", ("phone", "1.2"), 7, 3)
    add("Run.title", ("", ""), 9, 40)
    add("Query.run", ("web | next", ""), 1)
    add("Query.run(id:)", ("web | next", ""), 1)


def test_uses_are_summed_by_client(settings, uses):
    assert read_uses(settings, 30) == [
        Use("Run.title", "phone", "1.2", 12, TODAY),
        Use("Query.run", "web | next", "", 1, TODAY),
        Use("Query.run(id:)", "web | next", "", 1, TODAY),
    ]
    # a day more than the use is old: one may begin while the tests run
    assert read_uses(settings, 42)[1] == Use("Run.title", "", "", 9, TODAY - timedelta(days=40))


def test_the_page_tells_what_may_go_and_whom_to_tell(settings, uses):
    sections = report(members_of(SCHEMA), read_uses(settings, 30), shows_all=False)
    assert (
        as_markdown("Usage", sections)
        == f"""# Usage

## Deprecated and used

| member | client | version | operations | last day | what to do |
| --- | --- | --- | --- | --- | --- |
| Run.title | phone | 1.2 | 12 | {TODAY} | Use `name`. |

## Clients to tell

| client | version | deprecated members | last day |
| --- | --- | --- | --- |
| phone | 1.2 | Run.title | {TODAY} |

## Deprecated and not used

| member | what to do |
| --- | --- |
| Kind.TRACK | Use ROAD. |
| Query.run(old:) | Use `id`. |

## Not used

| member |
| --- |
| Run.name |
| Run.kind |"""
    )


def test_a_page_for_a_browser_has_the_same(settings, uses, db):
    values = ("Run.title", "<b>web</b>", "2", TODAY, 3)
    db.exec_driver_sql("INSERT INTO schema_uses VALUES (%s, %s, %s, %s, %s)", values)
    html = as_html("Usage", report(members_of(SCHEMA), read_uses(settings, 30), shows_all=False))
    assert f"<tr><td>phone</td><td>1.2</td><td>Run.title</td><td>{TODAY}</td></tr>" in html
    assert "<td>&lt;b&gt;web&lt;/b&gt;</td>" in html
    assert "<b>" not in html


def test_all_that_is_used_is_listed_on_demand(settings, uses):
    text = as_markdown("Usage", report(members_of(SCHEMA), read_uses(settings, 30), shows_all=True))
    assert f"| Query.run | web \\| next |  | 1 | {TODAY} |" in text.partition("## Used")[2]


def test_names_of_clients_are_neither_markup_nor_cells():
    named = [Section("Used", ("client",), [("<img src=x>|[a](b:c)\\",)])]
    assert r"| \<img src=x>\|\[a\](b:c)\\ |" in as_markdown("Usage", named)
    assert "&lt;img src=x&gt;|[a](b:c)\\" in as_html("Usage", named)


def test_an_empty_section_says_so():
    sections = report(members_of(build_schema("type Query { a: Int }")), [], shows_all=True)
    for text in (as_markdown("Usage", sections), as_html("Usage", sections)):
        assert text.count("Nothing.") == 4


def run(settings, monkeypatch, *arguments: str) -> int:
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("PACEGRAPH_HOME", str(settings.pacegraph_home))
    return cli.main(["schema-usage", *arguments])


def test_the_command_prints_both(settings, uses, monkeypatch, capsys):
    assert run(settings, monkeypatch) == 0
    assert "\n| Athlete.city |\n" in capsys.readouterr().out
    assert run(settings, monkeypatch, "--html", "--all") == 0
    assert "<td>Athlete.city</td>" in capsys.readouterr().out
    assert run(settings, monkeypatch, "--json", "--days", "30") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == {
        "coordinate": "Run.title",
        "client": "phone",
        "version": "1.2",
        "operations": 12,
        "lastDay": TODAY.isoformat(),
    }


def test_a_wrong_number_of_days_is_refused(settings, monkeypatch, capsys):
    assert run(settings, monkeypatch, "--days", "0") == 2
    assert capsys.readouterr().err == "--days: 0 is not from 1 to 36500\n"


def test_old_uses_are_deleted(settings, db, uses):
    database = SyncDatabase(settings, application_name="test")
    with database.write() as connection:
        connection.execute(schema_use.delete_old(), {"days": 40, "most": 100})
    database.close()
    assert db.exec_driver_sql("SELECT count(*), max(operations) FROM schema_uses").one() == (4, 7)
