"""Which fields may look at more rows of the database than they return.

A list's page in its usual order is found by an index, so its objects tell what it costs. Totals,
filters, other orders, ranks and sums are scalars or arguments, and may take a whole table.
"""

from graphql import FieldNode

SEARCHING_FIELDS = frozenset(
    {
        "totalCount",
        "rank",
        "trainingSummary",
        "trainingLoad",
        "paceCurve",
        "runsOnSameRoute",
        "criticalSpeed",
        "racePredictions",
        "gear",
        "route",
        "heartRateZones",
        "timeInHeartRateZones",
        "changedActivityIds",
        "changedDistances",
    }
)
SEARCHING_ARGUMENTS = frozenset({"filter", "orderBy", "by", "outcomes"})


def is_search(node: FieldNode) -> bool:
    """Tell whether a field may look at more rows than it returns."""
    return node.name.value in SEARCHING_FIELDS or any(
        each.name.value in SEARCHING_ARGUMENTS for each in node.arguments or ()
    )
