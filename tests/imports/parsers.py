"""What reading an archive's files costs, in a process that does nothing else.

    python -m tests.imports.parsers PATH readers|libraries NUMBER OF

reads each OF-th file, from NUMBER on, and prints the CPU seconds that took. `readers` are those of
`recordings/`, as an import calls them. `libraries` are fitdecode and lxml alone, as the readers
call them, with nobody who takes what they find.
"""

import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import fitdecode
from lxml import etree

from recordings.archive import files_of
from recordings.limits import DEFAULT_LIMITS
from recordings.opened_file import opened
from recordings.reader import read_opened

_BLOCK = 1 << 16


def read(name: str, content: BinaryIO) -> None:
    with opened(content, name, DEFAULT_LIMITS) as each:
        read_opened(each, name)


def parse(name: str, content: BinaryIO) -> None:
    source = gzip.GzipFile(fileobj=content) if name.endswith(".gz") else content
    if name.endswith(".gpx"):
        _parse_xml(source)
        return
    with fitdecode.FitReader(
        source,
        processor=None,
        check_crc=fitdecode.CrcCheck.DISABLED,
        error_handling=fitdecode.ErrorHandling.IGNORE,
    ) as frames:
        for _ in frames:
            pass


class _Nobody:
    def start(self, tag: str, attributes: object) -> None:
        pass

    def end(self, tag: str) -> None:
        pass

    def data(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


def _parse_xml(source: BinaryIO) -> None:
    parser = etree.XMLParser(
        target=_Nobody(),
        recover=True,
        resolve_entities=False,
        remove_comments=True,
        remove_pis=True,
    )
    while block := source.read(_BLOCK):
        parser.feed(block)
    parser.close()


WAYS: dict[str, Callable[[str, BinaryIO], None]] = {"readers": read, "libraries": parse}


def cost_s(path: Path, way: str, processes: int) -> float:
    """As many processes at once as an import has, so that they share the machine's cores alike."""
    command = [sys.executable, "-m", "tests.imports.parsers", str(path), way]
    running = [
        subprocess.Popen([*command, str(number), str(processes)], stdout=subprocess.PIPE)
        for number in range(processes)
    ]
    return sum(float(each.communicate()[0]) for each in running)


def main(path: Path, way: str, number: int, of: int) -> None:
    took_s = 0.0
    for place, (name, content) in enumerate(files_of(path)):
        if place % of == number and not isinstance(content, Exception):
            began = time.process_time()
            WAYS[way](name, content)
            took_s += time.process_time() - began
    print(took_s)  # noqa: T201 - for `cost_s`


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
