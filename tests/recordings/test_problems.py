"""What a file's reading tells of its problems, and texts of files."""

import pytest

from recordings.problems import ProblemList, paragraphs, printable, words


def test_equal_messages_are_counted_and_the_first_kinds_kept():
    problems = ProblemList()
    problems.extend(f"message {number}" for number in range(60))
    problems.add("message 3", times=2)
    messages = problems.messages()
    assert len(messages) == 50
    assert messages[0] == "message 0"
    assert messages[3] == "message 3 (3 times)"


@pytest.mark.parametrize(
    "name",
    [
        "\N{RUNNER}\N{ZERO WIDTH JOINER}\N{MALE SIGN}\N{VARIATION SELECTOR-16}",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # of Scotland
        "\U0001fac8",  # of Unicode 17, which this Python does not know
        "\u0645\u06cc\u200c\u062f\u0648\u0645",  # Persian, with a joiner that parts letters
    ],
)
def test_names_keep_what_makes_up_their_signs(name):
    assert words(f" {name}\t") == name


def test_nothing_of_a_text_controls_what_shows_it():
    assert printable("a\x1b[31m\u202eb\ud800\u2028c\x00") == "a [31m b c"


def test_descriptions_keep_their_lines():
    assert paragraphs("\r\n First \x07 line \r\n\r\nthird\n ") == "First line\n\nthird"
    assert paragraphs(" \n\n") is None
    assert paragraphs(None) is None
    assert paragraphs("a\n" * 6, 10) == "a\na\na\na\na…"
