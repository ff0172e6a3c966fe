"""The forms that parts are written in."""

from typing import Any

import orjson

from graph.delivery.writer import Completed, PartEntry, PartPayload, PartsForm, PartsWriter
from tests.graph.delivery.merging import merged


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
