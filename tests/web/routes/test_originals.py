"""The athlete fetches a file back as it came, by an address that ends, and deletes it."""

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from db.original_codec import pack
from graph.global_id import encode_id
from runtime.original_folder import OriginalFolder
from tests import factories as make
from tests.originals import create_original

CONTENT = b"<gpx>" + bytes(range(256)) * 4000
SHOWN = """query($id: ID!) { activity(id: $id) { recordings {
    original { id fileName sizeBytes sha256 keptAt downloadUrl } } } }"""
DELETE = """mutation($id: ID!) { deleteOriginal(input: {id: $id}) {
    deletedId activities { id original { id } } userErrors { field code } } }"""


class Client(httpx.Client):
    def ask(self, query: str, token: str, given: str) -> dict:
        answer = self.post(
            "/graphql",
            json={"query": query, "variables": {"id": given}},
            headers={"authorization": f"Bearer {token}"},
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]


@pytest.fixture
def client(address):
    with Client(base_url=f"http://{address}", timeout=20) as client:
        yield client


@pytest.fixture
def activity(db, person) -> int:
    return make.create_activity(db, person.athlete_id, source="FILE", strava_id=None)


def shown(client, person, activity: int) -> dict | None:
    [recording] = client.ask(SHOWN, person.token, encode_id("Activity", activity))["activity"][
        "recordings"
    ]
    return recording["original"]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def test_it_is_fetched_back_and_deleted(client, person, activity, db, settings):
    assert shown(client, person, activity) is None
    number = create_original(db, person.athlete_id, activity, CONTENT, file_name="Lauf “a”.gpx")
    told = shown(client, person, activity)
    assert (told["id"], told["fileName"]) == (encode_id("Original", number), "Lauf “a”.gpx")
    assert told["sizeBytes"] == len(CONTENT)
    path = told["downloadUrl"].removeprefix(settings.url)
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["etag"] == f'"{told["sha256"]}"'
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=utf-8''Lauf%20%E2%80%9Ca%E2%80%9D.gpx"
    )
    assert answer.headers["cache-control"] == "no-store"
    head = client.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))

    other = make.create_person(db)
    assert client.ask(SHOWN, other.token, encode_id("Activity", activity))["activity"] is None
    refused = client.ask(DELETE, other.token, told["id"])["deleteOriginal"]
    assert refused["userErrors"] == [{"field": ["input", "id"], "code": "NOT_FOUND"}]
    assert client.get(path).status_code == 200
    assert client.ask(DELETE, person.token, told["id"])["deleteOriginal"] == {
        "deletedId": told["id"],
        "activities": [{"id": encode_id("Activity", activity), "original": None}],
        "userErrors": [],
    }
    assert refusal(client.get(path)) == (404, "NOT_FOUND")
    assert shown(client, person, activity) is None


def test_one_in_the_folder_is_deleted_with_its_file(client, person, activity, db, settings):
    number = create_original(db, person.athlete_id, activity, CONTENT, place="FOLDER", content=None)
    folder = OriginalFolder(settings)
    path = shown(client, person, activity)["downloadUrl"].removeprefix(settings.url)
    missing = client.get(path)
    assert refusal(missing) == (404, "NOT_FOUND")
    assert "ORIGINALS_FOLDER" in missing.text
    folder.write(number, b"no zstd")
    assert shown(client, person, activity) is not None
    client.ask(DELETE, person.token, encode_id("Original", number))
    assert not folder.path_of(number).exists()


def test_one_that_cannot_be_deleted_stays(serving, person, activity, db, settings, tmp_path):
    number = create_original(db, person.athlete_id, activity, CONTENT, place="FOLDER", content=None)
    (tmp_path / "file").write_bytes(b"")
    address = serving(originals_folder=tmp_path / "file")
    with Client(base_url=f"http://{address}", timeout=20) as client:
        path = shown(client, person, activity)["downloadUrl"].removeprefix(settings.url)
        assert refusal(client.get(path)) == (503, "TOO_BUSY")
        refused = client.ask(DELETE, person.token, encode_id("Original", number))["deleteOriginal"]
        assert refused == {
            "deletedId": None, "activities": [],
            "userErrors": [{"field": None, "code": "UNAVAILABLE"}],
        }  # fmt: skip
        assert shown(client, person, activity) is not None


def test_a_file_takes_a_slot_before_it_is_read(serving, person, activity, db, settings):
    number = create_original(db, person.athlete_id, activity, CONTENT, place="FOLDER", content=None)
    folder = OriginalFolder(settings)
    folder.make()
    os.mkfifo(folder.path_of(number))  # whoever reads it waits for who writes it
    with (
        Client(base_url=f"http://{serving(exports_at_once=1)}", timeout=10) as client,
        ThreadPoolExecutor() as threads,
    ):
        path = shown(client, person, activity)["downloadUrl"].removeprefix(settings.url)
        first = threads.submit(client.get, path)
        with folder.path_of(number).open("wb") as written:  # opened once it is read
            assert client.head(path).status_code == 200
            assert refusal(client.get(path)) == (503, "TOO_BUSY")
            written.write(pack(io.BytesIO(CONTENT), len(CONTENT), len(CONTENT) + 100))
        assert first.result().content == CONTENT


def test_large_files_take_turns(serving, person, db, settings):
    """They are in memory while they are sent."""
    other = make.create_person(db)
    there = {"place": "FOLDER", "content": None}
    given = [(person, CONTENT, there), (person, CONTENT + b"2", {}), (other, CONTENT, {})]
    found = []
    for owner, content, where in given:
        run = make.create_activity(db, owner.athlete_id, source="FILE", strava_id=None)
        number = create_original(db, owner.athlete_id, run, content, **where)
        found.append((owner, run, number))
    db.exec_driver_sql("UPDATE originals SET packed_bytes = 10000000")
    folder = OriginalFolder(settings)
    folder.make()
    os.mkfifo(folder.path_of(found[0][2]))  # whoever reads it waits for who writes it
    with (
        Client(base_url=f"http://{serving()}", timeout=10) as client,
        ThreadPoolExecutor() as threads,
    ):
        urls = [shown(client, owner, run)["downloadUrl"] for owner, run, _ in found]
        first, second, theirs = (each.removeprefix(settings.url) for each in urls)
        held = threads.submit(client.get, first)
        with folder.path_of(found[0][2]).open("wb") as written:  # opened once it is read
            assert refusal(client.get(second)) == (503, "TOO_BUSY")
            assert client.get(theirs).content == CONTENT
            written.write(pack(io.BytesIO(CONTENT), len(CONTENT), len(CONTENT) + 100))
        assert held.result().content == CONTENT
        assert client.get(second).content == CONTENT + b"2"


def test_an_address_ends_and_cannot_be_made_up(serving, person, activity, db, settings):
    create_original(db, person.athlete_id, activity, CONTENT)
    address = serving(original_link_s=1.0)
    with Client(base_url=f"http://{address}", timeout=20) as client:
        url = shown(client, person, activity)["downloadUrl"]
        path = url.removeprefix(settings.url)
        assert client.get(path).status_code == 200
        assert refusal(client.get(path[:-2] + ("AA" if path[-2:] != "AA" else "BB")))[0] == 404
        upload = client.get(path.replace("/originals/", "/exports/"))
        assert refusal(upload) == (404, "NOT_FOUND")
        time.sleep(2.3)
        over = client.get(path)
        assert refusal(over) == (404, "NOT_FOUND")
        assert "downloadUrl" in over.text
