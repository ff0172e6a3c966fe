"""Archives are downloaded whole or in parts, by who knows the address, until they end."""

import os
import socket
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests import factories as make

DATA = os.urandom(300_000)


@pytest.fixture
def client(address):
    with httpx.Client(base_url=f"http://{address}", timeout=20) as client:
        yield client


@pytest.fixture
def archive(db, person, settings) -> Path:
    """One that is ready, with the token "known"."""
    job = make.create_job(db, person.athlete_id, kind="EXPORT")
    number = make.create_export(
        db, job, person.athlete_id, token="known", size_bytes=len(DATA), ready_at=make.NOON
    )
    folder = Path(settings.pacegraph_home, "exports")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(number)).write_bytes(DATA)
    return folder / str(number)


def test_it_is_sent_whole(client, archive):
    answer = client.get("/exports/known")
    assert (answer.status_code, answer.content) == (200, DATA)
    headers = answer.headers
    assert headers["content-type"] == "application/zip"
    assert headers["content-length"] == "300000"
    assert headers["content-disposition"] == (
        f'attachment; filename="pacegraph-{make.NOON:%Y-%m-%dT%H-%M-%SZ}.zip"'
    )
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in headers
    asked = client.head("/exports/known")
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == "300000"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [("bytes=0-9", 0, 10), ("bytes=299990-", 299_990, 300_000), ("bytes=-5", 299_995, 300_000)],
)
def test_parts_are_sent_so_that_a_download_goes_on(client, archive, asked, first, end):
    etag = client.head("/exports/known").headers["etag"]
    answer = client.get("/exports/known", headers={"range": asked, "if-range": etag})
    assert (answer.status_code, answer.content) == (206, DATA[first:end])
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/300000"
    other = client.get("/exports/known", headers={"range": asked, "if-range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, 300_000)


def test_a_part_beyond_the_end_is_refused(client, archive):
    answer = client.get("/exports/known", headers={"range": "bytes=300000-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */300000")


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def test_a_wrong_address_and_one_whose_time_is_over_look_the_same(client, archive, db):
    wrong = client.get("/exports/unknown")
    assert refusal(wrong) == (404, "NOT_FOUND")
    assert "exportAthlete" in wrong.text
    assert refusal(client.get("/exports/" + "x" * 5000)) == (404, "NOT_FOUND")
    assert refusal(client.get(f"/exports/{archive.name}")) == (404, "NOT_FOUND")
    db.exec_driver_sql(
        "UPDATE exports SET expires_at = %s", (datetime.now(UTC) - timedelta(seconds=1),)
    )
    over = client.get("/exports/known")
    assert (over.status_code, over.content) == (404, wrong.content)
    db.exec_driver_sql("UPDATE exports SET expires_at = NULL, ready_at = NULL")
    assert refusal(client.get("/exports/known")) == (404, "NOT_FOUND")


def test_a_file_that_is_elsewhere_is_told_of(client, archive):
    archive.unlink()
    answer = client.get("/exports/known")
    assert refusal(answer) == (404, "NOT_FOUND")
    assert "EXPORTS_FOLDER" in answer.text


@contextmanager
def reading_nothing(address: str):
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"GET /exports/known HTTP/1.1\r\nHost: a\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        yield


def test_an_athlete_has_half_of_the_downloads(serving, archive, db, settings):
    archive.write_bytes(DATA * 100)
    other = make.create_person(db).athlete_id
    number = make.create_export(
        db, make.create_job(db, other, kind="EXPORT"), other, token="other", size_bytes=5,
        ready_at=make.NOON,
    )  # fmt: skip
    archive.with_name(str(number)).write_bytes(b"other")
    address = serving(exports_at_once=4)
    with (
        httpx.Client(base_url=f"http://{address}", timeout=20) as client,
        reading_nothing(address),
        reading_nothing(address),
    ):
        assert refusal(client.get("/exports/known")) == (503, "TOO_BUSY")
        assert client.get("/exports/other").content == b"other"


def test_who_reads_too_slowly_is_cut(serving, archive):
    archive.write_bytes(DATA * 100)
    address = serving(exports_at_once=1, upload_stall_s=0.3)
    with httpx.Client(base_url=f"http://{address}", timeout=20) as client, reading_nothing(address):
        assert refusal(client.get("/exports/known")) == (503, "TOO_BUSY")
        time.sleep(1)
        assert client.get("/exports/known").content == DATA * 100
        told = client.get("/metrics").text
        assert 'pacegraph_refused_files_total{kind="downloads"} 1.0' in told
        assert 'pacegraph_stalled_files_total{kind="downloads"} 1.0' in told
        assert "pacegraph_downloads_under_way 0.0" in told


def test_downloads_at_once_are_bounded(serving, archive):
    archive.write_bytes(DATA * 100)
    host, port = serving(exports_at_once=1).split(":")
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=20) as client:
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(b"GET /exports/known HTTP/1.1\r\nHost: a\r\n\r\n")
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
            busy = client.get("/exports/known")
            assert refusal(busy) == (503, "TOO_BUSY")
            assert busy.headers["retry-after"] == "5"
        for _ in range(100):
            answer = client.get("/exports/known", headers={"range": "bytes=0-9"})
            if answer.status_code == 206:
                break
            time.sleep(0.05)
        assert answer.content == DATA[:10]
