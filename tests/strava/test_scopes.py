"""Scopes as the athlete's browser brings them, which may have changed them."""

import pytest

from strava.scopes import GrantedScopes


@pytest.mark.parametrize(
    ("given", "known", "unknown"),
    [
        ("read,activity:read_all,profile:read_all", ["read", "activity:read_all", "profile:read_all"], 0),
        ("activity:read read", ["activity:read", "read"], 0),
        ("read,,read, activity:read", ["read", "activity:read"], 0),
        ("", [], 0),
        ("read,evil", ["read"], 1),
        ("read\r\nx-injected: 1,activity:read", ["read", "activity:read"], 2),
        ("read\x00,activity:read_all", ["activity:read_all"], 1),
        ("READ", [], 1),
        ("x" * 3000, [], 2),
        ("read," + "x" * 3000, ["read"], 2),
        ("x," * 3000, [], 501),
    ],
)  # fmt: skip
def test_only_words_of_strava_are_kept(given, known, unknown):
    scopes = GrantedScopes.from_callback(given)
    assert (list(scopes.known), scopes.unknown) == (known, unknown)


@pytest.mark.parametrize(
    ("given", "allows"),
    [("read", False), ("activity:read", True), ("activity:read_all", True), ("activity:write", False)],
)  # fmt: skip
def test_a_sync_needs_to_read_activities(given, allows):
    assert GrantedScopes.from_callback(given).allow_syncs is allows
