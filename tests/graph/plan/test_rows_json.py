"""Rows put together from their values."""

import orjson

from db.statements.json_sql import ROWS, ROWS_BEGIN, ROWS_END, KeptValue, Literal, Value
from graph.plan.rows_json import RowsWriter, with_rows

MEMBERS = [
    Literal('{"a":'), KeptValue(2), Literal(',"b":'), Value("x"), Literal(',"c":{"d":'), KeptValue(0),
    Literal(',"e":'), Value("y"), KeptValue(2), Literal("}}"),
]  # fmt: skip
"""Of rows with three kept values and two others; one is written twice, and two follow each other."""


def marked(number: int, *rows: tuple[str, ...]) -> str:
    values = "\x1f".join(each for row in rows for each in row)
    return f"{ROWS}{number}{ROWS_BEGIN}{values}{ROWS_END}"


def test_values_stand_where_the_fields_are():
    writer = RowsWriter.from_parts(MEMBERS, 3)
    rows = [("0", "1", '"ü"', "null", "7"), ("2", "3", "4", "[5]", "6")]
    text, objects = with_rows(marked(0, *rows), [writer])
    assert objects is None
    assert text == '[{"a":"ü","b":null,"c":{"d":0,"e":7"ü"}},{"a":4,"b":[5],"c":{"d":2,"e":64}}]'


def test_each_list_of_a_text_has_its_writer():
    first = RowsWriter.from_parts([Literal('{"a":'), KeptValue(1), Literal("}")], 2)
    second = RowsWriter.from_parts([KeptValue(0)], 1)
    lists = marked(0), marked(1, ("1",), ("2",)), marked(0, ("3", "4")), marked(1, ("5",))
    text = '{"v":%s,"w":%s,"x":[%s],"y":%s}' % lists  # noqa: UP031 - many braces
    written, objects = with_rows(text, [first, second])
    found = orjson.loads(written)
    assert objects == 2
    assert found == {"v": [], "w": [1, 2], "x": [[{"a": 4}]], "y": [5]}
