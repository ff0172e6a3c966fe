"""Manifests: the formats of three tools, what is wrong with one, and one that changes."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from settings import InvalidSettings, load_settings
from web.documents.persisted_documents import document_check
from web.documents.trusted_documents import (
    ManifestUnusable,
    TrustedDocuments,
    hash_of,
    read_manifest,
)

pytestmark = pytest.mark.anyio

DATA = Path(__file__).parents[1] / "data"
CHECK = document_check(load_settings(None, document_max_tokens=1000, body_max_bytes=20_000))
SCOPES = {
    "relay": "query ScopesQuery {\n  viewer {\n    scopes\n  }\n}\n",
    "apollo": "query Scopes {\n  viewer {\n    scopes\n    __typename\n  }\n}",
    "codegen": "query Scopes { viewer { __typename scopes } }",
}
HASH = {"relay": hashlib.md5, "apollo": hashlib.sha256, "codegen": hashlib.sha1}


def manifest_of(tmp_path, content) -> Path:
    path = tmp_path / "manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("tool", SCOPES)
def test_manifests_of_three_tools_are_read(tool):
    manifest, text = read_manifest(DATA / f"{tool}.json", CHECK), SCOPES[tool]
    sha256 = hash_of(text)
    for identifier in (HASH[tool](text.encode()).hexdigest(), sha256, f"sha256:{sha256}"):
        assert manifest.find(identifier) == text
    assert text in manifest
    assert text.strip() + " " not in manifest
    assert manifest.find("absent") is None


async def test_a_folder_has_a_manifest_of_each_client(tmp_path):
    for tool in SCOPES:
        (tmp_path / f"{tool}.json").write_text((DATA / f"{tool}.json").read_text())
    (tmp_path / "notes.txt").write_text("no manifest")
    trusted = TrustedDocuments(tmp_path, CHECK, look_every_s=0)
    assert all(text in trusted.manifest for text in SCOPES.values())
    assert not trusted.is_stale
    (tmp_path / "phone.json").write_text('{"one": "{ apiVersion }"}')
    assert trusted.is_stale
    await trusted.refresh()
    assert trusted.manifest.find("one") == "{ apiVersion }"
    (tmp_path / "watch.json").write_text('{"one": "{ apiVersion }"}')  # the same is no conflict
    read_manifest(tmp_path, CHECK)


def test_a_folder_needs_manifests_that_agree(tmp_path):
    with pytest.raises(ManifestUnusable, match="a folder without a file"):
        read_manifest(tmp_path, CHECK)
    (tmp_path / "phone.json").write_text('{"one": "{ apiVersion }"}')
    (tmp_path / "watch.json").write_text('{"one": "{ __typename }"}')
    with pytest.raises(ManifestUnusable, match=r"watch\.json: the id 'one' has another text"):
        read_manifest(tmp_path, CHECK)


def apollo(*operations, **changes):
    return {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": list(operations),
    } | changes


WRONG = {
    "no JSON": ("{", "is not JSON"),
    "no UTF-8": ('{"a": "\udcff"}', "is not JSON"),
    "deep": ("[" * 100_000, "is not JSON"),
    "list": ([], "is not a manifest"),
    "text": ('"text"', "is not a manifest"),
    "empty": ({}, "has no documents"),
    "no operations": (apollo(), "has no documents"),
    "other format": (apollo(format="other"), "has an unknown format"),
    "other version": (apollo(version=2), "has an unknown format"),
    "operations no list": (apollo(operations={}), "`operations` must be a list"),
    "operation no object": (apollo("text"), "`operations` must be a list"),
    "no id": (apollo({"name": "A", "body": "{ apiVersion }"}), "without an id: '{ apiVersion }'"),
    "no body": (apollo({"id": "one", "name": "A"}), "'one' has no text"),
    "text no string": ({"one": {"body": "{ apiVersion }"}}, "'one' has no text"),
    "blank text": ({"one": " "}, "'one' has no text"),
    "id twice": ('{"one": "{ apiVersion }", "one": "{ __typename }"}', "'one' occurs twice"),
    "id twice, Apollo": (
        apollo({"id": "one", "body": "{ apiVersion }"}, {"id": "one", "body": "{ __typename }"}),
        "'one' occurs twice",
    ),
    "another's hash": (
        {f"sha256:{hash_of('{ __typename }')}": "{ apiVersion }"},
        "is not the SHA-256 of its text",
    ),
    "no GraphQL": ({"one": "{"}, "'one' cannot be used: Syntax Error"),
    "too many tokens": (
        {"one": f"{{ {'apiVersion ' * 1000} }}"},
        "Syntax Error: Document contains more than 1000",
    ),
    "too long": (
        {"one": "{ apiVersion } #" + "x" * 20_000},
        "The document has 20016 characters. The maximum is 20000",
    ),
    "too deep": ({"one": "{ a " * 20 + "}" * 20}, "selects fields 20 levels deep"),
    "far too deep": ({"one": "{a" * 490}, "'one' cannot be used: Syntax Error"),
}


@pytest.mark.parametrize(("content", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_line(tmp_path, content, expected):
    path = tmp_path / "manifest.json"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ManifestUnusable) as error:
        read_manifest(path, CHECK)
    assert str(error.value).startswith(f"{path}: ")
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(path))


def test_a_missing_file_is_said(tmp_path):
    for path, reason in (
        (tmp_path / "absent.json", "No such file"),
        (tmp_path, "a folder without"),
    ):
        with pytest.raises(InvalidSettings, match=rf"TRUSTED_DOCUMENTS_MANIFEST: .*{reason}"):
            TrustedDocuments(path, CHECK)


@pytest.fixture
def trusted(tmp_path):
    """A manifest with one document, whose file is looked at each time."""
    return TrustedDocuments(manifest_of(tmp_path, {"one": "{ apiVersion }"}), CHECK, look_every_s=0)


async def test_a_changed_manifest_is_read_again(trusted, tmp_path):
    assert not trusted.is_stale
    manifest_of(tmp_path, {"two": "{ __typename }"})
    assert trusted.is_stale
    await trusted.refresh()
    assert (trusted.manifest.find("one"), trusted.manifest.find("two")) == (None, "{ __typename }")
    assert not trusted.is_stale


async def test_a_broken_manifest_leaves_the_one_before_and_is_logged_once(
    trusted, tmp_path, caplog
):
    manifest_of(tmp_path, "{")
    for _ in range(3):
        if trusted.is_stale:
            await trusted.refresh()
    assert trusted.manifest.find("one") == "{ apiVersion }"
    assert [record.getMessage()[:24] for record in caplog.records] == ["the manifest has changed"]
    assert "is not JSON" in caplog.text
    (tmp_path / "manifest.json").unlink()
    assert trusted.is_stale
    await trusted.refresh()
    assert trusted.manifest.find("one") == "{ apiVersion }"
    manifest_of(tmp_path, {"two": "{ __typename }"})
    assert trusted.is_stale
    await trusted.refresh()
    assert trusted.manifest.find("two") == "{ __typename }"


async def test_a_file_put_in_the_place_of_another_is_noticed(trusted, tmp_path):
    """As deployments do it; of the same length, and with the old one's time."""
    path = tmp_path / "manifest.json"
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    fresh = tmp_path / "fresh.json"
    fresh.write_text(json.dumps({"two": "{ apiVersion }"}))
    os.utime(fresh, ns=times)
    fresh.rename(path)
    assert trusted.is_stale


def test_the_file_is_not_looked_at_for_every_request(tmp_path):
    trusted = TrustedDocuments(
        manifest_of(tmp_path, {"one": "{ apiVersion }"}), CHECK, look_every_s=60
    )
    manifest_of(tmp_path, {"two": "{ __typename }"})
    assert not trusted.is_stale
