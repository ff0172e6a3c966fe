"""How root fields become one statement, and how its row becomes JSON."""

from db.statements.json_sql import Literal, Value
from db.statements.json_statement import TOO_LARGE, RootColumns, finish, spread


def listed(number: int) -> list[Literal | Value]:
    return [Literal("["), Value(f"string_agg(c{number},',')"), Literal("]")]


def test_each_value_of_a_page_is_a_column_of_its_own():
    page = spread("SELECT 1", "r1", [*listed(1), Literal(","), Value("count(*)")])
    statement = finish([page, RootColumns([Value("one")])])
    assert statement.text == (
        "SELECT (r1_values.v0)::text,(r1_values.v1)::text,(one)::text,clock_timestamp()-now() "
        "FROM (SELECT string_agg(c1,',') AS v0,count(*) AS v1 FROM (SELECT 1) r1) r1_values"
    )
    assert statement.json_of(["1,2", "2", "null"]) == ["[1,2],2", "null"]


def test_texts_that_are_too_long_stay_in_postgresql(db):
    """The first text says so, and each is computed once."""
    columns = [
        RootColumns([Value(f"repeat('{each}',{count})")]) for each, count in (("a", 6), ("b", 4))
    ]
    rows = [db.exec_driver_sql(finish(columns, most).text).one()[:-1] for most in (10, 9)]
    assert rows == [("aaaaaa", "bbbb"), (TOO_LARGE, None)]
    counted = "set_config('test.n',(current_setting('test.n')::int+1)::text,false)"
    db.exec_driver_sql("SELECT set_config('test.n', '0', false)")
    db.exec_driver_sql(finish([RootColumns([Value(counted)])], 9).text)
    assert db.exec_driver_sql("SELECT current_setting('test.n')").scalar() == "1"


def test_a_list_without_rows_is_empty():
    assert finish([spread("SELECT 1", "r1", listed(1))]).json_of([None]) == ["[]"]


def test_a_statement_never_returns_more_columns_than_postgresql_can():
    """It returns 1,664 at most; the documents that are allowed have fewer root fields."""
    wide = [part for number in range(89) for part in listed(number)]
    roots = [spread(f"SELECT {number}", f"r{number}", wide) for number in range(600)]
    statement = finish(roots)
    columns = max(each for pieces in statement.roots for each in pieces if isinstance(each, int))
    assert columns + 2 <= 1664
    assert finish([RootColumns(wide * 2)]).roots == ((0,),)
