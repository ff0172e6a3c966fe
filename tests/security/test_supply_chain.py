"""Everything installed is pinned by hash, and no committed file names where packages are to come
from.
"""

import json

import pytest

from tests.security import supply_chain
from tests.security.supply_chain import LOCKS, ROOT, addresses, committed, unpinned, unpinned_npm


@pytest.mark.parametrize("name", LOCKS)
def test_python_packages_are_pinned_by_hash(name: str):
    lock = (ROOT / name).read_text()
    assert lock.count("==") > 20
    assert unpinned(lock) == []


def test_npm_packages_are_pinned_by_hash():
    locks = list(committed("package-lock.json"))
    assert locks
    assert {str(lock): unpinned_npm(json.loads(lock.read_text())) for lock in locks} == {
        str(lock): [] for lock in locks
    }


def test_no_file_names_an_index_or_a_registry():
    files = committed(
        ".lock", ".txt", ".toml", ".cfg", ".ini", ".json", ".sh", ".npmrc", "Makefile", ".ci/run"
    )
    found = {str(each.relative_to(ROOT)): addresses(each.read_text()) for each in files}
    assert {name: what for name, what in found.items() if what} == {}


def test_what_is_not_pinned_is_noticed():
    assert unpinned(
        "a==1 \\\n    --hash=sha256:00\n    # via b\nb==2\nc>=3 \\\n    --hash=sha256:00\n"
    ) == [
        "b==2",
        "c>=3",
    ]
    assert unpinned_npm(
        {"packages": {"": {}, "a": {"integrity": "sha512-x"}, "b": {}, "c": {"link": True}}}
    ) == ["b"]
    assert addresses("--index-url https://mirror.example/simple\n") != []
    assert addresses('"resolved": "https://mirror.example/npm/a/-/a-1.tgz"') != []
    assert addresses('"resolved": "https://registry.npmjs.org/a/-/a-1.tgz"') == []


def test_an_audit_that_got_no_answer_is_not_green(monkeypatch, capsys):
    monkeypatch.setattr(supply_chain, "_run", lambda *_: "")
    assert supply_chain.main() == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT AUDITED (pip-audit, npm")


def test_checks_go_on_without_an_answer_and_say_so_last(monkeypatch, capsys):
    monkeypatch.setattr(supply_chain, "_run", lambda *_: "")
    assert supply_chain.main(["--allow-no-answer"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT AUDITED (pip-audit, npm")


def test_a_vulnerability_fails(monkeypatch):
    known = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}
    monkeypatch.setattr(supply_chain, "_run", lambda *_: json.dumps({"dependencies": [known]}))
    assert supply_chain.main() == 1
    assert supply_chain.main(["--allow-no-answer"]) == 1


def test_an_answer_without_a_vulnerability_is_green(monkeypatch):
    def answer(command, _):
        pip = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
        return json.dumps({"vulnerabilities": {}} if command[0] == "npm" else pip)

    monkeypatch.setattr(supply_chain, "_run", answer)
    monkeypatch.setattr(supply_chain.shutil, "which", lambda _: "npm")
    assert supply_chain.main() == 0
