"""An S3 server in a process of its own (nanio), which can be stopped, go on, and be killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from settings import Settings, child_environment
from tests.patience import PATIENCE_S

BUCKET = "recordings"
KEY, SECRET = "key-of-the-bucket", "secret-of-the-bucket"


class S3Server:
    """With the bucket BUCKET, empty; it checks signatures."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._folder, self._log = folder / "data", folder / "nanio.log"
        self._bucket = self._folder / BUCKET
        self._bucket.mkdir(parents=True)
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        keys = {"NANIO_ACCESS_KEY": KEY, "NANIO_SECRET_KEY": SECRET}
        command = [sys.executable, "-m", "nanio", "serve", "--host", "127.0.0.1"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port), "--data-dir", str(self._folder)],
                env=child_environment(**keys),
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                httpx.get(self.url, timeout=PATIENCE_S)
            except httpx.TransportError:
                assert time.monotonic() < until, self._log.read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Let it take connections and answer nothing, until `go_on`."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def names(self) -> set[str]:
        """The names of all objects."""
        files = (each for each in self._bucket.rglob("*") if each.is_file())
        named = (each.relative_to(self._bucket).as_posix() for each in files)
        return {each for each in named if not each.startswith(".")}

    def empty(self) -> None:
        for name in self.names():
            (self._bucket / name).unlink()

    def used_by(self, settings: Settings, **changes) -> Settings:
        """The settings with originals here; a request takes at most half a second."""
        values = {
            "originals": "s3",
            "originals_s3_bucket": BUCKET,
            "originals_s3_endpoint": self.url,
            "originals_s3_access_key": KEY,
            "originals_s3_secret_key": SECRET,
            "originals_s3_timeout_s": 0.5,
            "originals_s3_retries": 0,
        }
        kept = {name: getattr(settings, name) for name in settings.model_fields_set}
        return type(settings)(_env_file=None, **kept | values | changes)
