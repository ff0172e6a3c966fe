"""Words for sports in files, as Strava's `sport_type`."""

import pytest

from recordings.sport_words import sport_type_in, sport_type_of


@pytest.mark.parametrize(
    ("word", "sub_word", "sport_type"),
    [
        ("running", None, "Run"),
        ("running", "trail", "TrailRun"),
        ("running", "virtual_activity", "VirtualRun"),
        ("swimming", "virtual_activity", "Swim"),
        ("9", None, "Run"),
        ("generic", "trail", None),
        (None, None, None),
    ],
)
def test_a_sub_sport_makes_it_precise(word, sub_word, sport_type):
    assert sport_type_of(word, sub_word) == sport_type


@pytest.mark.parametrize(
    ("name", "sport_type"),
    [("Running 5/1/26", "Run"), ("9 lives", None), ("Morning", None), ("", None), (None, None)],
)
def test_a_name_may_begin_with_a_sport(name, sport_type):
    assert sport_type_in(name) == sport_type
