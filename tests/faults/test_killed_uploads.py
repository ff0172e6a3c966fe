"""The API is killed while a file arrives: what is on the disk is the file's beginning, and it goes on."""

import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from settings import Settings
from tests import factories as make
from tests.conftest import SECRETS
from tests.web.api_process import ApiProcess, api_process
from tests.web.routes.test_uploads import TUS, content, patch, path, stage

pytestmark = pytest.mark.kills
DATA = os.urandom(6 << 20)
_WRITTEN_AT_ONCE = 1 << 20


def _send_some(address: str, upload: dict, begin: int, end: int) -> socket.socket:
    """Begin to send all of the rest, and stop in the middle."""
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = (
        f"PATCH {path(upload)} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(DATA) - begin}\r\n"
        f"Content-Type: application/offset+octet-stream\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: {begin}\r\n\r\n"
    )
    connection.sendall(head.encode() + DATA[begin:end])
    return connection


def test_what_arrived_before_a_kill_is_the_files_beginning(settings: Settings, db, tmp_path: Path):
    told = {"secret_key": SecretStr(SECRETS["secret_key"]), "public_url": "http://pacegraph.test"}
    settings = settings.model_copy(update=told)
    person, kept, upload = make.create_person(db), 0, {}
    for end in (2 << 20, (4 << 20) + 77):
        with api_process(settings, tmp_path) as api, _client(api) as client:
            if not upload:
                [upload] = stage(client, person, len(DATA))
            with _send_some(api.address, upload, kept, end):
                written = kept + _WRITTEN_AT_ONCE
                while _size(settings, upload) < written:
                    time.sleep(0.05)
                os.kill(api.pid, signal.SIGKILL)
        with api_process(settings, tmp_path) as api, _client(api) as client:
            kept = int(client.head(path(upload), headers=TUS).headers["upload-offset"])
            assert written <= kept <= end
            assert content(settings, upload) == DATA[:kept]
            received = "SELECT received_bytes FROM uploads"
            assert db.exec_driver_sql(received).scalars().all() == [kept]
    with api_process(settings, tmp_path) as api, _client(api) as client:
        assert patch(client, upload, kept, DATA[kept:]).status_code == 204
    assert content(settings, upload) == DATA


def _client(api: ApiProcess) -> httpx.Client:
    return httpx.Client(base_url=f"http://{api.address}", timeout=20, trust_env=False)


def _size(settings: Settings, upload: dict) -> int:
    try:
        return len(content(settings, upload))
    except FileNotFoundError:
        return 0
