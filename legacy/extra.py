"""The optional extra `pacegraph[legacy]`: libcst, which `migrate-imports` needs and no server."""

from runtime.errors import PacegraphError


class ExtraMissing(PacegraphError):
    """A package of the extra is not installed. The message says how to install it."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is not installed, and migrate-imports needs it: "
            "pip install 'pacegraph[legacy]'"
        )
        self.package = package


def require_extra() -> None:
    """Check that libcst can be imported. Raises ExtraMissing."""
    try:
        import libcst  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise ExtraMissing("libcst") from error
