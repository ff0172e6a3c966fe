"""Links of the site's pages: those that leave docs/, and those that would leave the site."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "schema.graphql": "schema.graphql",
}
"""Files outside docs/ that the site has, and their places in it."""
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^][]*\])*)\]\((?!https?://|#)([^)#\s]+)(#[^)]*)?\)")
_FOREIGN = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^\">]*")
_MERMAID = 'class="mermaid'


def with_links(markdown: str, place: str) -> str:
    """Rewrite links of the page at a place of the site; what it does not have becomes plain text."""
    paths = {of_site: path for path, of_site in OUTSIDE.items()}
    source = paths.get(place, f"docs/{place}")

    def rewrite(link: re.Match[str]) -> str:
        mark, text, target, anchor = link.groups(default="")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        found = OUTSIDE.get(path) or (path[5:] if path.startswith("docs/") else None)
        if found is None:
            return str(text)
        return (
            f"{mark}[{text}]({posixpath.relpath(found, posixpath.dirname(place) or '.')}{anchor})"
        )

    return _LINK.sub(rewrite, markdown)


def foreign_requests(site: Path) -> Iterator[str]:
    """Find what a browser would ask of another host to show a page."""
    for page in sorted(site.rglob("*.html")):
        text = page.read_text()
        yield from (f"{page.relative_to(site)}: {each}" for each in _FOREIGN.findall(text))
        if _MERMAID in text:
            yield f"{page.relative_to(site)}: a drawing, whose script is another host's"
    for style in sorted(site.rglob("*.css")):
        if re.search(r"url\(['\"]?(?:https?:)?//", style.read_text()):
            yield f"{style.relative_to(site)}: a file of another host"
