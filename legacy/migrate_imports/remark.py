"""What people are told about a place in a file."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Remark"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be known of a place, and the remedy. `line` 0 is the whole file."""

    file: Path
    line: int
    message: str
    is_left: bool = True
    """Something is left to do; otherwise it is only told."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"
