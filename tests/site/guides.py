"""The queries in docs/guides, and what a server answers to them.

    python -m tests.site.guides    writes the answers, from a server that it starts (`make guides`)

A block of GraphQL that is followed by a block of JSON has its answer there, without `extensions.cost`.
Operations without one have an answer that differs each time, or are subscriptions.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.demo import ask, synced
from tests.snippets import ROOT

PAGES = sorted((ROOT / "docs" / "guides").glob("*.md"))
_PAIR = re.compile(
    r"(```graphql\n((?:(?!```).*\n)+)```\n```json\n)((?:(?!```).*\n)*)(?=```$)", re.MULTILINE
)
_DECLARED = re.compile(r"\$(\w+):")
_WIDTH = 100
_ELSEWHERE = "https://runs.example"
"""What the pages call the server, whose port differs each time."""
Ask = Callable[[str], dict[str, Any]]


def answered(text: str, asking: Ask) -> str:
    """Write the answers of a page anew."""
    return _PAIR.sub(lambda pair: pair[1] + shown(asking(pair[2])) + "\n", text)


def of_demo(facts: dict[str, Any]) -> Ask:
    """Ask the demo's server, with the variables that a query declares."""
    newest = ask(
        facts,
        "query($athlete: ID!) { athlete(id: $athlete) { activities(first: 1) { nodes { id } } } }",
        athlete=facts["athlete_id"],
    )
    run = newest["data"]["athlete"]["activities"]["nodes"][0]["id"]
    known = {"athlete": facts["athlete_id"], "run": run}

    def asking(query: str) -> dict[str, Any]:
        values = {name: known[name] for name in _DECLARED.findall(query) if name in known}
        answer = ask(facts, query, **values)
        for error in answer.get("errors", []):
            link = error["extensions"]["documentation"]
            error["extensions"]["documentation"] = link.replace(facts["url"], _ELSEWHERE)
        answer.get("extensions", {}).pop("cost", None)
        if answer.get("extensions") == {}:
            del answer["extensions"]
        return answer

    return asking


def shown(value: Any, indent: int = 0) -> str:
    """Write JSON with what fits into a line on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= _WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {shown(each, indent + 2)}" for name, each in value.items()]
    else:
        parts = [shown(each, indent + 2) for each in value]
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{first}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * indent}{last}"


def main() -> None:
    """Write all answers."""
    from tests.browser.conftest import free_port, served_home, server

    with served_home() as home, server(home, free_port()) as facts:
        synced(facts)
        asking = of_demo(facts)
        for path in PAGES:
            Path(path).write_text(answered(path.read_text(), asking))


if __name__ == "__main__":
    main()
