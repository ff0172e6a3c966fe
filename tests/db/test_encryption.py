"""The key ring: what any key wrote opens, keys rotate, and a missing key is said."""

import pytest
from pydantic import SecretStr

from db.encryption import KeyRing, UndecipherableSecret
from local.generated_secrets import new_encryption_key

OLD, NEW, OTHER = (SecretStr(new_encryption_key()) for _ in range(3))
SECRET = SecretStr("a token of Strava's, ünïcode too")


def test_a_secret_comes_back():
    ring = KeyRing([OLD])
    ciphertext = ring.encrypt(SECRET)
    assert ring.decrypt(ciphertext) == SECRET
    assert b"token" not in ciphertext
    assert ring.encrypt(SECRET) != ciphertext


def test_keys_rotate():
    written = KeyRing([OLD]).encrypt(SECRET)
    both = KeyRing([NEW, OLD])
    assert both.decrypt(written) == SECRET
    rewritten = both.reencrypt(written)
    assert KeyRing([NEW]).decrypt(rewritten) == SECRET
    assert KeyRing([NEW]).decrypt(both.encrypt(SECRET)) == SECRET
    with pytest.raises(UndecipherableSecret):
        KeyRing([OLD]).decrypt(rewritten)


@pytest.mark.parametrize(
    "ciphertext", [b"", b"short", b"\x00" * 100], ids=["empty", "short", "zeros"]
)
def test_what_no_key_opens_is_refused(ciphertext):
    for act in (KeyRing([OTHER]).decrypt, KeyRing([OTHER]).reencrypt):
        with pytest.raises(UndecipherableSecret, match="TOKEN_ENCRYPTION_KEYS"):
            act(ciphertext)


@pytest.mark.parametrize("keys", [[], [SecretStr("short")]], ids=["none", "malformed"])
def test_a_ring_needs_sound_keys(keys):
    with pytest.raises(ValueError):
        KeyRing(keys)
