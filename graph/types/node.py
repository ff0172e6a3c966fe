"""The Node interface."""

import strawberry


@strawberry.interface(description="An object with a global id. Fetch it again with `node`.")
class Node:
    """Relay's Node."""

    id: strawberry.ID = strawberry.field(
        description="Global id. Opaque: it tells neither age nor number of objects."
    )
