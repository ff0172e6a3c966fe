"""What a file's reading tells of its problems."""

from recordings.problems import ProblemList


def test_equal_messages_are_counted_and_the_first_kinds_kept():
    problems = ProblemList()
    problems.extend(f"message {number}" for number in range(60))
    problems.add("message 3", times=2)
    messages = problems.messages()
    assert len(messages) == 50
    assert messages[0] == "message 0"
    assert messages[3] == "message 3 (3 times)"
