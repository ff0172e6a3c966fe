"""What we install: pinned by hash, from no address of our own; and no known vulnerability, where
that can be asked.

`python -m tests.security.supply_chain` asks with pip-audit and `npm audit`, and says of each whether
it got an answer. It fails on a vulnerability, and where nobody answers: then only the pins are known.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
_TIMEOUT_S = 60
NO_ANSWER = 3
_PINNED = re.compile(r"(?m)^([\w.\-\[\]]+)==([^\s;\\]+)")
_ADDRESS_OPTION = re.compile(
    r"(?m)^\s*(?:--(?:extra-)?index-url|-i|--find-links|-f|--trusted-host)\b"
)
_ADDRESS_OF_PACKAGES = re.compile(
    r"https?://[^\s\"']*(?:/simple\b|pypi|/-/[^\s\"']*\.tgz)[^\s\"']*"
)
_PUBLIC = re.compile(r"https://(?:registry\.npmjs\.org|pypi\.org)/")


def unpinned(lock: str) -> list[str]:
    """Requirements of a lock file that have no exact version or no hash."""
    found = []
    for block in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", lock).strip()):
        name = block.split()[0] if block.split() else ""
        if not _PINNED.match(block) or "--hash=sha256:" not in block:
            found.append(name)
    return [name for name in found if name]


def unpinned_npm(lock: dict[str, Any]) -> list[str]:
    """Packages of a package-lock.json without a hash."""
    packages = lock["packages"].items()
    return [
        name
        for name, each in packages
        if name and not each.get("link") and not each.get("integrity")
    ]


def addresses(text: str) -> list[str]:
    """Options and addresses that say where packages come from; the public registries' own are not
    counted.
    """
    options = [found.group().strip() for found in _ADDRESS_OPTION.finditer(text)]
    named = [found for found in _ADDRESS_OF_PACKAGES.findall(text) if not _PUBLIC.match(found)]
    return options + named


def committed(*endings: str) -> Iterator[Path]:
    """Files that git has, by how their names end."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return (
        ROOT / name
        for name in listed.split("\0")
        if name.endswith(endings) and (ROOT / name).is_file()
    )


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def _pip_audit() -> list[str] | None:
    """Vulnerabilities; None where nobody answers."""
    options = [
        "-r",
        LOCKS[-1],
        "--require-hashes",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "-f",
        "json",
    ]
    output = _run([sys.executable, "-m", "pip_audit", *options], ROOT)
    packages = json.loads(output)["dependencies"] if output.startswith("{") else []
    if not any("vulns" in each for each in packages):
        return None
    return [
        f"{each['name']} {each['version']}: {found['id']}"
        for each in packages
        for found in each.get("vulns", ())
    ]


def _npm_audit(lock: Path) -> list[str] | None:
    if shutil.which("npm") is None:
        return None
    output = _run(["npm", "audit", "--json", "--package-lock-only"], lock.parent)
    report = json.loads(output) if output.startswith("{") else {}
    if "vulnerabilities" not in report:
        return None
    return [f"{name}: {each['severity']}" for name, each in report["vulnerabilities"].items()]


def main(arguments: Sequence[str] = ()) -> int:
    """Ask, print the answers, and give the exit code.

    0: every registry answered, and knows of nothing. 1: a vulnerability. 3: a registry gave no
    answer, so nothing is known; with `--allow-no-answer` that is 0, and the last line says so.
    """
    asked = {"pip-audit": _pip_audit()}
    asked |= {
        f"npm audit in {lock.parent.relative_to(ROOT)}": _npm_audit(lock)
        for lock in committed("package-lock.json")
    }
    for name, found in asked.items():
        says = "no answer" if found is None else "; ".join(found) or "nothing known"
        sys.stdout.write(f"{name}: {says}\n")
    if any(asked.values()):
        return 1
    silent = [name for name, found in asked.items() if found is None]
    if not silent:
        return 0
    sys.stdout.write(
        f"NOT AUDITED ({', '.join(silent)}): no registry answered; only the hashes are checked. "
        "Run `make audit` where the registries can be reached.\n"
    )
    return 0 if "--allow-no-answer" in arguments else NO_ANSWER


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
