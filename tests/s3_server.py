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
IN_HOST = "127"
"""A bucket whose host `127.0.0.1` is found without a name server: the endpoint's is `0.0.1`."""
KEY, SECRET = "key-of-the-bucket", "secret-of-the-bucket"


class S3Server:
    """With an empty bucket, BUCKET, or IN_HOST if requests name it there; it checks signatures."""

    def __init__(self, folder: Path, *, in_host: bool = False) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._folder, self._log = folder / "data", folder / "nanio.log"
        self._in_host = in_host
        self._bucket = self._folder / (IN_HOST if in_host else BUCKET)
        self._bucket.mkdir(parents=True)
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        values = {
            "NANIO_ACCESS_KEY": KEY,
            "NANIO_SECRET_KEY": SECRET,
            "NANIO_DATA_DIR": str(self._folder),
        }
        program = ["nanio", "serve"]
        if self._in_host:
            program = ["uvicorn", "--factory", "tests.s3_in_host:build_app"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *program, "--host", "127.0.0.1", "--port", str(self._port)],
                cwd=Path(__file__).parents[1],
                env=child_environment(**values),
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
        made = type(settings)(_env_file=None, **kept | values | changes)
        if not self._in_host:
            return made
        host = {"originals_s3_bucket": IN_HOST, "originals_s3_addressing": "host"}
        # Validated, it would be http://0.0.0.1.
        return made.model_copy(
            update=host | {"originals_s3_endpoint": f"http://0.0.1:{self._port}"}
        )
