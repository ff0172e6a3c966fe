"""Media types: which one a body is in, and which one its caller wants the answer in (RFC 9110, sections 8.3 and 12.5).

What depends on a header alone is found out once for each header that comes: clients send the same ones.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from web.errors import NotAcceptable, UnsupportedMediaType

_GRAPHQL_JSON = "application/graphql-response+json"
_JSON = "application/json"
_HTML = "text/html"
_EVENT_STREAM = "text/event-stream"
_UTF_8 = frozenset({"utf-8", "utf8"})
_MAX_KEPT_BYTES = 300
"""Headers longer than this are read each time: the kept ones must not fill the memory."""
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_NAMED, _IN_RANGE, _ANYTHING = 2, 1, 0


@dataclass(frozen=True, slots=True)
class Weighed:
    """An element of a list header: its value in small letters, its parameters, and its weight from 0 to 1."""

    value: str
    parameters: tuple[tuple[str, str], ...]
    quality: float


@dataclass(frozen=True, slots=True)
class Acceptable:
    """What a caller takes. `json` is the media type of answers, None where only streams will do.

    `streams` tells whether a subscription may be answered by a stream.
    """

    json: bytes | None
    streams: bool
    is_graphql_json: bool

    @property
    def error_type(self) -> bytes:
        """The media type of errors: JSON, even to those who asked for streams only."""
        return self.json or _content_type(_JSON)


def acceptable(accept: bytes | None) -> Acceptable:
    """Read `Accept`. Raises NotAcceptable."""
    if not accept:
        return WITHOUT_ACCEPT
    return _kept_acceptable(accept) if len(accept) <= _MAX_KEPT_BYTES else _read_acceptable(accept)


def require_json(content_type: bytes | None, content_encoding: bytes | None) -> None:
    """Check that a body is JSON in UTF-8 as it stands. Raises UnsupportedMediaType.

    A page of another site can make a browser send text, forms and bodies without a type, but not JSON, before it has
    asked by a preflight whether it may: that keeps forged requests out.
    """
    if content_type is None or not (
        _kept_is_json(content_type) if len(content_type) <= _MAX_KEPT_BYTES else _is_json(content_type)
    ):
        raise UnsupportedMediaType(
            "Send the body as `Content-Type: application/json`, in UTF-8. Uploads and forms are not taken.",
            "Content-Type",
        )
    if content_encoding is not None and content_encoding.strip().lower() != b"identity":
        raise UnsupportedMediaType("Send the body as it is, without `Content-Encoding`.", "Content-Encoding")


def wants_page(accept: bytes | None) -> bool:
    """Tell whether a browser asks for a page: it names HTML, and programs do not."""
    return accept is not None and any(each.value == _HTML and each.quality > 0 for each in weighed(accept))


def weighed(header: bytes) -> Iterator[Weighed]:
    """Read a list header with weights; elements that make no sense are left out."""
    for element in header.decode("latin-1").split(","):
        value, parameters = _split(element)
        quality = _quality(dict(parameters).get("q", "1"))
        if value and quality is not None:
            yield Weighed(value, parameters, quality)


def _read_acceptable(accept: bytes) -> Acceptable:
    ranges = list(weighed(accept))
    graphql, json = _weight(ranges, _GRAPHQL_JSON), _weight(ranges, _JSON)
    # Named beats matched by a wildcard; among equals the type that was made for GraphQL, by wildcard the older one.
    is_graphql = graphql[0] > 0 and (graphql > json or (graphql == json and graphql[1] == _NAMED))
    stream = _weight(ranges, _EVENT_STREAM)
    streams = stream[0] > 0 and stream[1] == _NAMED  # whoever takes anything does not mean a stream
    chosen = None
    if max(graphql[0], json[0]) > 0:
        chosen = _content_type(_GRAPHQL_JSON if is_graphql else _JSON)
    if chosen is None and not streams:
        raise NotAcceptable(
            f"Answers come as {_GRAPHQL_JSON} or {_JSON}, and as {_EVENT_STREAM} where they are many. Accept one.",
            "Accept",
        )
    return Acceptable(chosen, streams, is_graphql)


def _weight(ranges: list[Weighed], media_type: str) -> tuple[float, int]:
    """Weigh a media type by the range that fits it most closely: its weight, and how closely."""
    closeness = {media_type: _NAMED, f"{media_type.partition('/')[0]}/*": _IN_RANGE, "*/*": _ANYTHING, "*": _ANYTHING}
    fitting = [
        (closeness[each.value], each.quality)
        for each in ranges
        if each.value in closeness and _is_utf_8(each.parameters)
    ]
    closest, quality = max(fitting, default=(_ANYTHING, 0.0))
    return quality, closest


def _is_json(content_type: bytes) -> bool:
    value, parameters = _split(content_type.decode("latin-1"))
    return value == _JSON and _is_utf_8(parameters)


def _split(element: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split `value;name=text;…`, all in small letters."""
    value, *parameters = element.lower().split(";")
    pairs = (each.partition("=") for each in parameters)
    return value.strip(), tuple((name.strip(), text.strip().strip('"')) for name, _, text in pairs)


def _is_utf_8(parameters: tuple[tuple[str, str], ...]) -> bool:
    return all(text in _UTF_8 for name, text in parameters if name == "charset")


def _quality(text: str) -> float | None:
    """Read a weight; None for what is none."""
    return float(text) if _WEIGHT.fullmatch(text) else None


def _content_type(media_type: str) -> bytes:
    return f"{media_type}; charset=utf-8".encode()


_kept_acceptable = lru_cache(maxsize=256)(_read_acceptable)
_kept_is_json = lru_cache(maxsize=256)(_is_json)
WITHOUT_ACCEPT = Acceptable(_content_type(_JSON), streams=False, is_graphql_json=False)
