"""Snippets in documents are the code that tests run.

    python -m tests.snippets          writes them
    python -m tests.snippets --check  compares

A document names a region of a file before the block: `<!-- tests/clients/kit/urql.ts#paging -->`.
The file has it between `#region paging` and `#endregion paging`; without `#…` it is the whole file.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r"(<!-- ([\w./-]+)(?:#([\w-]+))? -->\n```\w+\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL
)


class NoRegion(Exception):
    """A document names a region that its file does not have."""


def region(path: str, name: str | None) -> str:
    """Get the lines of a region, without its markers."""
    text = (ROOT / path).read_text()
    if not name:
        return text
    found = re.search(
        rf"^[^\n]*#region {name}\n(.*?)^[^\n]*#endregion {name}$", text, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise NoRegion(f"{path} has no region {name}")
    return found[1]


def pasted(text: str) -> str:
    """Write the snippets of a document anew."""
    return _BLOCK.sub(lambda block: block[1] + region(block[2], block[3]), text)


def named(text: str) -> set[tuple[str, str]]:
    """Files and regions that a document shows."""
    return {(path, name) for _, path, name, _ in _BLOCK.findall(text)}


def main() -> int:
    outdated = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        before = path.read_text()
        if (after := pasted(before)) == before:
            continue
        if "--check" in sys.argv:
            outdated.append(str(path.relative_to(ROOT)))
        else:
            path.write_text(after)
    if outdated:
        print(f"Snippets are outdated in {', '.join(outdated)}: make snippets", file=sys.stderr)
    return bool(outdated)


if __name__ == "__main__":
    sys.exit(main())
