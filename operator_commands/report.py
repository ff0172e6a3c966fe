"""Reports of commands: a title and tables, as Markdown or as a page that needs nothing else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_MARKS = re.compile(r"[\\|<&\[\]]")
"""What would end a cell, or be read as HTML or a link. Reasons of deprecations may have code."""
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem}"
    "div{overflow-x:auto}table{border-collapse:collapse}"
    "th,td{border-bottom:1px solid;padding:.25rem .75rem;text-align:left;vertical-align:top}"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its title; every row has a text for each column."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Write a report as Markdown."""
    return "\n".join([f"# {title}", *map(_markdown, sections)])


def _markdown(section: Section) -> str:
    heading = f"\n## {section.title}\n"
    if not section.rows:
        return f"{heading}\nNothing."
    rows = [section.columns, ("---",) * len(section.columns), *section.rows]
    return "\n".join([heading, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows)])


def _cell(text: str) -> str:
    """Write a text as it is: clients choose their names."""
    return _MARKS.sub(r"\\\g<0>", text)


def as_html(title: str, sections: Sequence[Section]) -> str:
    """Write a report as a page of HTML. All texts are escaped."""
    parts = "".join(map(_html, sections))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>{parts}</main></body></html>"
    )


def _html(section: Section) -> str:
    heading = f"<h2>{escape(section.title)}</h2>"
    if not section.rows:
        return f"{heading}<p>Nothing.</p>"
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in section.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in section.rows
    )
    return f'{heading}<div tabindex="0"><table><tr>{head}</tr>{rows}</table></div>'
