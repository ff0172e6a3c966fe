"""Files arrive in parts, by tus 1.0 and by PUT, and go on after a lost connection."""

import os
import select
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from db.session import AsyncDatabase
from graph.global_id import decode_id_of
from settings import Settings
from tests import factories as make
from tests.error_links import unlinked
from tests.graph.api import Api
from tests.patience import PATIENCE_S
from web.upload_errors import UploadInUse
from web.upload_intake import UploadIntake

pytestmark = pytest.mark.anyio

STAGE = """mutation($input: StageUploadsInput!) {
    stageUploads(input: $input) { uploads { id url name sizeBytes expiresAt } userErrors { message } } }"""
TUS = {"tus-resumable": "1.0.0"}
DATA = os.urandom(100_000)


@pytest.fixture
def client(address, settings):
    """A client of a listening server that finds it under the public URL too."""
    with httpx.Client(base_url=f"http://{address}", timeout=20) as client:
        yield client


def stage(client, person, *sizes: int, name: str = "export.zip") -> list[dict]:
    files = [{"name": name, "sizeBytes": size} for size in sizes]
    answer = client.post(
        "/graphql",
        json={"query": STAGE, "variables": {"input": {"athleteId": person.id, "files": files}}},
        headers={"authorization": f"Bearer {person.token}"},
    ).json()["data"]["stageUploads"]
    assert answer["userErrors"] == []
    return answer["uploads"]


def path(upload: dict) -> str:
    return upload["url"].removeprefix("http://pacegraph.test")


def content(settings: Settings, upload: dict) -> bytes:
    number = decode_id_of("Upload", upload["id"], "id")
    return Path(settings.pacegraph_home, "uploads", str(number)).read_bytes()


def patch(client, upload, offset: int, data: bytes, **headers: str) -> httpx.Response:
    sent = {"upload-offset": str(offset), "content-type": "application/offset+octet-stream"}
    return client.patch(path(upload), content=data, headers={**TUS, **sent, **headers})


def put(client, upload, data: bytes, content_range: str | None = None) -> httpx.Response:
    headers = {} if content_range is None else {"content-range": content_range}
    return client.put(path(upload), content=data, headers=headers)


def test_tus_sends_parts_and_asks_how_far_it_came(client, settings, person, db):
    [upload] = stage(client, person, len(DATA))
    asked = client.head(path(upload), headers=TUS)
    assert (asked.status_code, asked.headers["upload-offset"]) == (200, "0")
    assert asked.headers["upload-length"] == "100000"
    assert asked.headers["cache-control"] == "no-store"
    assert patch(client, upload, 0, DATA[:30_000]).headers["upload-offset"] == "30000"
    assert client.head(path(upload)).headers["upload-offset"] == "30000"
    wrong = patch(client, upload, 20_000, DATA[20_000:])
    assert (wrong.status_code, wrong.headers["upload-offset"]) == (409, "30000")
    assert wrong.json()["errors"][0]["extensions"]["code"] == "WRONG_OFFSET"
    done = patch(client, upload, 30_000, DATA[30_000:])
    assert (done.status_code, done.headers["upload-offset"]) == (204, "100000")
    assert content(settings, upload) == DATA
    assert db.exec_driver_sql("SELECT received_bytes FROM uploads").scalars().all() == [100_000]


def test_put_sends_a_whole_file_or_ranges_of_it(client, settings, person):
    whole, ranges = stage(client, person, len(DATA), len(DATA))
    assert put(client, whole, DATA).json() == {
        "receivedBytes": 100_000, "sizeBytes": 100_000, "isComplete": True,
    }  # fmt: skip
    assert put(client, whole, DATA).status_code == 200  # again, from its beginning
    assert put(client, ranges, b"", "bytes */100000").json()["receivedBytes"] == 0
    first = put(client, ranges, DATA[:60_000], "bytes 0-59999/100000")
    assert first.json() == {"receivedBytes": 60_000, "sizeBytes": 100_000, "isComplete": False}
    assert put(client, ranges, DATA[60_000:], "bytes 60000-99999/100000").json()["isComplete"]
    assert content(settings, whole) == content(settings, ranges) == DATA


@pytest.mark.parametrize(
    ("given", "size", "says"),
    [
        ("0-99", 100, "must be `bytes FIRST-LAST/SIZE`"),
        ("bytes 0-99/5", 100, "staged with 100000 bytes, not 5"),
        ("bytes 50-200000/100000", 10, "not within the file"),
        ("bytes 5-1/100000", 10, "not within the file"),
        ("bytes 0-99/100000", 50, "disagree"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(client, person, given, size, says):
    [upload] = stage(client, person, len(DATA))
    [error] = put(client, upload, DATA[:size], given).json()["errors"]
    assert says in error["message"]
    assert unlinked(error["extensions"]) == {"code": "BAD_REQUEST", "field": "Content-Range"}


def test_tus_headers_are_required(client, person):
    [upload] = stage(client, person, len(DATA))
    assert patch(client, upload, 0, DATA, **{"tus-resumable": "0.2"}).status_code == 412
    assert patch(client, upload, 0, DATA, **{"content-type": "text/plain"}).status_code == 415
    wrong = patch(client, upload, 0, DATA, **{"upload-offset": "-1"})
    assert (wrong.status_code, wrong.json()["errors"][0]["extensions"]["field"]) == (
        400, "Upload-Offset",
    )  # fmt: skip


def test_what_arrived_before_the_connection_broke_is_kept(client, address, settings, person, db):
    [upload] = stage(client, person, len(DATA))
    host, port = address.split(":")
    head = (
        f"PATCH {path(upload)} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\n"
        "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + DATA[:70_000])
    for _ in range(200):
        offset = int(client.head(path(upload)).headers["upload-offset"])
        if offset == 70_000:
            break
    assert offset == 70_000
    assert db.exec_driver_sql("SELECT received_bytes FROM uploads").scalar_one() == 70_000
    until = time.monotonic() + PATIENCE_S
    while (rest := patch(client, upload, 70_000, DATA[70_000:])).status_code == 423:
        assert time.monotonic() < until  # the broken request has not ended yet
    assert rest.status_code == 204
    assert content(settings, upload) == DATA


def test_more_than_was_announced_is_refused(client, settings, person):
    [upload] = stage(client, person, 1000)
    for refused in (patch(client, upload, 0, DATA), put(client, upload, DATA)):
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (
            413, "BODY_TOO_LARGE",
        )  # fmt: skip

    def chunks():
        yield DATA[:900]
        yield DATA[900:]

    assert client.put(path(upload), content=chunks()).status_code == 413
    assert len(content(settings, upload)) <= 1000


def test_one_request_at_a_time_writes(client, address, settings, person):
    [upload] = stage(client, person, len(DATA))
    host, port = address.split(":")
    head = (
        f"PUT {path(upload)} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000\r\n\r\n"
    ).encode()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + DATA[:10])
        until = time.monotonic() + PATIENCE_S
        while (refused := patch(client, upload, 5, DATA[5:])).status_code != 423:
            assert refused.status_code == 409  # the first one has not begun; this writes nothing
            assert time.monotonic() < until
        assert refused.headers["retry-after"] == "1"
        connection.sendall(DATA[10:])
        assert connection.recv(20).startswith(b"HTTP/1.1 200")
    assert content(settings, upload) == DATA


def test_a_stalled_part_ends_and_can_go_on(serving, settings, person):
    address = serving(upload_stall_s=0.2)
    host, port = address.split(":")
    with httpx.Client(base_url=f"http://{address}") as client:
        [upload] = stage(client, person, len(DATA))
        head = (
            f"PUT {path(upload)} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head + DATA[:500])
            assert connection.recv(20).startswith(b"HTTP/1.1 408")
        assert client.head(path(upload)).headers["upload-offset"] == "500"
        assert patch(client, upload, 500, DATA[500:]).status_code == 204
    assert content(settings, upload) == DATA


def test_uploads_under_way_are_bounded(serving, person):
    address = serving(uploads_at_once=1)
    host, port = address.split(":")
    with httpx.Client(base_url=f"http://{address}") as client:
        first, second = stage(client, person, 1000, 1000)
        head = f"PUT {path(first)} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000\r\n\r\n"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + b"a")
            time.sleep(0.3)  # or else the second takes the place
            refused = put(client, second, bytes(1000))
            assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_BUSY"
            told = client.get("/metrics").text
            assert 'pacegraph_refused_files_total{kind="uploads"} 1.0' in told
        for _ in range(200):
            if put(client, second, bytes(1000)).status_code == 200:
                break
        assert client.head(path(second)).headers["upload-offset"] == "1000"


def test_one_athlete_leaves_places_to_others(serving, person, db):
    other = make.create_person(db)
    address = serving(uploads_at_once=4)
    host, port = address.split(":")
    with httpx.Client(base_url=f"http://{address}") as client, ExitStack() as held:
        uploads = stage(client, person, *[1000] * 50)
        for begun, whole in zip(uploads[::2], uploads[1::2], strict=True):  # until two are held
            head = f"PUT {path(begun)} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000\r\n\r\n"
            connection = held.enter_context(socket.create_connection((host, int(port))))
            connection.sendall(head.encode() + b"a")
            time.sleep(0.05)  # or else the next one takes the place
            refused = put(client, whole, bytes(1000))
            if refused.status_code == 503:
                break
        assert refused.status_code == 503, "of 25, none held its place"
        assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_BUSY"
        [theirs] = stage(client, other, 1000)
        assert put(client, theirs, bytes(1000)).status_code == 200


def test_a_part_that_drips_ends(serving, person):
    """It brings new bytes all the time, and would hold its place for days."""
    address = serving(upload_stall_s=0.5)
    host, port = address.split(":")
    with httpx.Client(base_url=f"http://{address}") as client:
        [upload] = stage(client, person, len(DATA))
        head = f"PUT {path(upload)} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
            connection.sendall(head.encode())
            began = time.monotonic()
            while not select.select([connection], [], [], 0.05)[0]:
                assert time.monotonic() - began < PATIENCE_S
                connection.sendall(b"a")
            assert connection.recv(20).startswith(b"HTTP/1.1 408")
        assert int(client.head(path(upload)).headers["upload-offset"]) > 2


def test_addresses_are_signed_and_end(client, person, db):
    [upload] = stage(client, person, 10)
    token = path(upload).removeprefix("/uploads/")
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "x", "A" * 39, token + "A"):
        assert client.head(f"/uploads/{wrong}").status_code == 404
        assert client.put(f"/uploads/{wrong}", content=b"a").status_code == 404
    db.exec_driver_sql("UPDATE uploads SET expires_at = now()")
    assert put(client, upload, b"a" * 10).status_code == 404


def test_an_upload_can_be_deleted_until_an_import_has_it(client, settings, person, db):
    first, second = stage(client, person, 10, 10)
    put(client, first, b"a" * 10)
    assert client.delete(path(first)).status_code == 204
    assert client.head(path(first)).status_code == 404
    assert list(Path(settings.pacegraph_home, "uploads").iterdir()) == []
    put(client, second, b"a" * 10)
    query = """mutation($input: ImportActivitiesInput!) {
        importActivities(input: $input) { job { id } userErrors { message } } }"""
    given = {"athleteId": person.id, "uploadIds": [second["id"]]}
    client.post(
        "/graphql",
        json={"query": query, "variables": {"input": given}},
        headers={"authorization": f"Bearer {person.token}"},
    )
    assert client.delete(path(second)).status_code == 409
    assert put(client, second, b"b" * 10).status_code == 409


async def test_a_file_that_an_import_has_taken_meanwhile_stays_whole(client, settings, person, db):
    """Between a request's look at the upload and its first byte."""
    [staged] = stage(client, person, 10)
    put(client, staged, b"a" * 10)
    database = AsyncDatabase(settings, application_name="test")
    intake = UploadIntake(settings, database)
    found = await intake.find(path(staged).rpartition("/")[2])
    make.create_job(db, person.athlete_id, kind="IMPORT", status="RUNNING")
    db.execute(text("UPDATE uploads SET job_id = (SELECT id FROM jobs)"))
    with pytest.raises(UploadInUse):
        await intake.take(found, 0, receive_nothing, from_start=True)
    assert content(settings, staged) == b"a" * 10
    db.execute(text("UPDATE uploads SET job_id = NULL"))
    taken = await intake.take(found, 0, receive_nothing, from_start=True)
    assert (taken.received, content(settings, staged)) == (0, b"")
    assert db.execute(text("SELECT received_bytes FROM uploads")).scalar_one() == 0
    intake.close()
    await database.close()


async def receive_nothing() -> dict:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_other_sites_pages_may_send_where_cors_allows(settings):
    from tests.graph.api import serve

    allowed = settings.model_copy(update={"cors_origins": ("https://app.example",)})
    async with serve(allowed) as api:
        asked = {"origin": "https://app.example", "access-control-request-method": "PATCH"}
        preflight = await api.http.options("/uploads/x", headers=asked)
        assert preflight.status_code == 204
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        refused = await api.http.head("/uploads/x", headers={"origin": "https://app.example"})
        assert "upload-offset" in refused.headers["access-control-expose-headers"]
        assert preflight.headers["tus-version"] == "1.0.0"


async def test_the_log_has_no_address(api: Api, caplog):
    with caplog.at_level("INFO", logger="pacegraph.request"):
        await api.http.head("/uploads/something-secret")
    assert "something-secret" not in caplog.text


def test_a_wrong_method_is_told_all_right_ones(client):
    answer = client.get("/uploads/x")
    assert (answer.status_code, answer.headers["allow"]) == (
        405,
        "DELETE, HEAD, OPTIONS, PATCH, PUT",
    )
    assert answer.headers["allow"] in answer.json()["errors"][0]["message"]


def test_a_full_disk_is_told_and_the_upload_goes_on_later(client, settings, person):
    [upload] = stage(client, person, 10)
    number = decode_id_of("Upload", upload["id"], "id")
    file = Path(settings.pacegraph_home, "uploads", str(number))
    file.parent.mkdir(exist_ok=True)
    file.symlink_to("/dev/full")
    refused = patch(client, upload, 0, b"0123456789")
    assert (refused.status_code, refused.headers["retry-after"]) == (507, "60")
    assert "disk is full" in refused.json()["errors"][0]["message"]
    file.unlink()
    assert patch(client, upload, 0, b"0123456789").status_code == 204
    assert content(settings, upload) == b"0123456789"
