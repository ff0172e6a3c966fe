"""docs/first-app.md, as a new user follows it: its commands and files as they stand, in an empty folder.

Only the addresses are others, because a machine may have these ports in use.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.browser.conftest import free_port, served_home, server
from tests.clients.world import FOLDER
from tests.demo import synced

pytestmark = pytest.mark.first_app

PAGE = (FOLDER.parents[1] / "docs" / "first-app.md").read_text()
_STEP = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_API, _SITE = "127.0.0.1:8000", "127.0.0.1:5173"
WITHIN_S = 15 * 60
RENDER = """
import { renderToStaticMarkup } from 'react-dom/server';
import { Client, fetchExchange } from 'urql';
import { Bests, BestsQuery } from './src/Bests';

const headers = { Authorization: `Bearer ${process.env.TOKEN}` };
const client = new Client({
  url: `${process.env.SITE}/graphql`,
  preferGetMethod: false,
  exchanges: [fetchExchange],
  fetchOptions: { headers },
});
const { data, error } = await client.query(BestsQuery, {}).toPromise();
if (error) throw error;
console.log(renderToStaticMarkup(<Bests athlete={data!.viewer!.athlete!} />));
"""
"""What the browser does with the page's component and its query, as a program."""


@contextmanager
def vite(folder: Path) -> Iterator[str]:
    """`npx vite`, on a port that is free."""
    port = free_port()
    command = ["npx", "vite", "--port", str(port), "--strictPort"]
    # A session of its own: npx does not end what it started.
    process = subprocess.Popen(command, cwd=folder, start_new_session=True)
    site = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                httpx.get(site, trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield site
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def follow(folder: Path, api: str) -> None:
    """Run each command and write each file of the page, in its order."""
    for name, language, text in _STEP.findall(PAGE):
        step = text.replace(_API, api)
        if name:
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(step)
        elif language == "sh":
            subprocess.run(["bash", "-euc", step], cwd=folder, check=True)


def test_from_an_empty_folder_to_a_page_of_bests() -> None:
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-first-app-"))
    with served_home() as home, server(home, free_port()) as facts:
        print(f"pacegraph is ready after {time.monotonic() - began:.0f} s")  # noqa: T201
        follow(folder, facts["url"].removeprefix("http://"))
        print(f"the app is built after {time.monotonic() - began:.0f} s")  # noqa: T201
        synced(facts)
        (folder / "render.tsx").write_text(RENDER)
        build = "npx vite build --ssr render.tsx --outDir rendered"
        subprocess.run(build.split(), cwd=folder, check=True)
        with vite(folder) as site:
            assert "/src/main.tsx" in httpx.get(site, trust_env=False).text
            assert is_signed_in_by_cookie(site)
            known = {"TOKEN": facts["tokens"]["athlete"], "SITE": site}
            shown = subprocess.run(
                ["node", "rendered/render.js"],
                cwd=folder,
                env=os.environ | known,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
    shutil.rmtree(folder)
    assert shown.count("<tr>") == 1 + 9
    assert "<th>400 m</th><td>1:19</td>" in shown
    (points,) = re.findall(r'<polyline points="([^"]+)"', shown)
    assert len(points.split()) == 9
    assert points.split()[0] == "0,0"
    took = time.monotonic() - began
    print(f"bests and their chart are shown after {took:.0f} s")  # noqa: T201
    assert took < WITHIN_S


def is_signed_in_by_cookie(site: str) -> bool:
    """Whether the page's link signs the browser in for the page too."""
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.get(f"{site}/auth/strava").status_code == 200
        asked = browser.post(f"{site}/graphql", json={"query": "{ viewer { id } }"})
        return asked.json()["data"]["viewer"] is not None
