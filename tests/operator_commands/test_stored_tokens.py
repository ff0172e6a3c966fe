"""Stored tokens that no key decrypts are found, told and forgotten."""

import pytest
from pydantic import SecretStr

import cli
from db.encryption import KeyRing
from local.generated_secrets import new_encryption_key
from operator_commands.doctor import diagnose
from operator_commands.stored_tokens import StoredTokens, examine, forget_unreadable
from tests import factories as make
from tests.logs.log_state import logs_restored
from tests.lost_connections import connections_ended, once_each_transaction

NEW, OLD, LOST = (SecretStr(new_encryption_key()) for _ in range(3))


def connect(db, key: SecretStr, expires_at: str) -> int:
    """Make an athlete with a connection whose tokens `key` encrypted; returns the athlete's id."""
    athlete_id = make.create_athlete(db)
    token = KeyRing([key]).encrypt(SecretStr("token"))
    make.create_connection(
        db, athlete_id, access_token=token, refresh_token=token, token_expires_at=expires_at
    )
    return athlete_id


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([NEW, OLD], StoredTokens(1, 2, is_empty=False)),
        ([NEW], StoredTokens(1, None, is_empty=False)),
        ([LOST], StoredTokens(None, None, is_empty=False)),
    ],
)
def test_the_newest_and_the_oldest_are_decrypted(db, keys, found):
    assert examine(db, keys) == StoredTokens()
    connect(db, OLD, "2026-01-01T00:00:00Z")
    connect(db, LOST, "2026-01-02T00:00:00Z")
    connect(db, NEW, "2026-01-03T00:00:00Z")
    assert examine(db, keys) == found
    assert found.are_readable is (None not in {found.newest, found.oldest})


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ([NEW, OLD], "OK       key ring: 2 keys, the first encrypts; key 1 decrypts the newest"),
        ([NEW], "PROBLEM  key ring: no key decrypts the oldest stored token. Put the key"),
        ([LOST], "PROBLEM  key ring: no key decrypts the newest stored token. Put the key"),
    ],
)
def test_doctor_tells(db, settings, capsys, keys, says):
    connect(db, OLD, "2026-01-01T00:00:00Z")
    connect(db, NEW, "2026-01-03T00:00:00Z")
    diagnose(settings.model_copy(update={"token_encryption_keys": tuple(keys)}))
    assert says in capsys.readouterr().out


def test_unreadable_ones_are_forgotten_and_the_rows_stay(db, settings):
    lost = connect(db, LOST, "2026-01-01T00:00:00Z")
    kept = connect(db, NEW, "2026-01-03T00:00:00Z")
    changed = settings.model_copy(update={"token_encryption_keys": (NEW,)})
    assert forget_unreadable(changed) == 1
    assert forget_unreadable(changed) == 0
    query = "SELECT athlete_id FROM strava_connections WHERE refused_at IS {} NULL"
    assert db.exec_driver_sql(query.format("NOT")).scalars().all() == [lost]
    assert db.exec_driver_sql(query.format("")).scalars().all() == [kept]
    assert examine(db, [NEW]).are_readable


def test_the_command_asks_first(db, settings, monkeypatch, capsys, tmp_path):
    connect(db, LOST, "2026-01-01T00:00:00Z")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", NEW.get_secret_value())
    with logs_restored():
        assert cli.main(["forget-connections"]) == 1
        assert "Nothing was done" in capsys.readouterr().err
        assert cli.main(["forget-connections", "--yes"]) == 0
    assert "forgot the tokens of 1 athletes" in capsys.readouterr().out


def test_a_lost_connection_repeats_only_its_batch(db, database_url, settings, monkeypatch):
    monkeypatch.setattr("operator_commands.stored_tokens._BATCH", 2)
    for day in range(1, 6):
        connect(db, LOST, f"2026-01-0{day}T00:00:00Z")
    changed = settings.model_copy(update={"token_encryption_keys": (NEW,)})
    with connections_ended(database_url, once_each_transaction(2)) as ended:
        assert forget_unreadable(changed) == 5
    assert len(ended) == 4
