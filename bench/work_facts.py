"""Asks a served database for what shapes name, for `bench.work_per_point`."""

from collections.abc import Callable
from typing import Any

from bench.work_shape import Facts

Ask = Callable[..., Any]
"""Sends a query with variables; returns its data."""
_OWN = """{ viewer { apiTokens { id revokedAt } athlete { id gear { id }
    activities(first: 100) { nodes { id duplicateOf { id } } }
    jobs(first: 1, filter: { kinds: [IMPORT] }) { nodes { id } } } } }"""
_EFFORTS = """query($id: ID!, $after: String) { athlete(id: $id) {
    bestEfforts(distance: KM5, first: 1000, after: $after) {
        pageInfo { hasNextPage } edges { cursor node { id } } } } }"""
_TENTH = "(first: 10) { pageInfo { endCursor } }"
_CURSORS = f"""query($athlete: ID!, $activity: ID!, $job: ID!) {{
    ATHLETES: athletes{_TENTH} ACTIVITIES: activities{_TENTH} JOBS: jobs{_TENTH}
    BESTS: leaderboard(distance: KM5, first: 10) {{ pageInfo {{ endCursor }} }}
    athlete(id: $athlete) {{
        HISTORY: personalBestHistory(distance: KM5, first: 10) {{ pageInfo {{ endCursor }} }} }}
    activity(id: $activity) {{ LAPS: laps{_TENTH} SPLITS: splits{_TENTH} }}
    job(id: $job) {{ ENTRIES: importReport{_TENTH} }} }}"""


def find_facts(ask: Ask) -> Facts:
    """Find the facts of the caller."""
    viewer = ask(_OWN)["viewer"]
    athlete = viewer["athlete"]
    activities = athlete["activities"]["nodes"]
    job = athlete["jobs"]["nodes"][0]["id"]
    efforts = _efforts(ask, athlete["id"])
    return Facts(
        athlete=athlete["id"],
        activities=[each["id"] for each in activities],
        efforts=[each["node"]["id"] for each in efforts[:30]],
        slow_cursor=efforts[max(0, len(efforts) - 201)]["cursor"],
        recording=next(each["id"] for each in activities if each["duplicateOf"]),
        gear=athlete["gear"][0]["id"],
        job=job,
        token=next(each["id"] for each in viewer["apiTokens"] if each["revokedAt"]),
        cursors=_cursors(
            ask(_CURSORS, athlete=athlete["id"], activity=activities[0]["id"], job=job)
        ),
    )


def _efforts(ask: Ask, athlete: str) -> list[Any]:
    edges: list[Any] = []
    has_next = True
    while has_next:
        after = edges[-1]["cursor"] if edges else None
        page = ask(_EFFORTS, id=athlete, after=after)["athlete"]["bestEfforts"]
        edges += page["edges"]
        has_next = page["pageInfo"]["hasNextPage"]
    return edges


def _cursors(found: dict[str, Any]) -> dict[str, str]:
    below = [each for each in found.values() if "pageInfo" not in each]
    lists = {name: each for one in (found, *below) for name, each in one.items()}
    return {
        name: each["pageInfo"]["endCursor"] for name, each in lists.items() if "pageInfo" in each
    }
