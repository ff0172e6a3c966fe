"""Drawings of the site are readable without a script."""

from tests.site.drawings import with_text_drawings

PAGE = """\
Before.

```mermaid
flowchart TD
    a --> bcd --> e
    a --> f
```

After. ```text```
"""


def test_a_flowchart_becomes_a_list_of_its_arrows():
    assert with_text_drawings(PAGE) == (
        "Before.\n\n```text\na   → bcd, f\nbcd → e\n```\n\nAfter. ```text```\n"
    )
