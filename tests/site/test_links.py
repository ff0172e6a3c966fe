"""Links of the site lead to the site."""

from pathlib import Path

import pytest

from tests.site.links import foreign_requests, with_links


@pytest.mark.parametrize(
    ("place", "markdown", "expected"),
    [
        ("index.md", "[a](docs/errors.md#internal)", "[a](errors.md#internal)"),
        ("index.md", "[`schema.graphql`](schema.graphql)", "[`schema.graphql`](schema.graphql)"),
        ("index.md", "[it](LICENSE)", "it"),
        ("errors.md", "[a](../README.md#writing-queries)", "[a](index.md#writing-queries)"),
        ("errors.md", "[a](clients/README.md)", "[a](clients/README.md)"),
        ("clients/urql.md", "[app](../../examples/web/README.md)", "app"),
        ("clients/urql.md", "[b](../errors.md)", "[b](../errors.md)"),
        ("reference/queries.md", "[A](objects.md#a)", "[A](objects.md#a)"),
        (
            "errors.md",
            "[x](https://spec.graphql.org) [y](#z)",
            "[x](https://spec.graphql.org) [y](#z)",
        ),
        ("example-app.md", "![p](example-app/runs.jpg)", "![p](example-app/runs.jpg)"),
    ],
)
def test_a_link_leads_to_a_place_of_the_site(place, markdown, expected):
    assert with_links(markdown, place) == expected


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        '<img alt="" src="http://pictures.example/a.png">',
        '<pre class="mermaid"><code>graph</code></pre>',
    ],
)
def test_what_asks_another_host_is_found(page, tmp_path: Path):
    (tmp_path / "index.html").write_text(page)
    assert len(list(foreign_requests(tmp_path))) == 1


def test_links_to_follow_are_no_requests(tmp_path: Path):
    (tmp_path / "index.html").write_text('<a href="https://strava.com">Strava</a><img src="a.png">')
    assert list(foreign_requests(tmp_path)) == []
