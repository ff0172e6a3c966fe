"""How the checks of `pacegraph doctor` fail."""


class CheckFailed(Exception):
    """A check failed. The message says what is wrong, then what to do."""
