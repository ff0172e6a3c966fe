"""Settings: described, documented in .env.example, and refused in one line that names the one at
fault.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from settings import InvalidSettings, Settings, child_environment, load_settings

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / ".env.example"


def test_every_setting_has_a_description_of_one_line():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description, name


def test_the_example_lists_every_setting_with_its_description_in_order():
    listed = re.findall(r"^# (.+)\n([A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert [(name.lower(), description) for description, name in listed] == [
        (name, field.description) for name, field in Settings.model_fields.items()
    ]


def test_the_example_holds_the_defaults():
    assert load_settings(env_file=str(EXAMPLE)) == load_settings(env_file=None)
    assert Settings.model_fields.keys() == load_settings(env_file=None).model_dump().keys()


def test_an_unknown_name_in_the_example_would_be_noticed():
    names = re.findall(r"^#? ?([A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert {name.lower() for name in names} == set(Settings.model_fields)
    assert len(names) == len(Settings.model_fields)


def pacegraph(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=folder,
        env=child_environment(PYTHONPATH=str(ROOT), **environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eight", "integer"),
        ("PORT", "70000", "65535"),
        ("DATABASE_URL", "mysql://somewhere/else", "postgresql://"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("SECRET_KEY", "short", "32 characters"),
        ("TOKEN_ENCRYPTION_KEYS", "not-a-key", "32 bytes"),
        ("ADMIN_ATHLETE_IDS", "7,x", "integer"),
        ("SHARING", "maybe", "'on' or 'off'"),
        ("STRAVA_API_URL", "strava", "URL"),
        ("DATABASE_PRE_PING", "perhaps", "boolean"),
    ],
)
def test_a_wrong_setting_gives_one_line_and_exit_code_2(tmp_path, name, value, says):
    result = pacegraph(tmp_path, "migrate", **{name: value})
    assert result.returncode == 2
    assert result.stdout == ""
    assert re.fullmatch(rf"pacegraph: {name}: [^\n]*{re.escape(says)}[^\n]*\n", result.stderr), (
        result.stderr
    )


def test_a_wrong_secret_is_not_shown(tmp_path):
    result = pacegraph(
        tmp_path,
        "migrate",
        SECRET_KEY="tell-nobody",
        DATABASE_URL="mysql://user:tell-nobody@host/x",
    )
    assert result.returncode == 2
    assert "tell-nobody" not in result.stderr


def test_a_missing_setting_is_named(tmp_path):
    result = pacegraph(tmp_path, "api")
    assert result.returncode == 2
    assert result.stderr.startswith("pacegraph: DATABASE_URL: is not set")
    assert result.stderr.count("\n") == 1


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nHOST=10.0.0.1\n")
    monkeypatch.setenv("PORT", "9001")
    settings = load_settings(env_file=str(file))
    assert (settings.port, settings.host) == (9001, "10.0.0.1")


def test_the_values_given_win_over_both_and_an_empty_one_is_unset(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nHOST=10.0.0.1\nLOG_LEVEL=DEBUG\nNOT_OURS=1\n")
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("HOST", "10.0.0.2")
    settings = load_settings(env_file=str(file), log_level="ERROR")
    assert (settings.port, settings.host, settings.log_level) == (9000, "10.0.0.2", "ERROR")


def test_names_are_read_in_any_case(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("port=9000\n")
    monkeypatch.setenv("Cors_Origins", "https://app.example, https://b.example")
    settings = load_settings(env_file=str(file))
    assert settings.port == 9000
    assert settings.cors_origins == ("https://app.example", "https://b.example")


def test_lists_are_separated_by_commas():
    settings = load_settings(env_file=None, admin_athlete_ids="1, 2,")
    assert settings.admin_athlete_ids == (1, 2)


def test_require_names_the_first_that_is_missing():
    settings = load_settings(env_file=None, redis_url="redis://host")
    settings.require("redis_url")
    with pytest.raises(InvalidSettings, match=r"^TOKEN_ENCRYPTION_KEYS: is not set"):
        settings.require("redis_url", "token_encryption_keys", "database_url")


@pytest.mark.parametrize(
    "name", ["pacegraph_home", "uploads_folder", "exports_folder", "originals_folder"]
)
def test_a_folder_may_be_made_but_is_no_file(tmp_path, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for wrong in ("file", "file/below", "loop", "x" * 300):
        with pytest.raises(InvalidSettings, match=f"{name.upper()}: .*folder"):
            load_settings(None, **{name: tmp_path / wrong})
    for right in (tmp_path, tmp_path / "new" / "below"):
        assert getattr(load_settings(None, **{name: right}), name) == right
