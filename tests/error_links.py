"""The link of each error to the page of its code."""

from collections.abc import Mapping
from typing import Any


def unlinked(extensions: Mapping[str, Any]) -> dict[str, Any]:
    """What an error tells beside its link, which must lead to its code."""
    told = dict(extensions)
    assert told.pop("documentation").endswith(f"/errors/{told['code'].lower()}")
    return told
