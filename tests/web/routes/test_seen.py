"""What `pacegraph doctor --through` finds in front of the API, and what it says to do."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import httpx
import pytest
from pydantic import SecretStr

import cli
from operator_commands.doctor import diagnose_proxy
from tests.http_server import listening
from web.auth.signed_links import SignedLinks

HERE = (ip_network("127.0.0.1/32"),)


def found(settings, capsys, address: str, **changes: object) -> tuple[int, dict[str, str]]:
    url = f"http://{address}"
    given = settings.model_copy(update={"public_url": url} | changes)
    code = diagnose_proxy(given, url)
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:2] in {"OK", "PR"}]
    return code, {line[9:].split(": ", 1)[0]: line for line in lines}


def test_a_server_with_nothing_in_front_is_sound_but_shows_its_metrics(settings, serving, capsys):
    code, told = found(settings, capsys, serving())
    problems = [name for name, line in told.items() if line.startswith("PROBLEM")]
    assert (code, problems, len(told)) == (1, ["metrics"], 7)
    assert "METRICS_TOKEN" in told["metrics"]
    assert "with nothing in front" in told["client's address"]
    assert " ms" in told["event streams"]
    address = serving(metrics_token=SecretStr("a-token-of-metrics"))
    assert found(settings, capsys, address)[0] == 0


def test_each_fault_has_its_remedy(settings, serving, capsys):
    _, told = found(settings, capsys, serving(trusted_proxies=HERE))
    assert "PROBLEM  client's address: the API believes" in told["client's address"]
    assert "TRUSTED_PROXIES" in told["client's address"]
    _, told = found(settings, capsys, serving(), public_url="https://runs.example")
    assert "PUBLIC_URL is https://runs.example. Set it to http" in told["scheme and host"]
    _, told = found(
        settings, capsys, serving(), secret_key=SecretStr("another key, as long as it has to be")
    )
    assert "needs the same SECRET_KEY" in told["client's address"]
    assert told["WebSocket"].startswith("OK")


def _front(status: int, body: bytes):
    """A front that passes nothing on, answers all alike, and closes WebSockets."""

    async def answer(scope, receive, send) -> None:
        if scope["type"] == "http":
            headers = [(b"content-type", b"text/html")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})

    return answer


def test_a_front_that_passes_nothing_on_is_told_of(settings, capsys):
    with listening(_front(502, b"<h1>Bad Gateway</h1>")) as address:
        code, told = found(settings, capsys, address)
    assert code == 1
    assert {"answers 502" in told[name] for name in ("client's address", "bodies")} == {True}
    assert "PUT /graphql/stream is answered 502" in told["event streams"]
    assert "Pass Upgrade and Connection on" in told["WebSocket"]
    code, told = found(settings, capsys, "127.0.0.1:1")
    assert "no answer" in told["metrics"]


@pytest.mark.parametrize("page", [b"<h1>Our runs</h1>", b"[]", b"{}"])
def test_a_site_that_answers_all_with_one_page_is_told_of(settings, capsys, page):
    with listening(_front(200, page)) as address:
        code, told = found(settings, capsys, address)
    assert (code, len(told)) == (1, 7)
    for name in ("client's address", "scheme and host", "bodies"):
        assert "is not answered by the API" in told[name]


@pytest.mark.parametrize("given", ["runs.example", "http://", "http://[::1", "https://a:b"])
def test_an_address_that_is_none_is_refused(given, capsys):
    with pytest.raises(SystemExit):
        cli.main(["doctor", "--through", given])
    assert "--through: must be an address such as https://runs.example" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "x" * 39, "over"])
def test_nobody_else_is_told_what_the_server_sees(settings, address, token):
    if token == "over":
        past = datetime.now(UTC) - timedelta(seconds=1)
        token = SignedLinks.from_settings(settings, "doctor").token(1, past)
    assert httpx.get(f"http://{address}/doctor/{token}").status_code == 404
