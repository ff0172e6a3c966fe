"""Removes secrets from texts: those of the settings by value, others by their form."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

import orjson
from pydantic import SecretStr

from settings import Settings

_REDACTED = "***"
_LEAST_SECRET = 6
"""A shorter secret of the settings is not looked for: harmless words could contain it."""
_SHAPES = re.compile(
    r"""
    (?P<keep>
        (?<![\w-])pace_(?=[\w-]{20})                               # an API token
      | (?i:\b(?:bearer|basic))[ ]+(?=[\w.~+/=-]{8})              # an Authorization header
      | ://[^/\s:@"'\\]{0,200}:(?=[^@\s"'\\/]{1,500}@)           # a URL with user and password
      | [?&](?:code|state)=                                       # the way back from Strava
      | pacegraph_(?:session|sign_in_\w{1,40})=                   # a cookie
      | (?<!\w)(?i:access_token|refresh_token|client_secret|secret|token|password|authorization)
            \\?["']?[ ]?[:=][ ]?\\?["']?(?:(?i:bearer|basic)[ ]+)?(?=[^\s"'\\&,;)]{6})    # anything so called
    ) [^\s"'\\&,;)@]+
    | (?P<request>"(?:WebSocket|[A-Z]{3,7})[ ][^"?\s]{0,2000}\?)[^"\s\\]+  # with a query, as servers log it
    | (?<![\w.-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*                    # a JSON web token
    | (?<![\w-])[0-9a-f]{40}(?![\w-])                             # a token or code of Strava
    """,
    re.VERBOSE,
)
"""Forms of secrets. `keep` and `request` are what stands before one, and stays."""


class Redaction:
    """What replaces the secrets of one process in texts."""

    def __init__(self, settings: Settings) -> None:
        forms = {form for secret in _secrets(settings) for form in _written_forms(secret)}
        # The longest first: one may begin with another.
        ordered = sorted(forms, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def redact(self, text: str) -> str:
        """Replace every secret by ***."""
        if self._values is not None:
            text = self._values.sub(_REDACTED, text)
        return without_tokens(text)


def without_tokens(text: str) -> str:
    """Replace what looks like a secret by ***, without knowing the settings."""
    return _SHAPES.sub(lambda found: (found["keep"] or found["request"] or "") + _REDACTED, text)


def _secrets(settings: Settings) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for each in value if isinstance(value, tuple) else (value,):
            if not isinstance(each, SecretStr):
                continue
            secret = each.get_secret_value()
            if name.endswith(("_url", "_urls")):
                yield from _passwords(secret)
            elif len(secret) >= _LEAST_SECRET:
                yield secret


def _passwords(url: str) -> Iterator[str]:
    """Get the passwords of a URL, unless they are short, or equal another part of it.

    Those parts are names of users, hosts and databases, which logs must show.
    """
    user_info, _, rest = url.partition("://")[2].rpartition("@")
    user, _, password = user_info.partition(":")
    place, _, query = rest.partition("?")
    named = [pair.partition("=") for pair in query.split("&")]
    harmless = {user, *re.split(r"[/:]", place), "pacegraph"}
    for each in (password, *(value for name, _, value in named if name.endswith("password"))):
        if len(each) >= _LEAST_SECRET and each not in harmless:
            yield each
            yield unquote(each)


def _written_forms(secret: str) -> set[str]:
    """Get the forms of a secret in texts: as it is, in JSON, in a URL, in Python."""
    in_json = {json.dumps(secret)[1:-1], orjson.dumps(secret).decode()[1:-1]}
    return {secret, *in_json, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
