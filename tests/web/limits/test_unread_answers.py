"""Answers that wait because a caller's clients have not read others."""

from web.limits.unread_answers import UnreadAnswers


def test_a_caller_has_a_bound_and_one_answer_alone_none():
    unread = UnreadAnswers(100)
    assert unread.add("a", 300)
    assert not unread.add("a", 1)
    assert unread.add("b", 60)
    assert unread.add("b", 40)
    assert not unread.add("b", 1)
    unread.remove("b", 1)
    unread.remove("b", 60)
    assert unread.add("b", 60)


def test_what_was_sent_is_forgotten():
    unread = UnreadAnswers(100)
    unread.add("a", 7)
    unread.remove("a", 7)
    assert not unread._waiting
