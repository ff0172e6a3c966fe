"""Where the page of an error's code is, so that each error links it."""


class ErrorLinks:
    """The pages of one process. Until they lie somewhere, errors have no link."""

    def __init__(self) -> None:
        self._begun = ""

    def lie_at(self, begun: str) -> None:
        """Set what all addresses begin with; the code in lower case follows. "" for no pages."""
        self._begun = begun

    @property
    def begin(self) -> str | None:
        """What all addresses begin with; None for no pages."""
        return self._begun or None

    def address(self, code: str) -> str | None:
        """Make the address of a code's page; None without one."""
        return f"{self._begun}{code.lower()}" if self._begun else None

    def link(self, code: str) -> dict[str, str]:
        """Make the part of an error's `extensions` that links its page; empty without one."""
        address = self.address(code)
        return {"documentation": address} if address else {}


ERROR_LINKS = ErrorLinks()
