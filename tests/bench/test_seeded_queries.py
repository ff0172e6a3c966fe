"""The queries of a seed are valid in both schemas, differ by the seed, and are compared rightly."""

from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from bench.seeded_queries import (
    COUNT,
    Selection,
    own_text,
    peer_text,
    queries,
    same_answer,
    write,
)

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("text", "schema"),
    [(own_text, "schema.graphql"), (peer_text, "bench/peers/schema.graphql")],
)
def test_each_query_is_valid(text, schema):
    built = build_schema((ROOT / schema).read_text())
    for seed in range(20):
        for query in queries(seed).values():
            assert validate(built, parse(text(query))) == []


def test_a_seed_draws_the_same_and_another_draws_others():
    assert queries(7) == queries(7)
    assert len(set(queries(7).values()) | set(queries(8).values())) == 2 * COUNT


def test_they_are_written_for_both(tmp_path):
    names = write(7, tmp_path)
    assert names == [f"S{n}" for n in range(1, 13)]
    first = (tmp_path / "peer" / "S1.graphql").read_text()
    assert first == peer_text(queries(7)["S1"])
    assert first.startswith("query ($id: ID!) { athlete(id: $id) { id ")
    assert "nodes {" in (tmp_path / "pacegraph" / "S2.graphql").read_text()


LIST = Selection(
    "Query",
    (),
    (("athletes", 1, Selection("Athlete", ("city",), (("activities", 2, Selection("Activity", ("distance",))),))),),
)  # fmt: skip
PEER = {"athletes": [{"id": "1", "city": "Oslo", "activities": [{"id": "2", "distance": 5.0}]}]}


def own(city: str = "Oslo", *distances: float) -> dict[str, object]:
    runs = {"nodes": [{"id": "x", "distanceMeters": each} for each in distances]}
    return {"athletes": {"nodes": [{"id": "y", "city": city, "activities": runs}]}}


def test_answers_that_tell_the_same_are_the_same():
    assert same_answer(LIST, own("Oslo", 5.0), PEER)


@pytest.mark.parametrize("other", [own("Bergen", 5.0), own("Oslo", 6.0), own("Oslo", 5.0, 5.0), own("Oslo")])  # fmt: skip
def test_other_values_and_lengths_differ(other):
    assert not same_answer(LIST, other, PEER)
