"""The athlete that a command was told does not exist."""

from runtime.errors import PacegraphError


class AthleteUnknown(PacegraphError):
    """There is no such athlete. The message says how to find the ids."""

    def __init__(self, athlete_id: int) -> None:
        super().__init__(
            f"--athlete: there is no athlete {athlete_id}. "
            "`{ viewer { athlete { id } } }` tells a signed-in one's id."
        )
