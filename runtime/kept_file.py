"""A file beside Python's own compiled modules, which is there as a whole or not at all."""

from collections.abc import Iterable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from secrets import token_hex


def file_beside(source: str, name: str) -> Path:
    """Get the file of a name beside a compiled module. Each version of Python has its own."""
    module = Path(cache_from_source(source))
    return module.with_name(f"{module.stem}.{name}")


def write_whole(file: Path, parts: Iterable[bytes]) -> None:
    """Write a file, which stays as it was where its folder takes none or the disk is full."""
    new = file.with_name(f"{file.name}.{token_hex(8)}")
    with suppress(OSError):
        try:
            with new.open("xb") as opened:
                opened.writelines(parts)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
