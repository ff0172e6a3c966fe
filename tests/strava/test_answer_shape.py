"""What an answer of Strava has to be as a whole."""

import pytest

from strava import answer_shape
from strava.errors import StravaUnreadable


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (answer_shape.non_empty_object, {}),
        (answer_shape.non_empty_object, [1]),
        (answer_shape.object_with_id, {"id": None, "message": "Error"}),
        (answer_shape.activity_detail, {"message": "Error"}),
        (answer_shape.activity_detail, {"best_efforts": None}),
        (answer_shape.list_of_objects_with_id, {"id": 1}),
        (answer_shape.list_of_objects_with_id, [{"name": "Run"}, None]),
        (answer_shape.stream_set, [1]),
        (answer_shape.stream_set, {"time": None}),
        (answer_shape.stream_set, {"time": {"original_size": 3}}),
    ],
)
def test_another_answer_is_unreadable(check, answer):
    with pytest.raises(StravaUnreadable):
        check(answer)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (answer_shape.object_with_id, {"id": 0}),
        (answer_shape.activity_detail, {"id": 1}),
        (answer_shape.activity_detail, {"best_efforts": []}),
        (answer_shape.list_of_objects_with_id, []),
        (answer_shape.list_of_objects_with_id, [None, {"id": 1}]),
        (answer_shape.stream_set, {"time": None, "distance": {"data": []}}),
    ],
)
def test_an_answer_that_may_be_it_is_passed_on(check, answer):
    assert check(answer) is answer


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_an_activity_may_have_no_streams(nothing):
    assert answer_shape.stream_set(nothing) == {}
