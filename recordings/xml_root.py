"""Finds the name of an XML file's outermost element in its first bytes."""

import codecs
import re

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_SKIPPED = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)")


def root_name(head: bytes) -> str | None:
    """The local name; None if the bytes do not look like XML."""
    encoding = next((name for bom, name in _BOMS.items() if head.startswith(bom)), None)
    if encoding is None:
        encoding = (
            "utf-16-le" if head[1:2] == b"\0" else "utf-16-be" if head[:1] == b"\0" else "utf-8"
        )
    text = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if not text.startswith("<"):
        return None
    match = _ROOT.search(_SKIPPED.sub("", text))
    return match[1][:64] if match else None
