"""systemd reads the units as they are meant."""

import shutil
import subprocess

import pytest

from tests.operations.programs import DEPLOY, ROOT

pytestmark = pytest.mark.operations


def test_systemd_finds_no_fault(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    units = []
    for source in (DEPLOY / "systemd").glob("*.service"):
        unit = tmp_path / source.name.replace("@.", "@8000.")
        unit.write_text(source.read_text().replace("/opt/pacegraph", str(ROOT)))
        units.append(unit)
    assert len(units) == 2
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    ours = [line for line in told.stderr.splitlines() if "pacegraph" in line]
    assert (told.returncode, ours) == (0, [])
