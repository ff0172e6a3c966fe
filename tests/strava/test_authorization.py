"""The address of Strava's authorization page."""

from urllib.parse import parse_qsl, urlsplit

from settings import Settings
from strava.authorization import authorization_url


def test_its_parameters_come_back_as_they_were_given():
    given = {"redirect_uri": "https://runs.example/strava/callback?a=b", "state": "s&t +%"}
    settings = Settings(_env_file=None, strava_client_id="12", strava_client_secret="s")
    url = authorization_url(settings, **given, scopes=["read", "activity:read_all"])
    assert url.startswith("https://www.strava.com/oauth/authorize?")
    assert dict(parse_qsl(urlsplit(url).query)) == given | {
        "client_id": "12",
        "response_type": "code",
        "approval_prompt": "auto",
        "scope": "read,activity:read_all",
    }
