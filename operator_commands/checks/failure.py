"""How the checks of `pacegraph doctor` fail."""

from settings import InvalidSettings, Settings


class CheckFailed(Exception):
    """A check failed. The message says what is wrong, then what to do."""


def require(settings: Settings, name: str, remedy: str) -> None:
    """Raise CheckFailed where a setting is not set."""
    try:
        settings.require(name)
    except InvalidSettings:
        raise CheckFailed(f"{name.upper()} is not set. {remedy}") from None


def first_line(error: BaseException) -> str:
    """Get an error's first line, without a full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
