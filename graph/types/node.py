"""The Node interface."""

import strawberry


@strawberry.interface(description="An object with a global id, which `node` finds again.")
class Node:
    """Relay's Node."""

    id: strawberry.ID = strawberry.field(description="Opaque global id.")
