"""Where Strava reports changes."""

import pytest
from pydantic import SecretStr

from settings import InvalidSettings, load_settings
from web.webhook_address import callback_url, verify_token


def test_the_address_holds_the_secret():
    settings = load_settings(
        None, public_url="https://runs.example", strava_webhook_secret=SecretStr("s" * 32)
    )
    assert callback_url(settings) == f"https://runs.example/strava/webhook/{'s' * 32}"
    assert callback_url(settings, "http://127.0.0.1:1").startswith("http://127.0.0.1:1/strava/")


def test_the_token_is_the_given_one_or_follows_from_the_key():
    given = load_settings(None, strava_webhook_verify_token=SecretStr("given" * 5))
    assert verify_token(given) == "given" * 5
    one, other = (
        verify_token(load_settings(None, secret_key=SecretStr(key * 32))) for key in ("a", "b")
    )
    assert one != other
    assert len(one) == 64


def test_without_either_there_is_no_token():
    with pytest.raises(InvalidSettings, match="SECRET_KEY"):
        verify_token(load_settings(None))
