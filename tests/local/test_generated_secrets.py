from cryptography.fernet import Fernet

from local.generated_secrets import new_encryption_key, new_secret_key, stored_secret
from settings import load_settings


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path):
    first = stored_secret(tmp_path / "key", new_secret_key)
    assert stored_secret(tmp_path / "key", new_secret_key) == first
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_the_secrets_are_valid_settings():
    key = new_encryption_key()
    load_settings(env_file=None, secret_key=new_secret_key(), token_encryption_keys=key)
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"token")) == b"token"
