"""Drawings of the site: mermaid's as text, since its script would come from another host.

GitHub draws the same source.
"""

import re
from itertools import pairwise

_DRAWING = re.compile(r"```mermaid\nflowchart \w+\n(.*?)```", re.DOTALL)


def with_text_drawings(markdown: str) -> str:
    """Write each flowchart of a page as a list of arrows: a line a node, with all that it leads to.

    The nodes stand in their order in the source. Labels and shapes are not known here.
    """
    return _DRAWING.sub(lambda drawing: f"```text\n{_as_text(drawing[1])}```", markdown)


def _as_text(source: str) -> str:
    targets: dict[str, list[str]] = {}
    for line in source.splitlines():
        names = [name.strip() for name in line.split("-->")]
        for name, target in pairwise(names):
            targets.setdefault(name, []).append(target)
    width = max(map(len, targets))
    return "".join(f"{name:{width}} → {', '.join(targets[name])}\n" for name in targets)
