"""Media types of bodies and responses (RFC 9110, sections 8.3 and 12.5).

Results are cached by header value, because clients send the same ones.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from graph.delivery.writer import PartsForm
from web.errors import BadRequest, NotAcceptable, UnsupportedMediaType

_GRAPHQL_JSON = "application/graphql-response+json"
_JSON = "application/json"
_GRAPHQL_TYPE = b"application/graphql-response+json; charset=utf-8"
_JSON_TYPE = b"application/json; charset=utf-8"
_HTML = "text/html"
_EVENT_STREAM = "text/event-stream"
_MULTIPART = "multipart/mixed"
_SPECIFICATIONS = {
    "incrementalspec": {"v0.2": PartsForm.BY_ID},
    "deferspec": {"20220824": PartsForm.BY_PATH},
}
"""Forms of answers in parts, by the parameters that Apollo's clients and routers have for them."""
_OF_SUBSCRIPTIONS, _SUBSCRIPTIONS_FORM = "subscriptionspec", "1.0"
"""A parameter of Apollo's multipart subscriptions: it is not about answers in parts."""
_UTF_8 = frozenset({"utf-8", "utf8"})
_MAX_KEPT_BYTES = 300
"""Longer headers are not cached, so that they cannot fill the memory."""
_MAX_PARTS = 250
"""Elements and parameters of a header. Browsers send some 20, and each takes a microsecond."""
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_NAMED, _IN_RANGE, _ANYTHING = 2, 1, 0


@dataclass(frozen=True, slots=True)
class Weighed:
    """An element of a list header: its lower-case value, its parameters, its weight from 0 to 1."""

    value: str
    parameters: tuple[tuple[str, str], ...]
    quality: float


@dataclass(frozen=True, slots=True)
class Acceptable:
    """What a client accepts.

    `json` is the media type of successful responses, None if only streams are accepted. `streams`
    tells whether a subscription may be answered by a stream. `parts` is how an answer in parts may be
    written as `multipart/mixed`, None if it may not, and `stream_parts` the same for a stream.
    `event_parts` tells whether a subscription's events may come as parts of `multipart/mixed`.
    `error_type` is the media type of
    responses without data: GraphQL's own, even for clients that accept plain JSON, which may come
    from any program on the way.
    """

    json: bytes | None
    streams: bool
    is_graphql_json: bool
    error_type: bytes = _GRAPHQL_TYPE
    parts: PartsForm | None = None
    stream_parts: PartsForm | None = None
    event_parts: bool = False


def acceptable(accept: bytes | None) -> Acceptable:
    """Read `Accept`. Raises NotAcceptable, BadRequest."""
    if not accept:
        return WITHOUT_ACCEPT
    return _kept_acceptable(accept) if len(accept) <= _MAX_KEPT_BYTES else _read_acceptable(accept)


def require_json(content_type: bytes | None, content_encoding: bytes | None) -> None:
    """Check that a body is plain JSON in UTF-8. Raises UnsupportedMediaType.

    A page of another site can make a browser send text, forms and bodies without a type, but no
    JSON without a preflight: this prevents forged requests.
    """
    if content_type is None or not (
        _kept_is_json(content_type)
        if len(content_type) <= _MAX_KEPT_BYTES
        else _is_json(content_type)
    ):
        raise UnsupportedMediaType(
            "Send the body as `Content-Type: application/json`, in UTF-8. Forms are not supported: "
            "`stageUploads` gives addresses for files.",
            "Content-Type",
        )
    if content_encoding is not None and content_encoding.strip().lower() != b"identity":
        raise UnsupportedMediaType(
            "Send the body uncompressed, without `Content-Encoding`.", "Content-Encoding"
        )


def wants_page(accept: bytes | None) -> bool:
    """Tell whether a browser asks for a page: browsers name HTML, programs do not."""
    return accept is not None and any(
        each.value == _HTML and each.quality > 0 for each in weighed(accept)
    )


def weighed(header: bytes) -> Iterator[Weighed]:
    """Read a list header with weights; invalid elements are ignored. Raises BadRequest."""
    if _has_too_many_parts(header):
        raise BadRequest(
            f"`Accept` and `Accept-Encoding` may have {_MAX_PARTS} elements and parameters."
        )
    for element in header.decode("latin-1").split(","):
        value, parameters = _split(element)
        quality = _quality(dict(parameters).get("q", "1"))
        if value and quality is not None:
            yield Weighed(value, parameters, quality)


def _read_acceptable(accept: bytes) -> Acceptable:
    ranges = list(weighed(accept))
    graphql, json = _weight(ranges, _GRAPHQL_JSON), _weight(ranges, _JSON)
    # Named beats matched by a wildcard; among equals the type that was made for GraphQL, by
    # wildcard the older one.
    is_graphql = graphql[0] > 0 and (graphql > json or (graphql == json and graphql[1] == _NAMED))
    stream = _weight(ranges, _EVENT_STREAM)
    streams = stream[0] > 0 and stream[1] == _NAMED  # `*/*` does not mean a stream
    chosen = None
    if max(graphql[0], json[0]) > 0:
        chosen = _GRAPHQL_TYPE if is_graphql else _JSON_TYPE
    if chosen is None and not streams:
        raise NotAcceptable(
            f"`Accept` must allow {_GRAPHQL_JSON} or {_JSON}, or {_EVENT_STREAM} for a stream of "
            "results.",
            "Accept",
        )
    return Acceptable(
        chosen,
        streams,
        is_graphql,
        parts=_parts_form(ranges, _MULTIPART) if chosen is not None else None,
        stream_parts=_parts_form(ranges, _EVENT_STREAM),
        event_parts=any(
            each.value == _MULTIPART
            and each.quality > 0
            and dict(each.parameters).get(_OF_SUBSCRIPTIONS) == _SUBSCRIPTIONS_FORM
            for each in ranges
        ),
    )


def _parts_form(ranges: list[Weighed], media_type: str) -> PartsForm | None:
    """Get the form that a client prefers for answers in parts of a type. None: it takes none."""
    found = [
        (each.quality, form)
        for each in ranges
        if each.value == media_type and each.quality > 0 and (form := _form_of(each.parameters))
    ]
    return max(found, key=lambda each: each[0])[1] if found else None


def _form_of(parameters: tuple[tuple[str, str], ...]) -> PartsForm | None:
    """Get the form that parameters ask for: that of the draft, unless they name another.

    None: they name one that is not known, or are about subscriptions.
    """
    form: PartsForm | None = PartsForm.BY_ID
    for name, text in parameters:
        if name == _OF_SUBSCRIPTIONS:
            return None
        if name in _SPECIFICATIONS:
            form = _SPECIFICATIONS[name].get(text)
    return form


def _weight(ranges: list[Weighed], media_type: str) -> tuple[float, int]:
    """Get the weight of a media type in its closest range, and how close that is."""
    closeness = {
        media_type: _NAMED,
        f"{media_type.partition('/')[0]}/*": _IN_RANGE,
        "*/*": _ANYTHING,
        "*": _ANYTHING,
    }
    fitting = [
        (closeness[each.value], each.quality)
        for each in ranges
        if each.value in closeness and _is_utf_8(each.parameters)
    ]
    closest, quality = max(fitting, default=(_ANYTHING, 0.0))
    return quality, closest


def _has_too_many_parts(header: bytes) -> bool:
    return len(header) > _MAX_PARTS and header.count(b",") + header.count(b";") > _MAX_PARTS


def _is_json(content_type: bytes) -> bool:
    if _has_too_many_parts(content_type):
        return False
    value, parameters = _split(content_type.decode("latin-1"))
    return value == _JSON and _is_utf_8(parameters)


def _split(element: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split `value;name=text;…`, in lower case."""
    value, *parameters = element.lower().split(";")
    pairs = (each.partition("=") for each in parameters)
    return value.strip(), tuple((name.strip(), text.strip().strip('"')) for name, _, text in pairs)


def _is_utf_8(parameters: tuple[tuple[str, str], ...]) -> bool:
    return all(text in _UTF_8 for name, text in parameters if name == "charset")


def _quality(text: str) -> float | None:
    """Read a weight; None if it is invalid."""
    return float(text) if _WEIGHT.fullmatch(text) else None


_kept_acceptable = lru_cache(maxsize=256)(_read_acceptable)
_kept_is_json = lru_cache(maxsize=256)(_is_json)
WITHOUT_ACCEPT = Acceptable(_JSON_TYPE, streams=False, is_graphql_json=False)
