"""What PostgreSQL would do for a statement, without running it."""

_EXPLAINABLE = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE")


def planned(statement: str) -> str | None:
    """Write the statement that gets another's plan as JSON. None: it has no plan."""
    if not statement.lstrip("( \n").upper().startswith(_EXPLAINABLE):
        return None
    return f"EXPLAIN (FORMAT JSON) {statement}"
