"""What an operator allows all operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from db.statements.visibility import Viewer
from graph.context import Client
from graph.document.operation import Operation
from graph.errors import IntrospectionDisabled


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """What decides on introspection, the seconds of an operation, and what counts those that run."""

    introspection: Literal["on", "signed-in", "off"] = "on"
    timeout_s: float = 30.0
    count_use: Callable[[Operation, Client], None] | None = None

    def check_introspection(self, viewer: Viewer) -> None:
        """Check that a caller may ask about the schema. Raises IntrospectionDisabled."""
        policy = self.introspection
        if (
            policy == "on"
            or viewer.is_admin
            or (policy == "signed-in" and viewer.account_id is not None)
        ):
            return
        raise IntrospectionDisabled(policy)
