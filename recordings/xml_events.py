"""Reads XML as a stream of elements, without a tree, so that memory does not grow with the file.

lxml's parser goes on after errors, such as an unescaped "&" in a name or a prefix that was never
declared: both are common in files of trackers. Document types are refused, because no format here
has one and entities are the way to attack.
"""

from collections.abc import Mapping
from typing import BinaryIO

from lxml import etree

from recordings.errors import UnreadableFile
from recordings.problems import ProblemList
from recordings.sample_builder import ReadingBudget

_BLOCK = 1 << 16
_DEEPEST = 64
_LONGEST_TEXT = 10_000  # characters of one element that are kept
_LONGEST_SILENCE = 4 << 20  # bytes without the start of an element
_MOST_KINDS_NAMED = 5  # kinds of errors of XML that are named, each once


class ElementHandler:
    """Base of the formats: `begin` and `end` are called for each element, with its local name.

    `path` are the names of the elements around, outermost first, the element itself included.
    """

    def __init__(self) -> None:
        self.path: list[str] = []

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        pass

    def end(self, name: str, text: str) -> None:
        """`text` is what stands in the element after its last child, stripped of spaces around it."""

    @property
    def parent(self) -> str:
        """The name of the element around the one that begins or ends."""
        return self.path[-2] if len(self.path) > 1 else ""


class _Target:
    """What lxml calls; it turns names with namespaces into local ones."""

    def __init__(self, handler: ElementHandler, file: str) -> None:
        self._handler = handler
        self._file = file
        self._names: dict[str, str] = {}
        self._text: list[str] = []
        self._text_size = 0
        self.elements = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.elements += 1
        path = self._handler.path
        if len(path) >= _DEEPEST:
            raise _refused(self._file, f"its elements are nested deeper than {_DEEPEST}")
        name = self._names.get(tag)
        if name is None:
            name = tag.rpartition("}")[2].rpartition(":")[2]
            if len(self._names) < 1_000:  # noqa: PLR2004 - a format has some hundred
                self._names[tag] = name
        path.append(name)
        self._text.clear()
        self._text_size = 0
        self._handler.begin(name, attributes)

    def end(self, _tag: str) -> None:
        handler = self._handler
        handler.end(handler.path[-1], "".join(self._text).strip())
        handler.path.pop()
        self._text.clear()
        self._text_size = 0

    def data(self, text: str) -> None:
        if self._text_size < _LONGEST_TEXT:
            self._text.append(text[: _LONGEST_TEXT - self._text_size])
            self._text_size += len(text)

    def doctype(self, *_names: str | None) -> None:
        raise _refused(self._file, "it has a document type (<!DOCTYPE …>)")

    def close(self) -> None:
        pass


def read_elements(
    stream: BinaryIO, handler: ElementHandler, budget: ReadingBudget, problems: ProblemList
) -> None:
    """Feed a file to the handler, as far as it is XML. Raises RecordingError."""
    target = _Target(handler, budget.file)
    parser = etree.XMLParser(
        target=target,
        recover=True,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    block = stream.read(_BLOCK)
    stripped = block.lstrip(b" \t\r\n")
    if len(stripped) != len(block) and stripped.startswith(b"<"):
        problems.add("spaces before the XML: left out")
        block = stripped
    seen, silent = 0, 0
    while block:
        parser.feed(block)
        budget.check_time()
        silent = silent + len(block) if target.elements == seen else 0
        seen = target.elements
        if silent > _LONGEST_SILENCE:
            raise _refused(budget.file, f"an element is longer than {_LONGEST_SILENCE:,} bytes")
        block = stream.read(_BLOCK)
    try:
        parser.close()
    except etree.XMLSyntaxError:
        if not target.elements:
            raise UnreadableFile(
                budget.file, "it holds no XML.", "Export it from the device or the service again."
            ) from None
    _tell(parser, problems, is_cut=bool(handler.path))


def _tell(parser: etree.XMLParser, problems: ProblemList, *, is_cut: bool) -> None:
    errors = parser.feed_error_log
    kinds: dict[str, int] = {}
    for error in errors:
        kinds[error.type_name] = kinds.get(error.type_name, 0) + 1
    named: set[str] = set()
    for error in errors:
        if error.type_name in named or len(named) >= _MOST_KINDS_NAMED:
            continue
        named.add(error.type_name)
        if error.type_name != "ERR_TAG_NOT_FINISHED":
            message = f"XML error in line {error.line}: {error.message}"
            more = kinds[error.type_name] - 1
            problems.add(f"{message}, and {more} more of the kind" if more else message)
    if is_cut or "ERR_TAG_NOT_FINISHED" in kinds:
        problems.add("the file ends early: what stands before its end is kept")


def _refused(file: str, problem: str) -> UnreadableFile:
    return UnreadableFile(file, f"{problem}: no recording is like that.", "Export it again.")
