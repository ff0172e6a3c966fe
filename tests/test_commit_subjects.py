"""Commit subjects are short: the check, and the commits of this checkout."""

from pathlib import Path

import pytest

from tests import commit_subjects


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("Retry syncs\n\nBecause they fail.", "Retry syncs"),
        ("# comment\n\nRetry syncs\n# more", "Retry syncs"),
        ("", ""),
    ],
)
def test_the_subject_is_the_first_line_that_is_no_comment(message, subject):
    assert commit_subjects.subject_of(message) == subject


def test_a_subject_of_73_characters_is_too_long(tmp_path: Path, capsys):
    assert commit_subjects.too_long(["x" * 72]) == []
    message = tmp_path / "message"
    message.write_text("x" * 73)
    assert commit_subjects.main([str(message)]) == 1
    assert capsys.readouterr().err.startswith("73 of at most 72 characters")
    message.write_text("x" * 72)
    assert commit_subjects.main([str(message)]) == 0
