"""A message about a place in a file."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong at a place, and the remedy. `line` 0 means the whole file."""

    file: Path
    line: int
    message: str
    is_left: bool = True
    """Whether the place is left to do by hand; False is for information only."""

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.message}"
            if self.line
            else f"{self.file}: {self.message}"
        )
