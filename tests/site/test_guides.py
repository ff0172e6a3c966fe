"""What the guides say is what a server answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import free_port, served_home, server
from tests.demo import synced
from tests.site.guides import PAGES, Ask, answered, of_demo

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def asking() -> Iterator[Ask]:
    with served_home() as home, server(home, free_port()) as facts:
        synced(facts)
        yield of_demo(facts)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_answers_are_those_of_a_server(path: Path, asking: Ask) -> None:
    assert answered(path.read_text(), asking) == path.read_text(), "write them: make guides"
