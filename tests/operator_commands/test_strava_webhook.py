"""`pacegraph strava-webhook`, against the simulated Strava and the API that it is to report to."""

import pytest

from local.generated_secrets import new_secret_key
from operator_commands.checks import strava_webhook
from operator_commands.checks.failure import CheckFailed
from operator_commands.strava_webhook import is_on_this_machine, run_action
from settings import Settings, load_settings
from tests.http_server import listening
from tests.jobs.simulated import CLIENT_ID, CLIENT_SECRET, simulated_strava
from web import create_app

SECRET = "the-secret-end-of-an-address"


@pytest.fixture
def strava():
    with simulated_strava(athletes=1) as strava:
        yield strava


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path, strava):
    values = {
        "pacegraph_home": tmp_path,
        "database_url": database_url,
        "redis_url": redis_url,
        "secret_key": new_secret_key(),
        "token_encryption_keys": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "strava_api_url": f"{strava.url}/api/v3",
        "strava_oauth_url": f"{strava.url}/oauth",
        "strava_client_id": CLIENT_ID,
        "strava_client_secret": CLIENT_SECRET,
        "strava_webhook_secret": SECRET,
    }
    settings = load_settings(None, **values)
    with listening(create_app(settings)) as address:
        yield settings.model_copy(update={"public_url": f"http://{address}"})


def test_a_subscription_begins_is_told_and_ends(settings: Settings, capsys):
    assert run_action("status", settings) == 1
    assert "there is no subscription" in capsys.readouterr().err
    assert run_action("subscribe", settings) == 0
    assert run_action("subscribe", settings) == 0
    assert run_action("status", settings) == 0
    said = capsys.readouterr().out
    assert said.count(f"reports to {settings.url}/strava/webhook/…") == 3
    assert "already" in said
    assert SECRET not in said
    api, _, told = strava_webhook.check(settings).partition("; ")
    assert (api, told in said) == ("Strava's API answers with /api/v3", True)
    assert run_action("unsubscribe", settings) == 0
    assert run_action("unsubscribe", settings) == 0
    assert "there is no subscription" in capsys.readouterr().out


def test_a_subscription_to_another_address_is_told_and_replaced(
    settings: Settings, capsys, monkeypatch
):
    elsewhere = settings.url.replace("127.0.0.1", "localhost")  # the API answers there, too
    assert run_action("subscribe", settings.model_copy(update={"public_url": elsewhere})) == 0
    capsys.readouterr()
    assert run_action("status", settings) == 1
    assert "not this server's address" in capsys.readouterr().out
    assert run_action("subscribe", settings) == 0
    assert "which reported to another address" in capsys.readouterr().out
    assert run_action("status", settings) == 0
    moved = settings.model_copy(update={"public_url": "https://runs.example"})
    capsys.readouterr()
    assert run_action("status", moved) == 1
    assert "not this server's address" in capsys.readouterr().out
    monkeypatch.setattr(
        "operator_commands.checks.strava_webhook.is_on_this_machine", lambda _: False
    )
    with pytest.raises(CheckFailed, match="Set PUBLIC_URL"):
        strava_webhook.check(moved)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("rate_limited", "quota is used up until"),
        ("other_object", "Strava refuses: "),
    ],
)
def test_what_strava_answers_else_is_said(strava, settings: Settings, capsys, fault, said):
    strava.fault(fault, path="/push_subscriptions", times=None)
    assert run_action("status", settings) == 1
    assert said in capsys.readouterr().err


def test_what_strava_cannot_verify_is_no_subscription(settings: Settings, capsys):
    other = settings.model_copy(update={"public_url": "http://127.0.0.1:1"})
    assert run_action("subscribe", other) == 1
    assert "Strava refuses" in capsys.readouterr().err


def test_a_real_strava_is_told_a_secret_address_only(settings: Settings, capsys):
    real = {"strava_api_url": "https://strava.invalid/api/v3", "strava_webhook_secret": None}
    assert run_action("subscribe", settings.model_copy(update=real)) == 1
    assert "STRAVA_WEBHOOK_SECRET: is not set" in capsys.readouterr().err
    assert is_on_this_machine("http://127.0.0.1:8100/api/v3")
    assert not is_on_this_machine("https://www.strava.com/api/v3")
