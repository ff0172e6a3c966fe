"""Pages of every list of the schema, with each filter and order, for `bench.list_growth`.

`tests/bench/test_list_shapes.py` holds that no filter and no order of the schema is missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

_ALL = ("stranger", "owner", "admin")
_ATHLETE = 'athlete(id: "$athlete")'
_ACTIVITY = 'activity(id: "$activity")'
_DIRECTIONS = ("DESC", "ASC")


@dataclass(frozen=True, slots=True)
class PagedList:
    """A list. `conditions` are the values of each filter, of none, few and many rows.

    They are members of the argument `filter`, unless `has_filter` is false: then they are
    arguments. `orders` are arguments too, and `always` are those of every page.
    """

    field: str
    within: str = ""
    conditions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    has_filter: bool = True
    orders: Sequence[str] = ("",)
    always: str = ""
    viewers: Sequence[str] = _ALL

    @property
    def name(self) -> str:
        return f"{self.within.partition('(')[0]} {self.field}".strip()

    def groups(self) -> Iterator[list["Page"]]:
        """Give the pages, those that one statement answers together."""
        names = [(), *combinations(self.conditions, 1), *combinations(self.conditions, 2)]
        for chosen, order in product(names, self.orders):
            values = product(*(self.conditions[each] for each in chosen))
            yield [self._page(dict(zip(chosen, each, strict=True)), order) for each in values]

    def _page(self, conditions: Mapping[str, str], order: str) -> "Page":
        texts = [f"{name}: {value}" for name, value in conditions.items()]
        given = texts
        if texts and self.has_filter:
            given = [f"filter: {{ {', '.join(texts)} }}"]
        arguments = ", ".join(["first: 20", *filter(None, [self.always, order]), *given])
        page = f"{self.field}({arguments}) {{ pageInfo {{ hasNextPage }} nodes {{ __typename }} }}"
        text = f"{self.within} {{ {page} }}" if self.within else page
        return Page(", ".join(filter(None, [self.name, *texts, order])), f"{{ {text} }}")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: its name, and a query with `$athlete` and others for facts."""

    name: str
    text: str


def _orders(*fields: str) -> list[str]:
    return [
        f"orderBy: {{ field: {field}, direction: {direction} }}"
        for field in fields
        for direction in _DIRECTIONS
    ]


_OF_ACTIVITIES = {
    "startedFrom": ('"2100-01-01T00:00:00Z"', '"2020-01-01T00:00:00Z"'),
    "startedUntil": ('"1900-01-01T00:00:00Z"', '"2020-01-01T00:00:00Z"'),
    "sportTypes": ('["Sailing"]', '["Yoga", "Hike"]', '["Run"]'),
    "minDistanceMeters": ("9000000", "20900", "5000"),
    "maxDistanceMeters": ("1", "20000"),
    "nameContains": ('"no such title"', '"zq"', '"run"'),
    "source": ("FILE", "STRAVA"),
    "gear": ('"$gear"',),
    "includeDuplicates": ("false",),
}
_ACTIVITY_ORDERS = _orders("STARTED_AT", "DISTANCE", "MOVING_TIME", "ELAPSED_TIME")
_OF_JOBS = {
    "kinds": ("[PERSONAL_BESTS]", "[AGE_GRADES, EXPORT]", "[STRAVA_SYNC]"),
    "statuses": ("[WAITING]", "[FAILED]", "[SUCCEEDED]"),
}
_DAYS = {"from": ('"2100-01-01"', '"2000-01-01"'), "until": ('"1900-01-01"', '"2100-01-01"')}

LISTS = (
    PagedList("activities", "", _OF_ACTIVITIES, orders=_ACTIVITY_ORDERS),
    PagedList("activities", _ATHLETE, _OF_ACTIVITIES, orders=_ACTIVITY_ORDERS),
    PagedList(
        "athletes",
        "",
        {
            "nameContains": ('"no such name"', '"zq"', '"mar"'),
            "sex": ("FEMALE",),
            "country": ('"Nowhere"', '"NZ"', '"PT"'),
        },
        orders=_orders("JOINED", "LAST_NAME"),
    ),
    PagedList(
        "leaderboard",
        "",
        {
            "sex": ("FEMALE",),
            "country": ('"Nowhere"', '"NZ"', '"PT"'),
            "minAge": ("120", "30"),
            "maxAge": ("1", "60"),
            "achievedFrom": ('"2100-01-01"', '"2000-01-01"'),
            "achievedUntil": ('"1900-01-01"', '"2100-01-01"'),
        },
        orders=("by: ELAPSED_TIME", "by: AGE_GRADE"),
        always="distance: KM5",
    ),
    PagedList("jobs", "", _OF_JOBS),
    PagedList("jobs", _ATHLETE, _OF_JOBS, viewers=("owner", "admin")),
    PagedList(
        "bestEfforts",
        _ATHLETE,
        {**_DAYS, "includeExcluded": ("true",)},
        has_filter=False,
        always="distance: KM5",
    ),
    PagedList("personalBestHistory", _ATHLETE, always="distance: KM5"),
    PagedList("deletedActivities", _ATHLETE, viewers=("owner", "admin")),
    PagedList("laps", _ACTIVITY),
    PagedList("splits", _ACTIVITY, {"unit": ("KILOMETER", "MILE")}, has_filter=False),
    PagedList(
        "importReport",
        'job(id: "$job")',
        {"outcomes": ("[FAILED]", "[IMPORTED]")},
        has_filter=False,
        viewers=("owner", "admin"),
    ),
    PagedList("waiting", "stravaQuota", viewers=("admin",)),
)
"""All lists with pages."""
