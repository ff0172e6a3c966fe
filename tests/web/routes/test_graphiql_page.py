"""GraphiQL's page and files: from here only, nothing from elsewhere."""

import re
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.graph.api import serve
from tests.web.api_process import api_process

pytestmark = pytest.mark.anyio

BUNDLE = Path(__file__).parents[3] / "web" / "graphiql" / "dist"
ASSETS = sorted(
    path.relative_to(BUNDLE).as_posix() for path in (BUNDLE / "assets").rglob("*") if path.is_file()
)


async def test_the_page_may_load_from_here_only(api):
    response = await api.http.get("/graphiql")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert re.findall(r'(?:src|href)="(?!/graphiql/|data:)[^"]*"', response.text) == []


async def test_everything_the_page_names_is_there(api):
    page = (await api.http.get("/graphiql")).text
    named = re.findall(r'(?:src|href)="(/graphiql/[^"]*)"', page)
    assert named
    for path in named:
        assert (await api.http.get(path)).status_code == 200, path


async def test_files_are_kept_by_browsers(api):
    for path in ASSETS[:3]:
        response = await api.http.get(f"/graphiql/{path}")
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "odd",
    [
        {"if-none-match": '"x", ' * 500, "accept-encoding": "identity"},
        {"accept-encoding": "gzip;q=none"},
    ],
)
async def test_odd_headers_get_the_file_as_it_is(api, odd):
    response = await api.http.get(f"/graphiql/{ASSETS[0]}", headers=odd)
    assert response.status_code == 200
    assert "content-encoding" not in response.headers
    assert response.content == (BUNDLE / ASSETS[0]).read_bytes()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_who_does_not_read_a_file_holds_no_memory(settings, tmp_path, coding: str):
    """All responses share the file's bytes: 40 of 5 MB each, unread, take less than one's."""
    largest = max(ASSETS, key=lambda path: (BUNDLE / path).stat().st_size)
    size = (BUNDLE / largest).stat().st_size
    request = f"GET /graphiql/{largest} HTTP/1.1\r\nhost: x\r\naccept-encoding: {coding}\r\n\r\n"
    with ExitStack() as stack:
        process = stack.enter_context(api_process(settings, tmp_path))
        url = f"http://{process.address}/graphiql/{largest}"
        answer = httpx.get(url, headers={"accept-encoding": coding}, trust_env=False)
        assert len(answer.content) == size
        before = process.rss_mb
        for _ in range(40):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", int(process.address.rpartition(":")[2])))
            connection.sendall(request.encode())
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
        assert process.rss_mb - before < size / 2**20


@pytest.mark.parametrize(
    "path", ["absent.js", "../index.html", "%2e%2e/%2e%2e/app.py", "..%2f..%2fapp.py"]
)
async def test_no_other_file_is_served(api, path):
    response = await api.http.get(f"/graphiql/assets/{path}")
    assert response.status_code == 404
    assert "import" not in response.text


async def test_it_can_be_switched_off(settings):
    async with serve(settings.model_copy(update={"graphiql": "off"})) as api:
        assert (await api.http.get("/graphiql")).status_code == 404
        assert (await api.http.get(f"/graphiql/{ASSETS[0]}")).status_code == 404
