"""How many requests ended, and how long they took."""

import re

import pytest

from tests.graph.api import serve
from web.http.request_counts import RequestCounts


def test_each_request_is_in_its_class_and_all_above():
    counts = RequestCounts()
    for path, status, seconds in (
        ("/graphql", 200, 0.001), ("/graphql", 204, 0.0011), ("/graphql", 429, 99.0), ("/uploads/x", 200, 0.3),
    ):  # fmt: skip
        counts.count(path, status, seconds)
    assert counts.ended == {("graphql", "2xx"): 2, ("graphql", "4xx"): 1, ("other", "2xx"): 1}
    up_to = dict(counts.up_to("graphql"))
    assert [up_to[each] for each in ("0.001", "0.0025", "10.0", "+Inf")] == [1, 2, 2, 3]
    assert dict(counts.up_to("other"))["0.25"] == 0
    assert dict(counts.up_to("other"))["0.5"] == 1
    assert counts.seconds["graphql"] == pytest.approx(99.0021)


@pytest.mark.anyio
async def test_requests_of_both_ways_are_counted_and_probes_are_not(settings):
    async with serve(settings) as api:

        async def shown() -> dict[str, int]:
            text = (await api.http.get("/metrics")).text
            found = re.findall(
                r"^pacegraph_request(?:s_total|_seconds_count)\{(.*)\} (.*)$", text, re.MULTILINE
            )
            return {labels: int(float(value)) for labels, value in found}

        before = await shown()
        for _ in range(2):  # the second one may be answered on the short way
            assert (await api.post("{ __typename }")).status_code == 200
        assert (await api.post("{ nothing }")).status_code == 422
        assert (await api.http.get("/healthz")).status_code == 200
        after = await shown()
    more = {each: after[each] - before.get(each, 0) for each in after}
    assert (
        more['status="2xx",to="graphql"'] + more['status="4xx",to="graphql"']
        == more['to="graphql"']
        == 3
    )
    assert more['to="other"'] == 1, "the look at /metrics before"
