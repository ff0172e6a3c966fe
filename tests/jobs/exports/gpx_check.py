"""What GPX 1.1 asks of a file with tracks: names, their order and number, and the range of values."""

import re
from io import BytesIO

from lxml import etree

GPX = "{http://www.topografix.com/GPX/1/1}"
POINT = "{http://www.garmin.com/xmlschemas/TrackPointExtension/v1}"
POWER = "{http://www.garmin.com/xmlschemas/PowerExtension/v1}"
_ORDER = {
    "gpx": ["metadata", "wpt", "rte", "trk", "extensions"],
    "metadata": ["name", "desc", "author", "copyright", "link", "time", "keywords", "bounds"],
    "trk": ["name", "cmt", "desc", "src", "link", "number", "type", "extensions", "trkseg"],
    "trkseg": ["trkpt", "extensions"],
    "trkpt": ["ele", "time", "magvar", "geoidheight", "name", "extensions"],
}
_MANY = {"trk", "trkseg", "trkpt"}
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def check_gpx(data: bytes) -> list[list[etree._Element]]:
    """Check a file; gives the points of each segment."""
    root = etree.parse(BytesIO(data)).getroot()
    assert (root.tag, root.get("version")) == (f"{GPX}gpx", "1.1")
    assert root.get("creator")
    _check(root)
    return [list(segment) for segment in root.iter(f"{GPX}trkseg")]


def _check(element) -> None:
    name = etree.QName(element).localname
    if name == "extensions":
        assert len(element) > 0
        assert all(not each.tag.startswith(GPX) for each in element)
        return
    if name == "ele":
        assert _DECIMAL.fullmatch(element.text)
    if name == "time":
        assert _TIME.fullmatch(element.text)
    if name == "trkpt":
        assert _DECIMAL.fullmatch(element.get("lat"))
        assert _DECIMAL.fullmatch(element.get("lon"))
        assert -90 <= float(element.get("lat")) <= 90
        assert -180 <= float(element.get("lon")) < 180
    below = [etree.QName(each).localname for each in element]
    order = _ORDER.get(name, [])
    assert set(below) <= set(order), (name, below)
    assert [order.index(each) for each in below] == sorted(order.index(each) for each in below)
    for each in set(below) - _MANY:
        assert below.count(each) == 1
    for each in element:
        _check(each)
