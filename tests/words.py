"""Measures how plainly the program reads: `python -m tests.words [path ...]`, or `make words`.

Counted are words that make a sentence hard to read at the first time, in docstrings, comments and
descriptions, and lines that are too long. Tests are not measured. Exits with 1 above a limit.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_COLUMNS = 100
MAX_LISTED_PER_1000 = 2.0
MAX_LONG_LINES_PERCENT = 0.5

LISTED = (
    "who", "whom", "whose", "whoever", "whatever", "whichever", "wherever", "nobody", "somebody", "everybody",
    "anew", "lately", "meanwhile", "besides", "therein", "thereof", "hereby", "lest", "once more",
    "for it", "for they", "for their",
)  # fmt: skip
"""Relative pronouns, indefinite people, old adverbs, and `for` in the sense of because."""

_LISTED = re.compile(rf"\b(?:{'|'.join(LISTED)})\b", re.IGNORECASE)
_SKIPPED = {"tests", "node_modules", "build", "__pycache__"}
_TEXT_ARGUMENTS = {"description", "help", "deprecation_reason"}
_DESCRIPTION = re.compile(r'"""(.*?)"""', re.DOTALL)


@dataclass(frozen=True)
class Measure:
    """What was counted in one file, or in several."""

    words: int = 0
    listed: int = 0
    lines: int = 0
    long_lines: int = 0

    def __add__(self, other: "Measure") -> "Measure":
        return Measure(
            self.words + other.words,
            self.listed + other.listed,
            self.lines + other.lines,
            self.long_lines + other.long_lines,
        )

    @property
    def listed_per_1000(self) -> float:
        return 1000 * self.listed / max(1, self.words)

    @property
    def long_lines_percent(self) -> float:
        return 100 * self.long_lines / max(1, self.lines)

    @property
    def is_plain(self) -> bool:
        return (
            self.listed_per_1000 <= MAX_LISTED_PER_1000
            and self.long_lines_percent <= MAX_LONG_LINES_PERCENT
        )

    def __str__(self) -> str:
        return (
            f"{self.listed_per_1000:.1f} listed words per 1,000 of {self.words:,}; "
            f"{self.long_lines} of {self.lines:,} lines over {MAX_COLUMNS} columns "
            f"({self.long_lines_percent:.2f} %)"
        )


def measure_python(source: str) -> Measure:
    """Measure the docstrings, comments, descriptions and lines of a module."""
    found = _measure_texts([*_strings(ast.parse(source)), *_comments(source)])
    lines = source.splitlines()
    return found + Measure(
        lines=len(lines), long_lines=sum(len(line) > MAX_COLUMNS for line in lines)
    )


def measure_graphql(source: str) -> Measure:
    """Measure a schema's descriptions. Its lines are generated, so they do not count."""
    return _measure_texts(_DESCRIPTION.findall(source))


def measure_tree(paths: Sequence[str] = ()) -> dict[str, Measure]:
    """Measure the files at the paths, by name; all but tests where no path is given."""
    measures = {}
    for path in sorted(_files([ROOT / name for name in paths] or [ROOT])):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py":
            measures[name] = measure_python(path.read_text())
        elif path.suffix == ".graphql":
            measures[name] = measure_graphql(path.read_text())
    return measures


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path
        elif path == ROOT or not (path.name.startswith(".") or path.name in _SKIPPED):
            yield from _files(path.iterdir())


def listed_words(paths: Sequence[str]) -> Iterator[str]:
    """Tell the place of each listed word, as `path:line: word`, for those who mend them."""
    for name in measure_tree(paths):
        if not name.endswith(".py"):
            continue
        for number, line in enumerate((ROOT / name).read_text().splitlines(), start=1):
            yield from (f"{name}:{number}: {found}" for found in _LISTED.findall(line))


def _measure_texts(texts: list[str]) -> Measure:
    return Measure(
        words=sum(len(text.split()) for text in texts),
        listed=sum(len(_LISTED.findall(text)) for text in texts),
    )


def _strings(tree: ast.AST) -> Iterator[str]:
    """Docstrings, those of attributes among them, and texts that users read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                yield node.value.value
        elif isinstance(node, ast.keyword) and node.arg in _TEXT_ARGUMENTS:
            yield from (
                part.value
                for part in ast.walk(node.value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def _comments(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--where"]:
        print(*listed_words(arguments[1:]), sep="\n")
        return 0
    measures = measure_tree(arguments)
    total = sum(measures.values(), Measure())
    worst = sorted(measures.items(), key=lambda item: -item[1].listed)[:15]
    for name, measure in worst:
        if measure.listed:
            print(f"{measure.listed:4} of {measure.words:5} words  {name}")
    print(total)
    if total.is_plain:
        return 0
    print(
        f"At most {MAX_LISTED_PER_1000:.0f} in 1,000 words and {MAX_LONG_LINES_PERCENT} % of lines are "
        "allowed. `python -m tests.words --where [path ...]` tells the places.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
