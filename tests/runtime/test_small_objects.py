"""Small objects lie where their pages are given back, as long as that is wanted."""

import os
import subprocess
import sys
import tracemalloc
from textwrap import dedent

import pytest

from runtime.small_objects import SmallObjects

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


@pytest.fixture
def objects():
    made = SmallObjects()
    yield made
    made.give_back(is_wanted=False)


def make_and_grow(number: int) -> dict[str, list[str]]:
    made = {f"key {n}": [f"value {n}"] for n in range(number)}
    for each in made.values():
        each.extend([f"{each[0]} again"] * 3)  # its place grows
    return made


def test_objects_of_both_places_are_used_and_freed(objects):
    expected = make_and_grow(2000)
    first = make_and_grow(2000)
    objects.give_back(is_wanted=True)
    assert objects.is_given_back
    second = make_and_grow(2000)
    for each in first.values():
        each.append("more")
    objects.give_back(is_wanted=False)
    assert not objects.is_given_back
    for each in second.values():
        each.append("more")
    for found in (first, second):
        assert [each.pop() for each in found.values()] == ["more"] * 2000
        assert found == expected


@pytest.mark.parametrize(("is_wanted", "stays"), [(True, False), (False, True)])
def test_pages_without_objects_are_given_back(is_wanted, stays):
    script = f"""
        import ctypes
        from pathlib import Path
        from runtime.small_objects import SmallObjects

        def resident_mb():
            return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

        before = resident_mb()
        SmallObjects().give_back(is_wanted={is_wanted})
        made = [str(n) * 10 for n in range(300_000)]
        kept = made[::2000]
        made = None
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        print(resident_mb() - before)
    """
    left_mb = float(run(script))
    assert (left_mb > 20) is stays, left_mb


@pytest.mark.parametrize("name", ["malloc", "debug", "pymalloc_debug"])
def test_other_allocators_are_left_alone(name):
    script = """
        from runtime.small_objects import SmallObjects
        made = SmallObjects()
        made.give_back(is_wanted=True)
        print(made.is_given_back)
    """
    assert run(script, PYTHONMALLOC=name) == "False\n"


def test_a_tracer_that_began_later_is_left_alone(objects):
    tracemalloc.start()
    try:
        objects.give_back(is_wanted=True)
        assert not objects.is_given_back
    finally:
        tracemalloc.stop()
    objects.give_back(is_wanted=True)
    assert objects.is_given_back


def run(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout
