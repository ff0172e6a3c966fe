"""docs/flags.md says of each flag which setting is its default, what off does, and where Redis
holds it.
"""

import re
from pathlib import Path

from flags.definition import DEFINITIONS
from flags.store import HASH, LOG
from flags.switches import Flag

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/flags.md").read_text()


def test_it_has_each_flag_with_its_setting():
    rows = re.findall(r"^\| `([a-z-]+)` \| `([A-Z_]+)=(\w+)` \|", DOCUMENT, re.MULTILINE)
    assert rows == [
        (flag.value, each.setting.upper(), each.on_at) for flag, each in DEFINITIONS.items()
    ]


def test_it_says_of_each_flag_what_off_does():
    assert re.findall(r"^\*\*`([a-z-]+)`\*\* — ", DOCUMENT, re.MULTILINE) == list(Flag)


def test_it_names_where_redis_holds_them():
    assert f"`{HASH}`" in DOCUMENT
    assert f"`{LOG}`" in DOCUMENT
