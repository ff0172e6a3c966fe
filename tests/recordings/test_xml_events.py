"""XML as a stream of elements."""

from io import BytesIO

import pytest

from recordings.errors import UnreadableFile
from recordings.limits import ReadingLimits
from recordings.problems import ProblemList
from recordings.sample_builder import ReadingBudget
from recordings.xml_events import ElementHandler, read_elements


class Heard(ElementHandler):
    def __init__(self):
        super().__init__()
        self.ended = []

    def end(self, name, text):
        self.ended.append((name, self.parent, text))


def read(content: bytes):
    handler, problems = Heard(), ProblemList()
    read_elements(BytesIO(content), handler, ReadingBudget("a.gpx", ReadingLimits()), problems)
    return handler.ended, problems.messages()


def test_elements_have_local_names_and_their_own_text():
    ended, problems = read(b'<x:a xmlns:x="u"> one <b>two</b> three </x:a>')
    assert ended[0] == ("b", "a", "two")
    assert ended[1][:2] == ("a", "")
    assert problems == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it holds no XML"),
        (b"<!DOCTYPE a><a/>", "document type"),
        (b"<a>" * 65, "nested deeper"),
        (b"<a>" + b"x" * (5 << 20) + b"</a>", "an element is longer"),
    ],
    ids=["empty", "doctype", "deep", "long"],
)
def test_what_no_recording_has_is_refused(content, problem):
    with pytest.raises(UnreadableFile, match=problem):
        read(content)


def test_what_stands_before_an_early_end_is_kept():
    ended, problems = read(b"\n <a><b>1</b><b>2")
    assert ("b", "a", "1") in ended
    assert problems[0] == "spaces before the XML: left out"
    assert problems[-1] == "the file ends early: what stands before its end is kept"


def test_errors_of_one_kind_are_named_once_and_counted():
    ended, problems = read(b"<a>" + b"<b>x & y</b>" * 30 + b"</a>")
    assert len(ended) == 31
    [problem] = [each for each in problems if each.startswith("XML error in line 1")]
    assert problem.endswith("and 29 more of the kind")
