"""Hooks of mkdocs: pages that are not files of docs/, and links that leave it.

The README is the first page, CHANGELOG.md and schema.graphql belong to the site, and the reference
is made from the schema.
"""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from tests.site.drawings import with_text_drawings
from tests.site.links import OUTSIDE, foreign_requests, with_links
from tests.site.reference import pages
from tests.snippets import ROOT


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/."""
    for path, place in OUTSIDE.items():
        files.append(File.generated(config, place, content=(ROOT / path).read_text()))
    for place, text in pages((ROOT / "schema.graphql").read_text()).items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let the links of a page lead to places of the site, and show drawings as text."""
    return with_links(with_text_drawings(markdown), page.file.src_uri)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that asks another host for anything."""
    if found := list(foreign_requests(Path(config.site_dir))):
        raise PluginError("The site would ask other hosts:\n" + "\n".join(found))
