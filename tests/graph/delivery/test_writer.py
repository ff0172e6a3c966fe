"""The forms that parts are written in."""

from typing import Any

import orjson
import pytest

from graph.delivery.writer import Completed, PartEntry, PartPayload, PartsForm, PartsWriter
from tests.graph.delivery.merging import merged

GONE = {"message": "It is gone."}


def test_what_a_fragment_belongs_to_comes_before_it():
    """Also where both end at once, and only one of them is known as a whole."""
    for form in PartsForm:
        for is_whole in (False, True):
            sent: list[dict[str, Any]] = []
            writer = PartsWriter(
                form, lambda body, _, sent=sent: sent.append(orjson.loads(body)), dict
            )
            outer = writer.announce((), None, is_whole=is_whole)
            writer.write(PartPayload(data={}, pending=[outer]))
            inner = writer.announce(("a",), None, is_whole=not is_whole)
            writer.write(
                PartPayload(
                    pending=[inner],
                    entries=[PartEntry(outer, {"a": {"b": 1}}), PartEntry(inner, {"c": 2})],
                    completed=[
                        Completed(outer, whole={"a": {"b": 1}}),
                        Completed(inner, whole={"c": 2}),
                    ],
                )
            )
            assert merged(sent) == {"a": {"b": 1, "c": 2}}, (form, is_whole)
            assert sent[-1]["extensions"] == {}


@pytest.mark.parametrize(
    ("form", "last"),
    [
        (
            PartsForm.BY_ID,
            {
                "incremental": [{"id": "1", "items": [3]}],
                "completed": [{"id": "0", "errors": [GONE]}, {"id": "1", "errors": [GONE]}],
            },
        ),
        (
            PartsForm.BY_PATH,
            {
                "incremental": [
                    {"items": [3], "path": ["l", 2]},
                    {"data": None, "path": ["a"], "label": "late", "errors": [GONE]},
                    {"items": None, "path": ["l", 3], "errors": [GONE]},
                ]
            },
        ),
    ],
)
def test_a_part_that_fails_says_so_where_it_belongs(form, last):
    sent: list[dict[str, Any]] = []
    writer = PartsWriter(form, lambda body, _: sent.append(orjson.loads(body)), dict)
    fragment, rest = writer.announce(("a",), "late"), writer.announce(("l",), None, 2)
    data = {"a": {}, "l": [1, 2]}
    writer.write(PartPayload(data=data, errors=[GONE], pending=[fragment, rest]))
    writer.write(
        PartPayload(
            entries=[PartEntry(rest, [3], count=1)],
            completed=[Completed(fragment, [GONE]), Completed(rest, [GONE])],
        )
    )
    first, second = sent
    assert (first["data"], first["errors"], first["hasNext"]) == (data, [GONE], True)
    assert second == last | {"extensions": {}, "hasNext": False}


def test_what_ends_all_parts_names_the_place_of_each():
    sent: list[dict[str, Any]] = []
    writer = PartsWriter(PartsForm.BY_ID, lambda body, _: sent.append(orjson.loads(body)), dict)
    pending = [writer.announce((name,), None) for name in ("a", "b")]
    writer.write(PartPayload(data={"a": {}, "b": {}}, pending=pending))
    writer.fail([GONE])
    assert [each["errors"] for each in sent[-1]["completed"]] == [
        [{"path": ["a"], **GONE}],
        [{"path": ["b"], **GONE}],
    ]
    writer.fail([GONE])  # nothing is open
    assert len(sent) == 2
