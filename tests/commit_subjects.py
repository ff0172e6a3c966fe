"""Checks that commit subjects have at most 72 characters: those since BASE, or of one message.

    python -m tests.commit_subjects [file of a commit message]

The file is what git gives to a commit-msg hook (.pre-commit-config.yaml).
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = "54e95d0f63224fae33d683ba4337343a3d68b32e"
"""The last commit before the rule; older subjects may be longer."""
MAX_CHARACTERS = 72


def too_long(subjects: list[str]) -> list[str]:
    return [
        f"{len(subject)} of at most {MAX_CHARACTERS} characters: {subject}"
        for subject in subjects
        if len(subject) > MAX_CHARACTERS
    ]


def subject_of(message: str) -> str:
    """Return the first line that is no comment of git's; empty for an empty message."""
    lines = (line for line in message.splitlines() if line and not line.startswith("#"))
    return next(lines, "")


def subjects_since_base() -> list[str] | None:
    """Return None where the base is not there: in a shallow clone, or without git."""
    if _git("cat-file", "-e", f"{BASE}^{{commit}}").returncode:
        return None
    return _git("log", "--no-merges", "--format=%s", f"{BASE}..HEAD").stdout.splitlines()


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def main(arguments: list[str]) -> int:
    if arguments:
        subjects: list[str] | None = [subject_of(Path(arguments[0]).read_text())]
    else:
        subjects = subjects_since_base()
    if subjects is None:
        print(f"Commit {BASE} is not in this clone: no subject was checked.")
        return 0
    faults = too_long(subjects)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
