"""Tables in partitions for any test: `pytest -p tests.partitioned`."""

import inspect
import re
from collections import Counter
from typing import Any

import pytest

from db.statements.server.partition_shape import TABLES
from operator_commands.arguments import CommandParser, add_partition_tables_arguments
from operator_commands.partition_tables import partition_tables
from settings import load_settings

PARTITIONS = 3
PARTITION = re.compile(rf"({'|'.join(table.name for table in TABLES)})_{PARTITIONS}_(\d+)")
"""The name of a partition: the table's, and its number, which is the same for all of an athlete."""


def partition(database_url: str, *groups: str) -> None:
    """Put the tables of a database in partitions, or those of some groups."""
    parser = CommandParser()
    add_partition_tables_arguments(parser)
    for each in groups or [None]:
        only = [] if each is None else ["--only", each]
        options = parser.parse_args(["--partitions", str(PARTITIONS), *only])
        assert partition_tables(load_settings(None, database_url=database_url), options) == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests of steps down out: `pacegraph migrate --down` refuses to with partitions."""
    items[:] = [
        each
        for each in items
        if not isinstance(each, pytest.Function)
        or "downgrade(" not in inspect.getsource(each.function)
    ]


def scans(plan: dict[str, Any]) -> Counter[tuple[str, str]]:
    """How often a plan that ran looked into each partition, by its table and its number."""
    nodes, found = [plan], Counter[tuple[str, str]]()
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        name = PARTITION.fullmatch(node.get("Relation Name", ""))
        if name and node["Actual Loops"] and node["Node Type"] != "ModifyTable":
            found[name[1], name[2]] += node["Actual Loops"]
    return found
