"""`pacegraph run` refuses at once, before anything is started, what cannot work."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from local.home import Home
from settings import child_environment

ROOT = Path(__file__).resolve().parent.parent.parent


def pacegraph_run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "run"],
        cwd=folder,
        env=child_environment(
            PYTHONPATH=str(ROOT), PACEGRAPH_HOME=str(folder / "home"), **environment
        ),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_taken_port_is_named_before_anything_is_started(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = pacegraph_run(tmp_path, PORT=str(port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"pacegraph: PORT: cannot listen on 127.0.0.1:{port} (")
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_folder_in_use_names_the_other(tmp_path):
    home = Home(tmp_path / "home")
    with home.claimed():
        home.publish({"url": "other"})
        result = pacegraph_run(tmp_path)
        assert home.run_file.exists()  # the other's
    assert result.returncode == 1
    assert f"with process id {os.getpid()}" in result.stderr


def test_run_json_is_whole_and_private(tmp_path):
    home = Home(tmp_path)
    home.publish({"tokens": {}})
    assert home.run_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_stale_run_json_is_removed_when_the_folder_is_claimed(tmp_path):
    home = Home(tmp_path)
    home.publish({})
    with home.claimed():
        assert not home.run_file.exists()
