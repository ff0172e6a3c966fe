"""Standard distances, for menus and headings."""

import strawberry

from athletics.distance import StandardDistance


@strawberry.type(description="A distance of best efforts and personal bests.")
class DistanceInfo:
    """A standard distance with its label."""

    distance: StandardDistance = strawberry.field(description="The distance, as arguments take it.")
    label: str = strawberry.field(description="For people, in English: 5 km, Half marathon.")
    meters: float = strawberry.field(description="Exact distance in meters.")


def standard_distances() -> list[DistanceInfo]:
    """List the standard distances, shortest first."""
    return [
        DistanceInfo(distance=each, label=each.label, meters=each.meters)
        for each in StandardDistance
    ]
