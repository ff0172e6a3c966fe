"""From a request to its document: by text, by the manifest, by a registered hash; and the store of
those.
"""

import asyncio
import json
import signal

import pytest
from redis.asyncio import Redis

from local.redis import start_redis
from settings import InvalidSettings, load_settings
from web.documents.automatic_persisted_queries import KEPT_S, OVERHEAD_BYTES, PersistedQueries
from web.documents.persisted_documents import (
    NoDocument,
    PersistedDocuments,
    PersistedQueryHashMismatch,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    UntrustedDocument,
    document_check,
)
from web.documents.trusted_documents import TrustedDocuments, hash_of

pytestmark = pytest.mark.anyio

TEXT, OTHER = "query Scopes { viewer { scopes } }", "query Secret { __typename }"
DIGEST = hash_of(TEXT)
MANIFEST = {"one": TEXT}


def apq(digest=DIGEST, query=None, version=1):
    named = {"extensions": {"persistedQuery": {"version": version, "sha256Hash": digest}}}
    return named if query is None else {"query": query, **named}


@pytest.fixture
async def redis(redis_url):
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def make(redis, tmp_path):
    """Makes what another process would have, with settings; `manifest` writes its file."""

    def documents(manifest=None, **settings) -> PersistedDocuments:
        if manifest is not None:
            (tmp_path / "manifest.json").write_text(json.dumps(manifest))
            settings["trusted_documents_manifest"] = tmp_path / "manifest.json"
        return PersistedDocuments.from_settings(load_settings(None, **settings), redis)

    return documents


async def text_of(documents, request):
    """Both ways must say the same."""
    at_once = documents.text_of_now(request)
    text = await documents.text_of(request)
    assert at_once in {None, text}
    return text


# --- the forms of a request


async def test_a_text_is_what_runs(make):
    documents = make()
    assert documents.text_of_now({"query": TEXT, "variables": {}, "extensions": {}}) == TEXT
    assert await documents.text_of({"query": TEXT}) == TEXT


@pytest.mark.parametrize("mode", ["off", "log", "enforce"])
async def test_documents_of_the_manifest_are_found_by_each_way_of_naming_them(make, mode):
    documents = make(MANIFEST, trusted_documents=mode)
    requests = [
        {"documentId": "one"},
        {"documentId": f"sha256:{DIGEST}"},
        {"doc_id": "one", "query": None},
        {"id": "one", "query": ""},
        apq("one"),
        apq(),
        {"query": "", "extensions": {"persistedQuery": "one"}},  # graphql-ws's recipe
        {"extensions": {"persistedQuery": f"sha256:{DIGEST}"}},
        {"query": TEXT},
    ]
    assert [documents.text_of_now(request) for request in requests] == [TEXT] * len(requests)
    assert [await documents.text_of(request) for request in [*requests, apq("one", TEXT)]] == [
        TEXT
    ] * 10


async def test_an_example_of_the_definition_has_its_hash():
    """The one in the draft of GraphQL over HTTP's appendix on persisted documents."""
    text = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}"
    assert hash_of(text) == "7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e"


MALFORMED = {
    "nothing": {},
    "null": {"query": None},
    "query no string": {"query": 1},
    "query no string, with id": {"query": ["x"], "documentId": "one"},
    "id no string": {"documentId": 1},
    "id empty": {"documentId": ""},
    "id too long": {"documentId": "x" * 1025},
    "hash no string": apq(1),
    "no hash": {"extensions": {"persistedQuery": {"version": 1}}},
    "no object": {"extensions": {"persistedQuery": ["x"]}, "query": TEXT},
    "other version": apq(version=2),
    "other version, with text": apq(version=2, query=TEXT),
}


@pytest.mark.parametrize("mode", ["off", "log", "enforce"])
@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
async def test_a_request_without_a_document_is_refused(make, request_, mode):
    documents = make(MANIFEST, trusted_documents=mode)
    assert documents.text_of_now(request_) is None
    with pytest.raises(NoDocument) as error:
        await documents.text_of(request_)
    assert (error.value.status, error.value.extensions["code"]) == (422, "BAD_REQUEST")


# --- trusted documents


async def test_enforce_runs_nothing_else(make):
    documents = make(MANIFEST, trusted_documents="enforce")
    for request in (
        {"query": OTHER},
        {"query": f"{TEXT} "},
        {"documentId": "absent"},
        {"documentId": "one", "query": OTHER},
        apq(hash_of(OTHER)),
        apq(hash_of(OTHER), OTHER),
    ):
        assert documents.text_of_now(request) is None
        with pytest.raises(UntrustedDocument) as error:
            await documents.text_of(request)
        assert (error.value.status, error.value.extensions["code"]) == (403, "UNTRUSTED_DOCUMENT")
    assert documents.untrusted == 6


@pytest.mark.parametrize("mode", ["log", "enforce"])
async def test_nothing_is_registered_with_trusted_documents(make, redis, mode):
    documents = make(MANIFEST, trusted_documents=mode)
    for text in (TEXT, OTHER):
        await documents.register(apq(hash_of(text), text), text, "account:1")
    assert await redis.dbsize() == 0


async def test_what_was_registered_before_does_not_run_under_enforce(make):
    before = make()
    await before.register(apq(hash_of(OTHER), OTHER), OTHER, "account:1")
    with pytest.raises(UntrustedDocument):
        await make(MANIFEST, trusted_documents="enforce").text_of(apq(hash_of(OTHER)))


async def test_log_runs_all_and_says_what_is_missing_once_a_minute(make, caplog):
    documents = make(MANIFEST, trusted_documents="log")
    for _ in range(3):
        assert await text_of(documents, {"query": OTHER, "variables": {"secret": "4711"}}) == OTHER
        assert await text_of(documents, {"query": TEXT}) == TEXT
    [record] = caplog.records
    assert (record.document, record.operation) == (hash_of(OTHER), "Secret")
    assert "4711" not in str(vars(record))
    assert documents.untrusted == 3


async def test_the_log_is_bounded(make, caplog):
    documents = make(MANIFEST, trusted_documents="log")
    for number in range(1200):
        await documents.text_of({"query": f"query A{number} {{ apiVersion }}"})
    assert (len(caplog.records), documents.untrusted) == (1000, 1200)


async def test_enforce_without_a_manifest_is_a_wrong_setting(make):
    with pytest.raises(
        InvalidSettings,
        match="TRUSTED_DOCUMENTS_MANIFEST: is not set, but TRUSTED_DOCUMENTS=enforce",
    ):
        make(trusted_documents="enforce")


async def test_a_changed_manifest_counts_for_requests_of_all_kinds(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(MANIFEST))
    trusted = TrustedDocuments(path, document_check(load_settings(None)), look_every_s=0)
    documents = PersistedDocuments("enforce", trusted, None)
    path.write_text(json.dumps({"two": OTHER}))
    answers = await asyncio.gather(*(documents.text_of({"documentId": "two"}) for _ in range(5)))
    assert answers == [OTHER] * 5
    path.write_text(json.dumps(MANIFEST))
    assert documents.text_of_now({"query": OTHER}) is None
    with pytest.raises(UntrustedDocument):
        await documents.text_of({"query": OTHER})


# --- automatic persisted queries


async def test_a_hash_is_known_once_its_text_was_registered(make):
    one, other = make(), make()
    with pytest.raises(PersistedQueryNotFound) as error:
        await one.text_of(apq())
    assert (error.value.message, error.value.extensions) == (
        "PersistedQueryNotFound",
        {"code": "PERSISTED_QUERY_NOT_FOUND"},
    )
    assert await text_of(one, apq(query=TEXT)) == TEXT
    with pytest.raises(PersistedQueryNotFound):
        await other.text_of(apq())  # what was not sound, or not paid for, is not registered
    await one.register(apq(query=TEXT), TEXT, "account:1")
    for documents in (one, other):
        assert await text_of(documents, apq()) == TEXT
        assert documents.text_of_now(apq()) == TEXT  # no round trip
        assert await text_of(documents, {"documentId": f"sha256:{DIGEST}"}) == TEXT


async def test_text_and_hash_must_belong_together(make, redis):
    documents = make()
    for request in (
        apq(DIGEST, OTHER),
        apq("x", OTHER),
        {"documentId": f"sha256:{DIGEST}", "query": OTHER},
    ):
        assert documents.text_of_now(request) is None
        with pytest.raises(PersistedQueryHashMismatch) as error:
            await documents.text_of(request)
        assert (error.value.status, error.value.extensions["code"]) == (
            422,
            "PERSISTED_QUERY_HASH_MISMATCH",
        )
        await documents.register(request, OTHER, "account:1")
    assert await redis.dbsize() == 0


@pytest.mark.parametrize("settings", [{"persisted_queries": "off"}, {"trusted_documents": "log"}])
async def test_where_none_are_registered_clients_hear_it(make, settings):
    documents = make(**settings)
    with pytest.raises(PersistedQueryNotSupported) as error:
        await documents.text_of(apq())
    assert (error.value.message, error.value.extensions) == (
        "PersistedQueryNotSupported",
        {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
    )
    assert await text_of(documents, apq(query=TEXT)) == TEXT


async def test_a_text_that_is_not_its_hash_s_any_more_is_not_run(make, redis):
    await make().register(apq(query=TEXT), TEXT, "account:1")
    [letter, *_] = (await redis.hget("pacegraph:apq:texts", DIGEST)).decode()
    await redis.hset("pacegraph:apq:texts", DIGEST, letter + OTHER)
    with pytest.raises(PersistedQueryNotFound):
        await make().text_of(apq())


SUMS = [f"bytes:{share}" for share in range(1, 17)]


@pytest.mark.parametrize("digest", [*SUMS, "a" * 63, "A" * 64, "é" * 64, "a" * 64 + "\n"])
async def test_what_is_no_hash_is_not_looked_up(make, digest):
    await make().register(apq(query=TEXT), TEXT, "account:1")
    documents = make()
    with pytest.raises(PersistedQueryNotFound):
        await documents.text_of(apq(digest))
    assert await documents.text_of(apq()) == TEXT  # and nothing went wrong in Redis


async def test_without_redis_a_hash_is_not_found_and_texts_run(tmp_path):
    service = start_redis(tmp_path)
    async with Redis.from_url(service.url) as redis:
        documents = PersistedDocuments.from_settings(load_settings(None), redis)
        await documents.register(apq(query=TEXT), TEXT, "account:1")
        service.stop()
        assert await text_of(documents, apq()) == TEXT  # this process has it
        with pytest.raises(PersistedQueryNotFound):
            await PersistedDocuments.from_settings(load_settings(None), redis).text_of(apq())
        await documents.register(apq(hash_of(OTHER), OTHER), OTHER, "account:1")
        assert await text_of(documents, apq(hash_of(OTHER))) == OTHER


async def test_a_redis_that_hangs_holds_nobody_for_long(tmp_path):
    service = start_redis(tmp_path)
    async with Redis.from_url(service.url) as redis:
        documents = PersistedDocuments.from_settings(load_settings(None), redis)
        service.process.send_signal(signal.SIGSTOP)
        started = asyncio.get_running_loop().time()
        for _ in range(10):
            with pytest.raises(PersistedQueryNotFound):
                await documents.text_of(apq())
        assert asyncio.get_running_loop().time() - started < 2.5
        service.process.send_signal(signal.SIGCONT)
    service.stop()


# --- the store's bound


def texts_of(size, number, owner=""):
    return [f"query {owner}_{index} {{ apiVersion }} #".ljust(size, "x") for index in range(number)]


async def kept(redis, texts):
    """Which of the texts a process that starts now would find."""
    return [await PersistedQueries(redis, 10**9).find(hash_of(text)) is not None for text in texts]


async def held(redis):
    """Bytes of the texts and their entries, as they are and as they are counted."""
    fields = await redis.hgetall("pacegraph:apq:texts")
    counted = sum(int(value) for name, value in fields.items() if name.startswith(b"bytes:"))
    texts = [value[1:] for name, value in fields.items() if not name.startswith(b"bytes:")]
    assert counted == sum(map(len, texts)) + OVERHEAD_BYTES * len(texts)
    return counted


async def test_the_least_recently_used_go_first(redis):
    queries = PersistedQueries(redis, 4 * (1000 + OVERHEAD_BYTES))
    texts = texts_of(1000, 6)
    for text in texts[:4]:
        await queries.add(hash_of(text), text, "account:1")
    assert await kept(redis, texts[:1]) == [True]  # which is a use
    for text in texts[4:]:
        await queries.add(hash_of(text), text, "account:1")
    assert await kept(redis, texts) == [True, False, False, True, True, True]
    assert await held(redis) == 4 * (1000 + OVERHEAD_BYTES)


async def test_the_bound_holds_while_many_register_at_once(redis, redis_url):
    bound = 50_000
    # A busy machine is not to pass for a Redis that is away.
    clients = [Redis.from_url(redis_url) for _ in range(4)]
    processes = [PersistedQueries(client, bound, patience_s=10) for client in clients]
    texts = [text for owner in range(20) for text in texts_of(200 + 150 * owner, 15, f"o{owner}")]
    await asyncio.gather(
        *(
            queries.add(hash_of(text), text, f"account:{number % 7}")
            for number, text in enumerate(texts)
            for queries in processes
        )
    )
    assert 0.9 * bound < await held(redis) <= bound
    for client in clients:
        await client.aclose()


async def test_texts_are_counted_in_bytes(redis):
    queries = PersistedQueries(redis, 2000)
    text = '{ node(id: "%s") { id } }' % ("é" * 800)
    await queries.add(hash_of(text), text, "account:1")
    assert await kept(redis, [text]) == [True]
    await queries.add(hash_of(text + "é" * 100), text + "é" * 100, "account:1")
    # it alone is more than all may be
    assert await kept(redis, [text, text + "é" * 100]) == [True, False]
    assert await held(redis) <= 2000


async def test_nobody_pushes_the_others_out(redis):
    queries = PersistedQueries(redis, 100_000)
    honest = texts_of(500, 20, "honest")
    for text in honest:
        await queries.add(hash_of(text), text, "account:1")
    for text in texts_of(2000, 200, "hostile"):
        await queries.add(hash_of(text), text, "address:2")
    assert await kept(redis, honest) == [True] * 20


async def test_what_is_not_used_for_a_day_is_dropped(redis):
    queries = PersistedQueries(redis, 100_000)
    old, new = texts_of(500, 2)
    await queries.add(hash_of(old), old, "account:1")
    [used] = await redis.keys("pacegraph:apq:used:*")
    assert KEPT_S - 5 < await redis.ttl(used) <= KEPT_S
    assert KEPT_S - 5 < await redis.ttl("pacegraph:apq:texts") <= KEPT_S
    await redis.zincrby(used, -KEPT_S - 1, hash_of(old))
    await queries.add(hash_of(new), new, "account:1")
    assert await held(redis) == 500 + OVERHEAD_BYTES
    assert await kept(redis, [old, new]) == [False, True]
    await redis.zincrby(used, -KEPT_S - 1, hash_of(new))
    assert await kept(redis, [new]) == [False]
    assert await held(redis) == 0


@pytest.mark.parametrize("lost", ["texts", "used:*", "*"])
async def test_the_store_mends_itself(redis, lost):
    queries = PersistedQueries(redis, 10_000)
    texts = texts_of(1000, 20)
    for text in texts[:7]:
        await queries.add(hash_of(text), text, "account:1")
    await redis.delete(*await redis.keys(f"pacegraph:apq:{lost}"))
    for text in texts[7:]:
        await queries.add(hash_of(text), text, "account:1")
    assert await kept(redis, texts[-5:]) == [True] * 5
    assert await held(redis) <= 10_000


async def test_a_flush_and_a_restart_of_redis_cost_one_more_request(make, redis):
    documents = make()
    await documents.register(apq(query=TEXT), TEXT, "account:1")
    await redis.flushall()
    await redis.script_flush()
    other = make()
    with pytest.raises(PersistedQueryNotFound):
        await other.text_of(apq())
    await other.register(apq(query=TEXT), TEXT, "account:1")
    assert await make().text_of(apq()) == TEXT


async def test_a_process_keeps_a_bounded_part(redis):
    queries = PersistedQueries(redis, 10_000)
    texts = texts_of(1000, 30)
    for text in texts:
        await queries.add(hash_of(text), text, "account:1")
    held_texts = [text for text in texts if queries.known(hash_of(text))]
    assert held_texts == texts[-10:]
    assert sum(map(len, held_texts)) == queries.memory_characters <= 10_000
