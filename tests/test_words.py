"""What `make words` counts, and that the program stays below its limits."""

import pytest

from tests import words

MODULE = '''
"""Who reads this."""

A = 1
"""Whoever reads this."""


def call():
    # and lately this
    text = "who is no comment"
    return Field(description="Nobody " + "else.", name="who")
'''


def test_docstrings_comments_and_descriptions_are_counted():
    found = words.measure_python(MODULE)
    assert (found.listed, found.words) == (4, 12)
    assert (found.lines, found.long_lines) == (11, 0)


def test_descriptions_of_a_schema_are_counted():
    found = words.measure_graphql('"""\nWho asks.\n"""\ntype Who {\n  """Fine."""\n  a: Int\n}')
    assert (found.listed, found.words) == (1, 3)


@pytest.mark.parametrize(("columns", "long_lines"), [(100, 0), (101, 1)])
def test_lines_over_100_columns_are_counted(columns, long_lines):
    assert words.measure_python("a = 1  # ".ljust(columns, "x")).long_lines == long_lines


@pytest.mark.parametrize("text", ["whole", "whose", "for items", "for it", "WHO", "meanwhile,"])
def test_only_whole_words_are_listed(text):
    listed = text not in {"whole", "for items"}
    assert words.measure_python(f"# {text}").listed == listed


@pytest.mark.parametrize(
    ("measure", "is_plain"),
    [
        (words.Measure(words=1000, listed=2, lines=200, long_lines=1), True),
        (words.Measure(words=1000, listed=3, lines=200), False),
        (words.Measure(words=1000, lines=200, long_lines=2), False),
    ],
)
def test_the_limits(measure, is_plain):
    assert measure.is_plain is is_plain


def test_the_program_reads_plainly():
    measures = words.measure_tree()
    total = sum(measures.values(), words.Measure())
    assert total.words > 40_000
    assert total.is_plain, str(total)
